"""Hooks that are declared wrongly, and tasks that steps require."""

from __future__ import annotations

import pytest

from capdoit.testing import DODO, Project
from tests.support import MakeProject, deploy, further, write_recipe


@pytest.mark.parametrize(
    ("hook", "complaint"),
    [
        ("@cap.after('publishd')\ndef h(host): ...", "no step publishd"),
        ("@cap.after('updated')\ndef h(hots): ...", "has the argument hots"),
        ("@cap.after('updated', roles='wbe')\ndef h(host): ...", "no host has the role wbe"),
        ("@cap.after('updated', flows=('rollback',))\ndef h(host): ...", "flow rollback has no step updated"),
        *further(
            ("@cap.before('starting')\ndef h(host, release): ...", "has the argument release"),
            ("@cap.on_failed\ndef h(host): ...", "has the argument host"),
            ("@cap.after('updated')\ndef h(host, /): ...", "must take host by name: it is positional-only"),
            ("@cap.on_failed\ndef h(failure, /): ...", "must take failure by name: it is positional-only"),
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
        ),
    ],
)
def test_a_wrongly_declared_hook_is_refused_with_its_place(
    make_project: MakeProject, hook: str, complaint: str
) -> None:
    project = make_project(linked_files_exist=False)
    project.dodo(DODO + hook + "\n")
    done = project.doit("deploy:production")
    assert done.code == 3
    assert complaint in done.out
    assert "dodo.py:3" in done.out
    assert "Traceback" not in done.out
    assert not (project.path / "hosts").exists()


DEPENDENT = """
def task_test():
    return {'actions': ['echo x >>tested; exit 1']}
"""


@pytest.mark.extended("detail")
@pytest.mark.parametrize("step", ["starting", *further("publishing")])
def test_a_rollback_does_not_run_tasks_that_a_deploy_requires(project: Project, step: str) -> None:
    first, _ = deploy(project), deploy(project)
    project.dodo(DODO + f"cap.before('{step}', 'test')\n" + DEPENDENT)
    project.doit("deploy:production").failed()
    (project.path / "tested").unlink()

    project.doit("rollback:production", check=True)
    assert project.current("web1") == first
    assert not (project.path / "tested").exists()


@pytest.mark.extended("detail")
@pytest.mark.parametrize("flows", ["('rollback',)", *further("'rollback'")])
def test_a_task_with_flows_rollback_is_required_by_a_rollback(project: Project, flows: str) -> None:
    deploy(project)
    project.dodo(DODO + f"cap.before('starting', 'test', flows={flows})\n" + DEPENDENT)
    second = deploy(project)

    project.doit("rollback:production").failed()
    assert (project.path / "tested").exists()
    assert project.current("web1") == second


def test_a_recipe_can_require_a_task_before_a_deploy(project: Project) -> None:
    write_recipe(project, "tested", "tested = Recipe('tested')\ntested.before('starting', 'test')\n")
    project.dodo(DODO + DEPENDENT)

    project.doit("deploy:production").failed()
    assert (project.path / "tested").exists()
    assert not (project.deploy_to("web1") / ".capdoit").exists()
