"""Hooks of dodo.py: when and where they run, their arguments, and what they can do."""

from __future__ import annotations

import json
import time
from textwrap import dedent

import pytest

from capdoit.testing import DODO, Project
from tests.scenarios.test_values_from_commands import write_settings
from tests.support import MakeProject, deploy, further, printed_words, write_command_hook, write_hooks, write_recipe

EVERYWHERE = (
    DODO
    + """
def say(name):
    def hook(host, release):
        host.run(["echo", f"<{name}>", release.name])
    hook.__name__ = name
    return hook

def first(host):
    host.run("echo '<before_starting>'")
cap.before("starting")(first)
for step in ("starting", "started", "updating", "updated", "reverting", "reverted", "publishing", "published",
             "finishing", "finishing_rollback", "finished"):
    if step != "starting":
        cap.before(step)(say("before_" + step))
    cap.after(step)(say("after_" + step))
"""
)
CHOOSY = (
    DODO
    + """
@cap.after("started", roles="db")
def on_db(host):
    host.run("echo '<on_db>'")

@cap.after("started", roles=("db", "cache"))
def on_either(host):
    host.run("echo '<on_either>'")

@cap.after("started", primary=True)
def on_primary(host):
    host.run("echo '<on_primary>'")

@cap.after("started", primary=True, roles="db")
def on_primary_db(host):
    host.run("echo '<on_primary_db>'")

@cap.after("started", once=True, roles="web")
def once(hosts):
    for host in hosts:
        host.run(["echo", "<once " + ",".join(h.name for h in hosts) + ">"])

@cap.after("started", flows=("rollback",))
def in_rollbacks(host):
    host.run("echo '<in_rollbacks>'")
"""
)
ABLE = (
    DODO
    + """
import json
from pathlib import Path

@cap.after("updated", primary=True)
def try_all(host, release):
    Path("up").write_bytes(bytes(range(256)) * 300)
    Path("up").chmod(0o750)
    remote = release.path + "/it's $HOME & more"
    host.upload("up", remote)
    host.download(remote, "down")
    try:
        host.run("exit 4")
    except Exception as error:
        status = error.status
    Path("tried").write_text(json.dumps({
        "capture": host.capture("printf '  a\\\\n\\\\nb\\\\n\\\\n'"),
        "words": host.capture(["printf", "%s|", "a b", "$HOME", "it's", "", "-n", "*"]),
        "true": host.test("test -d shared", cwd=str(Path(release.path).parent.parent)),
        "false": host.test(["test", "-e", release.path + "/no such thing"]),
        "cwd": host.capture("pwd", cwd=release.path),
        "env": host.capture('printf %s "$FROM_YML $FROM_HOOK"', env={"FROM_HOOK": "x $(echo y) 'z'"}),
        "stdin": host.capture("cat; echo end"),
        "mode": host.capture(["stat", "-c", "%a", remote]),
        "machine": host.machine["cat"](release.path + "/app.txt"),
        "status": status,
        "release": [release.name, release.path, release.revision, release.previous, release.left],
        "roles": list(host.roles),
        "name": host.name,
    }))
"""
)


# -- when and where


def test_hooks_run_before_and_after_every_step_of_both_flows(project: Project) -> None:
    project.dodo(EVERYWHERE)
    first, done = deploy(project), project.doit("deploy:production", check=True)
    steps = ["starting", "started", "updating", "updated", "publishing", "published", "finishing", "finished"]
    assert (
        printed_words(done.out, "web1")
        == printed_words(done.out, "web2")
        == [f"{w}_{s}" for s in steps for w in ("before", "after")]
    )
    done = project.doit("rollback:production", check=True)
    steps = [
        "starting",
        "started",
        "reverting",
        "reverted",
        "publishing",
        "published",
        "finishing_rollback",
        "finished",
    ]
    assert (
        printed_words(done.out, "web1")
        == printed_words(done.out, "web2")
        == [f"{w}_{s}" for s in steps for w in ("before", "after")]
    )
    assert f"<before_publishing> {first}" in done.out


def test_roles_primary_once_and_flows_choose_where_a_hook_runs(make_project: MakeProject) -> None:
    project = make_project(4)
    for host, roles in {"web2": ["db"], "web3": ["db", "web"], "web4": ["cache"]}.items():
        project.hosts[host]["roles"] = roles
    project.hosts["web3"]["primary"] = True
    project.config()
    project.dodo(CHOOSY)
    done = project.doit("deploy:production", check=True)
    assert printed_words(done.out, "web1") == ["once web1,web3"]
    assert printed_words(done.out, "web2") == ["on_db", "on_either"]
    assert printed_words(done.out, "web3") == ["on_db", "on_either", "on_primary", "on_primary_db", "once web1,web3"]
    assert printed_words(done.out, "web4") == ["on_either"]


def test_a_hook_runs_on_a_no_release_host(project: Project) -> None:
    project.hosts["web2"]["no_release"] = True
    project.config()
    write_command_hook(project, "after('published')", 'echo "<hello>"', name="hello")
    done = project.doit("deploy:production", check=True)
    assert printed_words(done.out, "web1") == printed_words(done.out, "web2") == ["hello"]


@pytest.mark.extended("detail")
def test_two_hooks_with_the_same_name_both_run(project: Project) -> None:
    hook = dedent("""
        @cap.after('started')
        def twin(host):
            host.run('echo "<{}>"')
        """)
    project.dodo(DODO + hook.format("a") + hook.format("b"))
    assert printed_words(project.doit("deploy:production", check=True).out, "web1") == ["a", "b"]


