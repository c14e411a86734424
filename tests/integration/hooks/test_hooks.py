"""Hooks of dodo.py: when and where they run, what they are given, and what they can do."""

from __future__ import annotations

import json
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from capdoit.testing import DODO, Project
from tests.support import MakeProject, deploy, within

TELL = (
    DODO
    + """
import json, os

@cap.on_failed
def tell(failure):
    said = {
        "flow": failure.flow, "stage": failure.stage, "step": failure.step, "release": failure.release,
        "hosts": [host.name for host in failure.hosts], "outcomes": [o.host for o in failure.outcomes],
        "error": type(failure.error).__name__,
    }
    with open("told", "a") as file:
        file.write(json.dumps(said) + "\\n")
"""
)
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


def told(project: Project) -> list[dict[str, Any]]:
    """What the on_failed hook was told, once for each call."""
    file = project.path / "told"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def said(out: str, host: str) -> list[str]:
    """The <words> that commands wrote on a host, in order."""
    return re.findall(rf"^   {host} *\| <(.*?)>", out, re.MULTILINE)


def write_recipe(project: Project, name: str, text: str) -> None:
    """A recipe beside dodo.py that deploy.yml asks for."""
    (project.path / "recipes").mkdir()
    imports = "from dataclasses import dataclass\nfrom capdoit import Recipe\n"
    (project.path / f"recipes/{name}.py").write_text(imports + text)
    project.config(recipes={name: {}})


def start_and_wait_for(project: Project, *args: str) -> Any:
    """Start doit, and wait until a hook has made the file `begun`."""
    process = project.start(*args)
    within(60, lambda: process.poll() is not None or (project.path / "begun").exists())
    assert process.poll() is None, process.communicate()[0]
    return process


# -- when and where


def test_hooks_run_before_and_after_every_step_of_both_flows(project: Project):
    project.dodo(EVERYWHERE)
    first, done = deploy(project), project.doit("deploy:production", check=True)
    steps = ["starting", "started", "updating", "updated", "publishing", "published", "finishing", "finished"]
    assert said(done.out, "web1") == said(done.out, "web2") == [f"{w}_{s}" for s in steps for w in ("before", "after")]
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
    assert said(done.out, "web1") == said(done.out, "web2") == [f"{w}_{s}" for s in steps for w in ("before", "after")]
    assert f"<before_publishing> {first}" in done.out


def test_roles_primary_once_and_flows_choose_where_a_hook_runs(make_project: MakeProject):
    project = make_project(4)
    for host, roles in {"web2": ["db"], "web3": ["db", "web"], "web4": ["cache"]}.items():
        project.hosts[host]["roles"] = roles
    project.hosts["web3"]["primary"] = True
    project.config()
    project.dodo(CHOOSY)
    done = project.doit("deploy:production", check=True)
    assert said(done.out, "web1") == ["once web1,web3"]
    assert said(done.out, "web2") == ["on_db", "on_either"]
    assert said(done.out, "web3") == ["on_db", "on_either", "on_primary", "on_primary_db", "once web1,web3"]
    assert said(done.out, "web4") == ["on_either"]


def test_a_hook_runs_on_a_host_that_gets_no_code(project: Project):
    project.hosts["web2"]["no_release"] = True
    project.config()
    project.dodo(DODO + "@cap.after('published')\ndef hello(host, release):\n    host.run('echo \"<hello>\"')\n")
    done = project.doit("deploy:production", check=True)
    assert said(done.out, "web1") == said(done.out, "web2") == ["hello"]


def test_two_hooks_of_one_name_both_run(project: Project):
    hook = "@cap.after('started')\ndef twin(host):\n    host.run('echo \"<{}>\"')\n"
    project.dodo(DODO + hook.format("a") + hook.format("b"))
    assert said(project.doit("deploy:production", check=True).out, "web1") == ["a", "b"]


def test_a_task_before_a_step_runs_before_it(project: Project):
    look = "ls hosts/web1/releases > smoked; readlink hosts/web1/current >> smoked; true"
    task = f"cap.before('publishing', 'smoke')\ndef task_smoke():\n    return {{'actions': [{look!r}]}}\n"
    project.dodo(DODO + task)
    release = deploy(project)
    assert (project.path / "smoked").read_text() == f"{release}\n"


def test_a_task_of_the_project_may_depend_on_a_deploy(project: Project):
    project.dodo(
        DODO + "def task_ship():\n"
        "    return {'actions': ['readlink hosts/web1/current > shipped'], 'task_dep': ['deploy:production']}\n"
    )
    project.doit("ship", check=True)
    assert (project.path / "shipped").read_text().strip().endswith(str(project.current("web1")))


# -- what they can do


