"""Plan files: they are applied exactly, or refused."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from capdoit.testing import DODO, Project
from tests.support import deploy_text, further, snapshot_hosts, write_command_hook

HOOKS = (
    DODO
    + """
@cap.after('updated', roles='web')
def touch(host, release):
    host.run('touch touched')
"""
)


def test_a_plan_deploys_its_commit_after_the_branch_has_moved(project: Project) -> None:
    deploy_text(project, "1")
    planned = project.repo.commit({"app.txt": "2"})
    project.doit("deploy:production", "plan=plan.json", "message=soon", check=True)
    plan = json.loads((project.path / "plan.json").read_text())
    project.repo.commit({"app.txt": "3"})
    project.doit("deploy:production", "apply=plan.json", check=True)

    assert project.current("web1") == project.current("web2") == plan["release"]
    assert (project.deploy_to("web1") / "current/REVISION").read_text().strip() == planned
    assert '"message": "soon"' in (project.deploy_to("web1") / ".capdoit/journal").read_text()


def test_a_plan_of_a_rollback_is_applied(project: Project) -> None:
    first, _ = deploy_text(project, "1"), deploy_text(project, "2")
    project.doit("rollback:production", "plan=plan.json", check=True)
    project.doit("rollback:production", "apply=plan.json", check=True)
    assert project.current("web1") == project.current("web2") == first


def test_a_plan_is_refused_after_another_deploy_which_is_named(project: Project) -> None:
    first = deploy_text(project, "1")
    project.doit("deploy:production", "plan=plan.json", check=True)
    project.doit("deploy:production", "hosts=web2", "message=a fix", check=True, env={"USER": "otto"})
    live = project.current("web2")
    done = project.doit("deploy:production", "apply=plan.json").failed()

    assert "the plan is outdated" in done.out
    assert re.search(rf"  {live} was deployed on web2 \S.* ago by otto \(a fix\)$", done.out, re.MULTILINE)
    assert "current was" not in done.out
    assert "To make a new plan: doit deploy:production plan=plan.json" in done.out
    assert (project.current("web1"), project.current("web2")) == (first, live)


@pytest.mark.extended("detail")
def test_a_plan_is_refused_after_a_change_by_hand_which_is_named(project: Project) -> None:
    first, second = deploy_text(project, "1"), deploy_text(project, "2")
    project.doit("deploy:production", "plan=plan.json", check=True)
    current = project.deploy_to("web2") / "current"
    current.unlink()
    current.symlink_to(project.deploy_to("web2") / "releases" / first)
    done = project.doit("deploy:production", "apply=plan.json").failed()

    assert "no host has a record of who changed this:" in done.out
    releases = project.deploy_to("web2") / "releases"
    assert f"web2: current was {releases}/{second}, and is {releases}/{first}" in done.out
    assert "web1: current" not in done.out


@pytest.mark.extended("detail")
def test_a_plan_stays_valid_after_flows_that_changed_nothing(project: Project) -> None:
    deploy_text(project, "1")
    project.doit("deploy:production", "plan=plan.json", check=True)
    project.doit("rollback:production").failed()  # there is nothing to go back to
    project.doit("deploy:production", "apply=plan.json", check=True)


@pytest.mark.extended("detail")
def test_a_plan_is_applied_after_its_branch_was_deleted(project: Project) -> None:
    project.repo.git("checkout", "-q", "-b", "feature")
    deploy_text(project, "1")
    project.doit("deploy:production", "branch=feature", "plan=plan.json", check=True)
    project.repo.git("checkout", "-q", "main")
    project.repo.git("merge", "-q", "feature")
    project.repo.git("branch", "-D", "feature")
    release = json.loads((project.path / "plan.json").read_text())["release"]
    project.doit("deploy:production", "apply=plan.json", check=True)
    assert project.current("web1") == project.current("web2") == release


@pytest.mark.extended("detail")
@pytest.mark.ssh
def test_a_plan_is_applied_in_another_checkout_of_the_project(ssh_project: Project, tmp_path: Path) -> None:
    shutil.copy(ssh_project.settings["ssh_config"], ssh_project.path / "ssh_config")
    ssh_project.config(ssh_config="ssh_config")
    deploy_text(ssh_project, "1")
    ssh_project.doit("deploy:production", "plan=plan.json", check=True)
    release = json.loads((ssh_project.path / "plan.json").read_text())["release"]
    ssh_project.path = ssh_project.path.rename(tmp_path / "elsewhere")
    ssh_project.doit("deploy:production", "apply=plan.json", check=True)
    assert ssh_project.current("web1") == release


@pytest.mark.parametrize("words", ["run -s {}:warm", *further("{}:publishing")])
@pytest.mark.parametrize("variable", ["apply=plan.json", *further("plan=part.json")])
def test_a_plan_cannot_be_made_or_applied_for_part_of_a_flow(project: Project, words: str, variable: str) -> None:
    deploy_text(project, "1")
    write_command_hook(project, "after('published')", "touch warm", name="warm")
    project.doit("deploy:production", "plan=plan.json", check=True)
    done = project.doit(*words.format("deploy:production").split(), variable).failed()
    assert "plan= and apply= are for a complete flow: doit deploy:production; nothing was done" in done.out
    assert not (project.path / "part.json").exists()


@pytest.mark.extended("detail")
def test_a_plan_is_refused_when_a_recipe_script_or_project_module_has_changed(project: Project) -> None:
    deploy_text(project, "1")
    (project.path / "recipes").mkdir()
    (project.path / "recipes/zap.py").write_text(
        dedent("""
        from pathlib import Path
        from capdoit import Recipe
        zap = Recipe('zap')
        @zap.after('published')
        def go(host):
            host.run(Path(__file__).with_name('zap.sh').read_text())
        """)
    )
    (project.path / "recipes/zap.sh").write_text("true\n")
    (project.path / "helper.py").write_text("WORD = 'true'\n")
    project.dodo(dedent("""
        import sys
        sys.path.insert(0, '.')
        import helper
        """) + DODO + dedent("""
        @cap.after('published')
        def own(host):
            host.run(helper.WORD)
        """))  # fmt: skip
    project.config(recipes={"zap": {}})
    project.doit("deploy:production", "plan=plan.json", check=True)
    (project.path / "recipes/zap.sh").write_text("false\n")
    (project.path / "helper.py").write_text("WORD = 'false'\n")
    done = project.doit("deploy:production", "apply=plan.json").failed()
    assert "apply=plan.json: helper.py, recipes/zap.sh have changed since\n" in done.out


@pytest.mark.extended("detail")
def test_an_outdated_plan_is_refused_with_the_command_that_saves_it_again(project: Project) -> None:
    deploy_text(project, "1")
    said = ("branch=main", "hosts=web1", "message=as planned")
    project.doit("deploy:production", *said, "plan=a plan.json", check=True)
    deploy_text(project, "2")
    done = project.doit("deploy:production", "apply=a plan.json").failed()
    anew = "branch=main hosts=web1 'message=as planned' 'plan=a plan.json'"
    assert f"To make a new plan: doit deploy:production {anew}" in done.out


@pytest.mark.extended("detail")
def test_a_plan_is_refused_when_the_flow_has_changed(project: Project) -> None:
    deploy_text(project, "1")
    project.doit("deploy:production", "plan=plan.json", check=True)
    project.dodo(HOOKS)
    done = project.doit("deploy:production", "apply=plan.json").failed()
    assert "the flow has changed since:\n    + touch" in done.out


def test_an_archive_that_differs_from_the_plan_is_refused(project: Project) -> None:
    project.config(repo_url=None, branch=None, archive="app.tar")
    project.repo.git("archive", "-o", str(project.path / "app.tar"), "HEAD")
    project.doit("deploy:production", "plan=plan.json", check=True)
    project.repo.commit({"app.txt": "other"})
    project.repo.git("archive", "-o", str(project.path / "app.tar"), "HEAD")

    said = project.doit("deploy:production", "apply=plan.json").failed().out

    assert "the plan is outdated" in said
    assert "app.tar has changed" in said.replace("\n", " ")
    assert "To make a new plan: doit deploy:production plan=plan.json" in said


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (
            ["deploy:production", "apply=nothing.json"],
            "apply=nothing.json: No such file or directory; plan=nothing.json",
        ),
        *further(
            (["deploy:production", "apply=deploy.yml"], "apply=deploy.yml: is not a plan file"),
            (
                ["rollback:production", "apply=plan.json"],
                "the plan is for deploy:production, not for rollback:production",
            ),
            (
                ["deploy:production", "apply=plan.json", "branch=x"],
                "the plan has all variables; branch= cannot be added",
            ),
            (["deploy:production", "dry_run=yse"], "dry_run=yse: expected yes or scripts or no; did you mean yes?"),
            (["deploy:production", "dryrun=yes"], "dryrun= is not a variable of capdoit; did you mean dry_run?"),
            (
                ["deploy:production", "plan=deploy.yml"],
                "plan=deploy.yml: exists and is not a plan file; nothing was done",
            ),
            (["deploy:production", "plan=no/such/place"], "plan=no/such/place: there is no directory no/such"),
        ),
    ],
)
def test_an_unusable_plan_is_refused_in_one_sentence(project: Project, words: list[str], complaint: str) -> None:
    deploy_text(project, "1")
    project.doit("deploy:production", "plan=plan.json", check=True)
    before = snapshot_hosts(project)
    done = project.doit(*words)
    assert done.code != 0
    assert complaint in done.out
    assert "Traceback" not in done.out
    assert snapshot_hosts(project) == before


@pytest.mark.extended("variant")
@pytest.mark.parametrize("name", ["../../../evil", *further("5", "20000101000000", "99991231235959")])
def test_a_plan_with_an_impossible_release_is_refused_and_changes_nothing(project: Project, name: str) -> None:
    deploy_text(project, "1")
    project.doit("deploy:production", "plan=plan.json", "dry_run=yes", check=True)
    plan = json.loads((project.path / "plan.json").read_text())
    (project.path / "plan.json").write_text(json.dumps({**plan, "release": name}))
    before = {host: project.releases(host) for host in project.hosts}
    done = project.doit("deploy:production", "apply=plan.json").failed(1)

    assert f"the plan's release, {name}, cannot be made now" in done.out
    assert {host: project.releases(host) for host in project.hosts} == before


@pytest.mark.parametrize(
    "change",
    [
        {"variables": []},
        *further(
            {"variables": {"surprise": "x"}},
            {"variables": {"hosts": 5}},
            {"variables": {"custom": 7}},
            {"variables": {"message": 7}},
            {"acts": 5},
            {"facts": {}},
            {"facts": {"web1": {}, "web2": {}}},
            {"revision": 5},
            {"revision": "a\x1b[1m"},
            {"flow": None},
        ),
    ],
    ids=json.dumps,
)
def test_an_edited_plan_is_refused_in_one_sentence(project: Project, change: dict[str, Any]) -> None:
    deploy_text(project, "1")
    project.doit("deploy:production", "plan=plan.json", "dry_run=yes", check=True)
    plan = json.loads((project.path / "plan.json").read_text())
    if isinstance(change.get("said"), dict):
        change = {"variables": {**plan["said"], **change["said"]}}
    (project.path / "plan.json").write_text(json.dumps({**plan, **change}))
    before = snapshot_hosts(project)
    done = project.doit("deploy:production", "apply=plan.json").failed(1)

    assert "apply=plan.json: is not a plan file, which plan=FILE makes" in done.out
    assert snapshot_hosts(project) == before


@pytest.mark.extended("detail")
def test_a_too_deeply_nested_plan_is_refused(project: Project) -> None:
    (project.path / "plan.json").write_text("[" * 100_000)
    assert "apply=plan.json: is not a plan file" in project.doit("deploy:production", "apply=plan.json").failed(1).out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda project: project.config(keep_releases=1, ssh_config="ssh_config", default_env={"A": "1"}),
            "keep_releases of production in deploy.yml has changed since\n",
        ),
        *further(
            (
                lambda project: project.config(ssh_config="ssh_config", default_env={"A": "2"}),
                "default_env of web1, web2 in deploy.yml has changed since\n",
            ),
            (
                lambda project: (project.path / "ssh_config").write_text("Port 1"),
                "ssh_config of web1, web2 in deploy.yml has changed since\n",
            ),
            (lambda project: project.dodo(HOOKS + "# edited\n"), "dodo.py has changed since\n"),
            (
                lambda project: project.dodo(HOOKS.replace("touch touched", "touch other")),
                "dodo.py has changed since (hooks: touch)\n",
            ),
        ),
    ],
    ids=["a setting", "the environment", "ssh's settings", "a comment", "a hook"],
)
def test_a_plan_is_refused_when_deploy_yml_or_a_hook_has_changed(project: Project, change: Any, said: str) -> None:
    project.config(ssh_config="ssh_config", default_env={"A": "1"})
    project.dodo(HOOKS)
    first = deploy_text(project, "1")
    project.doit("deploy:production", "plan=plan.json", check=True)
    change(project)
    done = project.doit("deploy:production", "apply=plan.json").failed()
    assert f"apply=plan.json: {said}" in done.out
    assert "Nothing was done. To make a new plan: doit deploy:production plan=plan.json\n" in done.out
    assert project.current("web1") == first


@pytest.mark.extended("detail")
def test_a_plan_is_refused_when_an_on_failed_hook_has_changed(project: Project) -> None:
    tell = DODO + dedent("""
        @cap.on_failed
        def tell(failure):
            print('failed')
        """)
    project.dodo(tell)
    deploy_text(project, "1")
    project.doit("deploy:production", "plan=plan.json", check=True)
    project.dodo(tell.replace("failed')", "sorry')"))
    done = project.doit("deploy:production", "apply=plan.json").failed()
    assert "apply=plan.json: dodo.py has changed since (hooks: tell)" in done.out


@pytest.mark.extended("detail")
def test_an_environment_variable_that_contradicts_the_plan_is_refused(project: Project) -> None:
    first = deploy_text(project, "1")
    project.doit("deploy:production", "plan=plan.json", check=True)
    done = project.doit("deploy:production", "apply=plan.json", env={"HOSTS": "web1"}).failed()
    assert "the plan has all variables, but HOSTS is set in the environment" in done.out
    assert project.current("web1") == project.current("web2") == first


@pytest.mark.extended("detail")
def test_a_planned_rollback_to_a_damaged_release_advises_force(project: Project) -> None:
    first, _ = deploy_text(project, "1"), deploy_text(project, "2")
    project.doit("rollback:production", "message=as planned", "plan=plan.json", check=True)
    (project.deploy_to("web1") / "releases" / first / "app.txt").write_text("longer than it was")
    done = project.doit("rollback:production", "apply=plan.json").failed()
    assert "To roll back to it anyway: doit rollback:production force=yes 'message=as planned'" in done.out