def test_a_task_required_before_a_step_runs_before_it(project: Project) -> None:
    look = "ls hosts/web1/releases > smoked; readlink hosts/web1/current >> smoked; true"
    task = dedent(f"""
        cap.before('publishing', 'smoke')
        def task_smoke():
            return {{'actions': [{look!r}]}}
        """)
    project.dodo(DODO + task)
    release = deploy(project)
    assert (project.path / "smoked").read_text() == f"{release}\n"


def test_a_task_of_the_project_may_depend_on_a_deploy(project: Project) -> None:
    write_hooks(
        project,
        """
        def task_ship():
            return {'actions': ['readlink hosts/web1/current > shipped'], 'task_dep': ['deploy:production']}
        """,
    )
    project.doit("ship", check=True)
    assert (project.path / "shipped").read_text().strip().endswith(str(project.current("web1")))


# -- what they can do


@pytest.mark.parametrize("ssh", [False, *further(True)])
def test_a_hook_can_run_capture_test_upload_download_and_use_plumbum(make_project: MakeProject, ssh: bool) -> None:
    project = make_project(2, ssh=ssh, default_env={"FROM_YML": "yml"})
    previous = deploy(project)
    project.dodo(ABLE)
    name = deploy(project)
    path = f"{project.deploy_to('web1')}/releases/{name}"
    tried = json.loads((project.path / "tried").read_text())
    assert tried == {
        "capture": "  a\n\nb",
        "words": "a b|$HOME|it's||-n|*|",
        "true": True,
        "false": False,
        "cwd": path,
        "env": "yml x $(echo y) 'z'",
        "stdin": "end",
        "mode": "750",
        "machine": "first\n",
        "status": 4,
        "release": [name, path, project.repo.git("rev-parse", "HEAD"), previous, None],
        "roles": ["app", "web"],
        "name": "web1",
    }
    assert (project.path / "down").read_bytes() == (project.path / "up").read_bytes()


@pytest.mark.extended("detail")
@pytest.mark.parametrize("branch", ["main", "!cmd echo main"])
def test_the_branch_of_a_flow_is_that_of_the_settings_also_in_rollbacks_and_tasks(
    project: Project, branch: str
) -> None:
    function = 'def {0}(host, flow):\n    print("<{0}", flow.name, flow.branch + ">")\n'
    told, shown = function.format("told"), function.format("shown")
    project.dodo(f'{DODO}\n@cap.after("finished")\n{told}\n@cap.task()\n{shown}')
    write_settings(project, f"branch: {branch} , ", branch=None)
    is_known = branch == "main"
    deploy(project)
    deploy(project)
    assert "<told rollback main>" in project.doit("rollback:production").ok().out or not is_known
    assert f"<shown shown {'main' if is_known else ''}>" in project.doit("shown:production").ok().out
    assert "<told deploy main>" in project.doit("deploy:production").ok().out


def test_in_a_rollback_a_hook_gets_the_release_that_is_left(project: Project) -> None:
    first, second = deploy(project), deploy(project)
    write_hooks(
        project,
        """
        @cap.after('reverted', once=True)
        def look(hosts, release):
            print(f'<{release.name} {release.previous} {release.left}>')
        """,
    )
    assert f"<{first} {second} {second}>" in project.doit("rollback:production", check=True).out


def test_a_command_that_exceeds_its_timeout_fails_the_flow(project: Project) -> None:
    write_hooks(
        project,
        """
        @cap.after('updated')
        def slow(host):
            host.run('sleep 30', timeout=0.3)
        """,
    )
    begun = time.monotonic()
    done = project.doit("deploy:production").failed()
    assert time.monotonic() - begun < 25
    assert "took longer than 0.3 s" in done.out
    assert project.releases("web1") == []


# -- recipes that are wrong


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("@dataclass\nclass O:\n    def __post_init__(self): raise ValueError('too many')", "recipe odd: too many"),
        *further(
            ("@dataclass\nclass O:\n    word: 'Unheard' = 1", "NameError: name 'Unheard' is not defined"),
            ("class O:\n    word: str = 'a'", "options= of a Recipe must be a dataclass, not"),
            ("@dataclass\nclass P:\n    word: str = 'a'\nO = P()", "options= of a Recipe must be a dataclass, not"),
        ),
    ],
    ids=["refuses them", "unknown type", "no dataclass", "no class"],
)
def test_invalid_recipe_options_are_reported_in_one_line_with_the_place(
    project: Project, options: str, complaint: str
) -> None:
    write_recipe(project, "odd", f"{options}\nodd = Recipe('odd', options=O)\n")
    done = project.doit("deploy:production").failed(3)

    assert complaint in done.out
    assert "odd.py" in done.out or "deploy.yml:" in done.out
    assert "Traceback" not in done.out


@pytest.mark.extended("detail")
def test_a_packaged_recipe_that_cannot_be_imported_is_reported_with_its_package(project: Project) -> None:
    package = project.path / "acme-1.2.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.2\n")
    (package / "entry_points.txt").write_text("[capdoit.recipes]\nodd = acme_odd\n")
    (project.path / "acme_odd.py").write_text("1 / 0\n")
    project.config(recipes={"odd": {}})
    done = project.doit("deploy:production", env={"PYTHONPATH": str(project.path)}).failed(3)

    assert "recipe odd of acme 1.2: cannot be loaded: ZeroDivisionError: division by zero" in done.out
    assert "Traceback" not in done.out


def test_a_misspelled_argument_of_a_command_is_refused_with_the_right_one(project: Project) -> None:
    write_hooks(
        project,
        """
        @cap.after('updated')
        def clean(host, release):
            host.run('touch here', cdw=release.path)
        """,
    )
    said = project.doit("deploy:production").failed().out
    assert "TypeError: commands have no argument cdw=; did you mean cwd? (dodo.py:5)" in said
    assert not (project.path / "here").exists()