@pytest.mark.parametrize("ssh", [False, pytest.param(True, marks=pytest.mark.ssh)])
def test_a_hook_can_run_capture_test_upload_download_and_use_plumbum(make_project: MakeProject, ssh: bool):
    project = make_project(2, ssh=ssh, default_env={"FROM_YML": "yml"})
    previous = deploy(project)
    project.dodo(ABLE)
    name = deploy(project)
    path = f"{project.deploy_to('web1')}/releases/{name}"
    tried = json.loads((project.path / "tried").read_text())
    assert tried == {
        "capture": "  a\n\nb\n\n",
        "words": "a b|$HOME|it's||-n|*|",
        "true": True,
        "false": False,
        "cwd": f"{path}\n",
        "env": "yml x $(echo y) 'z'",
        "stdin": "end\n",
        "mode": "750\n",
        "machine": "first\n",
        "status": 4,
        "release": [name, path, project.repo.git("rev-parse", "HEAD"), previous, None],
        "roles": ["app", "web"],
        "name": "web1",
    }
    assert (project.path / "down").read_bytes() == (project.path / "up").read_bytes()


def test_in_a_rollback_a_hook_is_told_what_is_left(project: Project):
    first, second = deploy(project), deploy(project)
    project.dodo(
        DODO + "@cap.after('reverted', once=True)\n"
        "def look(hosts, release):\n"
        "    print(f'<{release.name} {release.previous} {release.left}>')\n"
    )
    assert f"<{first} {second} {second}>" in project.doit("rollback:production", check=True).out


def test_a_command_that_takes_too_long_fails_the_flow(project: Project):
    project.dodo(DODO + "@cap.after('updated')\ndef slow(host):\n    host.run('sleep 30', timeout=0.3)\n")
    begun = time.monotonic()
    done = project.doit("deploy:production").failed()
    assert time.monotonic() - begun < 25
    assert "took longer than 0.3 s" in done.out
    assert project.releases("web1") == []


# -- declared wrongly


@pytest.mark.parametrize(
    ("hook", "complaint"),
    [
        ("@cap.after('publishd')\ndef h(host): ...", "no step publishd"),
        ("@cap.after('updated')\ndef h(hots): ...", "wants hots"),
        ("@cap.after('updated', roles='wbe')\ndef h(host): ...", "no host has the role wbe"),
        ("@cap.after('updated', flows=('rollback',))\ndef h(host): ...", "flow rollback has no step updated"),
        ("@cap.before('starting')\ndef h(host, release): ...", "wants release"),
        ("@cap.on_failed\ndef h(host): ...", "wants host"),
        ("@cap.after('updated')\ndef h(host, /): ...", "wants host by its position"),
        ("@cap.on_failed\ndef h(failure, /): ...", "wants failure by its position"),
        ("cap.after('updated')(__import__('functools').partial(print, 'a'))", "not a partial"),
        ("cap.on_failed(__import__('functools').partial(print, 'a'))", "not a partial"),
        ("cap.after('updated')(type('Caller', (), {'__call__': lambda self, host: None})())", "not a Caller"),
        ("cap.after('updated')(None)", "not a NoneType"),
        ("@cap.after\ndef h(host): ...", 'after needs a step: @….after("published")'),
        ("@cap.before\ndef h(host): ...", 'before needs a step: @….before("published")'),
        ("@cap.after('updated', role='web')\ndef h(host): ...", "after has no role=; did you mean roles?"),
        ("@cap.before('updated', role='web')\ndef h(host): ...", "before has no role=; did you mean roles?"),
        ("@cap.after('updated')\nasync def h(host): ...", "hook h would never run: it is async or yields"),
        ("@cap.after('updated')\ndef h(host): yield 1", "hook h would never run: it is async or yields"),
        ("cap.before('publishd', 'x')", "no step publishd"),
        ("cap.before('publishing', 'x', flows=('deploi',))", "no flow deploi"),
        ("cap.before('reverting', 'x')", "flow deploy has no step reverting"),
        ("cap.before('publishing', 'x', roles='web')", "roles="),
        ("cap.before('publishing', 'x', primary=True)", "primary="),
        ("cap.before('publishing', 'x', once=True)", "once="),
    ],
)
def test_a_hook_that_is_declared_wrongly_is_refused_with_its_place(
    make_project: MakeProject, hook: str, complaint: str
):
    project = make_project(linked_files_exist=False)
    project.dodo(DODO + hook + "\n")
    done = project.doit("deploy:production")
    assert done.code == 3
    assert complaint in done.out
    assert "dodo.py:3" in done.out
    assert "Traceback" not in done.out
    assert not (project.path / "hosts").exists()


# -- on_failed


def test_on_failed_is_told_of_a_step_that_failed_on_one_host(project: Project):
    (project.shared("web2") / "config/database.yml").unlink()
    project.dodo(TELL)
    project.doit("deploy:production").failed()
    (told_once,) = told(project)
    assert (told_once["flow"], told_once["stage"], told_once["step"]) == ("deploy", "production", "starting")


def test_on_failed_is_not_told_when_that_is_said(project: Project):
    (project.shared("web2") / "config/database.yml").unlink()
    project.dodo(TELL)
    project.doit("deploy:production", "skip=tell").failed(1)
    assert told(project) == []
    assert "skip=tel: no hook has that name; did you mean tell?" in project.doit("list", "skip=tel").failed(3).out


def test_on_failed_is_told_the_hosts_on_which_a_hook_failed(project: Project):
    project.dodo(
        TELL + "@cap.after('updated')\n"
        "def boom(host):\n"
        "    host.run('test $PWD = x || sleep 0.2; false' if host.name == 'web2' else 'true')\n"
    )
    project.doit("deploy:production").failed()
    (told_once,) = told(project)
    assert told_once["step"] == "boom"
    assert told_once["hosts"] == ["web2"]
    assert told_once["outcomes"] == ["web1", "web2"]
    assert re.fullmatch(r"\d{14}", told_once["release"])


def test_what_capdoit_refuses_a_hook_is_shown_where_the_hook_asks_for_it(project: Project):
    project.dodo(DODO + "@cap.after('updated')\ndef boom(host):\n    host.run(['a\\0b'])\n")
    done = project.doit("deploy:production").failed()
    assert re.search(r"web1: ValueError: .*\(dodo\.py:\d+\)", done.out), done.out


def test_an_error_calls_a_command_what_its_hook_calls_it(project: Project):
    hook = "host.run(['sh', '-c', 'echo lost\\nexit 4'], called='the cache could not be filled')"
    project.dodo(DODO + f"@cap.after('updated')\ndef boom(host):\n    {hook}\n")
    done = project.doit("deploy:production").failed()
    assert "  web1: the cache could not be filled: exit status 4\n      lost\n" in done.out, done.out


def test_on_failed_is_told_of_an_exception_in_a_hook(project: Project):
    project.dodo(TELL + "@cap.after('published', once=True)\ndef boom(hosts):\n    {}['lost']\n")
    done = project.doit("deploy:production").failed()
    assert "KeyError: 'lost' (dodo.py:" in done.out
    assert "Traceback" not in done.out
    (told_once,) = told(project)
    assert (told_once["flow"], told_once["step"]) == ("deploy", "boom")


def test_on_failed_is_told_of_a_rollback_that_failed(project: Project):
    deploy(project)
    project.dodo(TELL)
    project.doit("rollback:production").failed()
    (told_once,) = told(project)
    assert (told_once["flow"], told_once["step"], told_once["error"]) == ("rollback", "starting", "NoTarget")


def test_on_failed_is_told_of_a_build_task_that_failed_in_the_middle_of_a_flow(project: Project):
    project.dodo(TELL + "cap.before('publishing', 'smoke')\ndef task_smoke():\n    return {'actions': ['exit 9']}\n")
    done = project.doit("deploy:production").failed()
    (told_once,) = told(project)
    assert told_once["flow"] == "deploy"
    assert "where the hosts stand" in done.out
    assert project.releases("web1") == []
    assert (project.deploy_to("web1") / ".capdoit/lock").read_text() == ""


def test_on_failed_is_not_told_when_nothing_began(project: Project):
    project.dodo(TELL + "cap.before('starting', 'smoke')\ndef task_smoke():\n    return {'actions': ['exit 9']}\n")
    project.doit("deploy:production").failed()
    assert told(project) == []
    assert not (project.deploy_to("web1") / ".capdoit").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_on_failed_is_told_of_a_signal(project: Project, number: signal.Signals):
    wait = "@cap.after('updated')\ndef wait(host):\n    open('begun', 'w')\n    host.run('sleep 30')\n"
    project.dodo(TELL + wait)
    process = start_and_wait_for(project, "deploy:production")
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    assert process.returncode not in (0, None)
    assert f"interrupted by {number.name}" in out
    assert "Traceback" not in out
    (told_once,) = told(project)
    assert (told_once["flow"], told_once["step"], told_once["error"]) == ("deploy", "wait", "Interrupted")
    assert project.releases("web1") == project.releases("web2") == []


def test_an_on_failed_hook_that_fails_does_not_hide_the_error(project: Project):
    project.dodo(
        DODO + "@cap.on_failed\n"
        "def bad(failure):\n"
        "    raise ValueError('not me')\n"
        "@cap.after('updated')\n"
        "def boom(host):\n"
        "    host.run('exit 5')\n"
    )
    done = project.doit("deploy:production").failed()
    assert "exit status 5" in done.out
    assert "on_failed hook bad (dodo.py:3) failed: ValueError: not me" in done.out
    assert "Traceback" not in done.out


def test_on_failed_is_not_told_of_a_deploy_that_succeeds(project: Project):
    project.dodo(TELL)
    deploy(project)
    assert told(project) == []


def test_a_recipe_beside_dodo_py_has_its_hooks_woven_in(project: Project):
    (project.path / "recipes").mkdir()
    recipe = Path(project.path / "recipes/greeting.py")
    recipe.write_text(
        "from dataclasses import dataclass\nfrom capdoit import Recipe\n\n"
        "@dataclass(frozen=True)\nclass Options:\n    word: str = 'hello'\n\n"
        "greeting = Recipe('greeting', options=Options, roles='web')\n\n"
        "@greeting.after('published')\ndef greet(host, options):\n    host.run(['echo', f'<{options.word}>'])\n"
    )
    project.config(recipes={"greeting": {"word": "good day"}})
    assert said(project.doit("deploy:production", check=True).out, "web2") == ["good day"]
    project.config(recipes={"greeting": {"wrod": "good day"}})
    done = project.doit("deploy:production").failed(3)
    wrong = r"deploy\.yml:\d+:\d+: recipe greeting \(\S+greeting\.py\) has no option wrod; did you mean word\?"
    assert re.search(wrong, done.out)


# -- tasks before steps

DEPENDENT = "def task_test():\n    return {'actions': ['echo x >>tested; exit 1']}\n"


@pytest.mark.parametrize("step", ["starting", "publishing"])
def test_a_rollback_needs_none_of_the_tasks_that_a_deploy_does(project: Project, step: str):
    first, _ = deploy(project), deploy(project)
    project.dodo(DODO + f"cap.before('{step}', 'test')\n" + DEPENDENT)
    project.doit("deploy:production").failed()
    (project.path / "tested").unlink()

    project.doit("rollback:production", check=True)
    assert project.current("web1") == first
    assert not (project.path / "tested").exists()


@pytest.mark.parametrize("flows", ["('rollback',)", "'rollback'"])
def test_a_task_holds_up_a_rollback_when_that_is_asked_for(project: Project, flows: str):
    deploy(project)
    project.dodo(DODO + f"cap.before('starting', 'test', flows={flows})\n" + DEPENDENT)
    second = deploy(project)

    project.doit("rollback:production").failed()
    assert (project.path / "tested").exists()
    assert project.current("web1") == second


def test_a_recipe_can_have_a_deploy_wait_for_a_task(project: Project):
    write_recipe(project, "tested", "tested = Recipe('tested')\ntested.before('starting', 'test')\n")
    project.dodo(DODO + DEPENDENT)

    project.doit("deploy:production").failed()
    assert (project.path / "tested").exists()
    assert not (project.deploy_to("web1") / ".capdoit").exists()


# -- recipes that are wrong


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("@dataclass\nclass O:\n    def __post_init__(self): raise ValueError('too many')", "recipe odd: too many"),
        ("@dataclass\nclass O:\n    word: 'Unheard' = 1", "NameError: name 'Unheard' is not defined"),
        ("class O:\n    word: str = 'a'", "options= of a Recipe is a dataclass, not"),
        ("@dataclass\nclass P:\n    word: str = 'a'\nO = P()", "options= of a Recipe is a dataclass, not"),
    ],
    ids=["refuses them", "unknown type", "no dataclass", "no class"],
)
def test_options_that_a_recipe_cannot_take_are_told_in_a_line_with_its_place(
    project: Project, options: str, complaint: str
):
    write_recipe(project, "odd", f"{options}\nodd = Recipe('odd', options=O)\n")
    done = project.doit("deploy:production").failed(3)

    assert complaint in done.out
    assert "odd.py" in done.out or "deploy.yml:" in done.out
    assert "Traceback" not in done.out


def test_a_recipe_of_a_package_that_cannot_be_imported_is_told_in_a_line_with_its_package(project: Project):
    package = project.path / "acme-1.2.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.2\n")
    (package / "entry_points.txt").write_text("[capdoit.recipes]\nodd = acme_odd\n")
    (project.path / "acme_odd.py").write_text("1 / 0\n")
    project.config(recipes={"odd": {}})
    done = project.doit("deploy:production", env={"PYTHONPATH": str(project.path)}).failed(3)

    assert "recipe odd of acme 1.2: cannot be loaded: ZeroDivisionError: division by zero" in done.out
    assert "Traceback" not in done.out
