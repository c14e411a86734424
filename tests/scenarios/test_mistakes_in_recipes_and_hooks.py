"""Mistakes in dodo.py and in recipes: all of them at once, with their lines, before any command does something."""

from __future__ import annotations

import pytest

from capdoit.testing import DODO, Project
from tests.support import further, snapshot_hosts

DETAIL = pytest.mark.extended("detail")


def test_a_step_that_depends_on_a_task_that_does_not_exist_is_refused_with_its_line(project: Project) -> None:
    project.dodo(DODO + "cap.before('starting', 'tst')\ndef task_test():\n    return {'actions': ['true']}\n")
    before = snapshot_hosts(project)
    for args in (["list"], ["deploy:production"], ["test"], ["info", "test"]):
        done = project.doit(*args).failed(3)
        assert done.out == (
            "ERROR: dodo.py:3: starting depends on the task tst, which does not exist; did you mean test?\n"
        )
    assert snapshot_hosts(project) == before


@DETAIL
def test_all_tasks_that_do_not_exist_are_named_at_once(project: Project) -> None:
    project.dodo(DODO + "cap.before('starting', 'one')\ncap.before('publishing', 'two', flows='rollback')\n")
    out = project.doit("list").failed(3).out
    assert "dodo.py:3: starting depends on the task one" in out
    assert "dodo.py:4: publishing depends on the task two" in out


@DETAIL
@pytest.mark.parametrize("task", ["build:*", "build", *further("build:css")])
def test_a_step_may_depend_on_a_group_or_on_a_pattern(project: Project, task: str) -> None:
    project.dodo(
        f"{DODO}cap.before('starting', {task!r})\n"
        "def task_build():\n    yield {'name': 'css', 'actions': ['echo css > built']}\n"
    )
    project.doit("deploy:production", check=True)
    assert (project.path / "built").exists()


@DETAIL
def test_a_step_may_depend_on_a_task_that_is_created_later(project: Project) -> None:
    project.dodo(
        f"{DODO}cap.before('starting', 'build')\n"
        "from doit import create_after\n"
        "def task_pack():\n    return {'actions': ['true']}\n"
        "@create_after(executed='pack')\n"
        "def task_build():\n    return {'actions': ['echo x > built']}\n"
    )
    project.doit("deploy:production", check=True)
    assert (project.path / "built").exists()


RECIPE = """
from dataclasses import dataclass
from capdoit import Recipe

@dataclass(frozen=True)
class Options:
    seconds: int = 1

recipe = Recipe({name!r}, Options)
"""


def write_recipes(project: Project, **texts: str) -> None:
    (project.path / "recipes").mkdir()
    for name, text in texts.items():
        (project.path / f"recipes/{name}.py").write_text(text)


def test_the_mistakes_of_all_recipes_are_reported_at_once(project: Project) -> None:
    write_recipes(project, one=RECIPE.format(name="one"), two=RECIPE.format(name="two"), broken="1 / 0\n")
    project.config(recipes={"one": {"second": 3}, "two": {"seconds": "x"}, "thre": {}, "broken": {}})
    for args in (["list"], ["deploy:production"]):
        out = project.doit(*args).failed(3).out
        assert len(out.splitlines()) == 4, out
        for mistake in (
            "has no option second; did you mean seconds?",
            "option seconds is 'x'",
            "no recipe thre (",
            "recipes/broken.py: cannot be loaded: ZeroDivisionError",
        ):
            assert mistake in out


@DETAIL
def test_a_recipe_of_several_stages_is_reported_once(project: Project) -> None:
    write_recipes(project, one=RECIPE.format(name="one"))
    hosts = project.hosts
    project.config(
        recipes={"one": {"second": 3}},
        stages={"staging": {"hosts": {"web1": hosts["web1"]}}, "production": {"hosts": {"web2": hosts["web2"]}}},
    )
    assert project.doit("list").failed(3).out.count("has no option second;") == 1


@DETAIL
def test_a_wrong_recipe_does_not_hide_a_wrong_hook_of_the_project(project: Project) -> None:
    write_recipes(project, one=RECIPE.format(name="one"))
    project.config(recipes={"one": {"second": 3}})
    project.dodo(DODO + "@cap.after('published', roles='wb')\ndef restart(host):\n    pass\n")
    out = project.doit("list").failed(3).out
    assert "no host has the role wb" in out
    assert "second" in out


@DETAIL
def test_a_wrong_hook_does_not_hide_the_next(project: Project) -> None:
    project.dodo(
        DODO
        + "@cap.after('publishd')\ndef one(host):\n    pass\n"
        + "@cap.before('updated', role='web')\ndef two(host):\n    pass\n"
        + "@cap.after('updated')\ndef three(hst):\n    pass\n"
        + "@cap.on_failed\ndef four(host):\n    pass\n"
        + "cap.before('startng', 'build')\n"
    )
    for args in (["list"], ["deploy:production"], ["cap", "stages"]):
        done = project.doit(*args).failed(3)
        for number in (3, 6, 9, 12, 15):
            assert f"dodo.py:{number}: " in done.out, done.out
        assert "Traceback" not in done.out


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("@cap.tsk", "there is no decorator tsk; did you mean task? (there are before, after, "),
        ("@cap.after()", 'after is called with wrong arguments; write @….after("published")'),
        *further(
            ("@cap.task_on_demand(roles='web')", "there is no decorator task_on_demand"),
            ("cap.on_failed()", "on_failed is called with wrong arguments; write @….on_failed"),
            ("@cap.on_failed('x')", "on_failed is called with wrong arguments; write @….on_failed"),
            ("@cap.health", "health is called with wrong arguments; write @….health()"),
            ("@cap.task('web')", 'task is called with wrong arguments; write @….task or @….task(roles="web")'),
            (
                "@cap.before('updated', 'a', 'b')",
                'before is called with wrong arguments; write @….before("publishing")',
            ),
            ("@cap.after(3)", 'after is called with wrong arguments; write @….after("published")'),
            ("@cap.after", 'after needs a step: @….after("published")'),
        ),
    ],
)
def test_a_decorator_that_is_used_wrongly_is_refused_with_its_line(project: Project, code: str, said: str) -> None:
    function = "def act(host):\n    pass\n" if code.startswith("@") else ""
    project.dodo(f"{DODO}{code}\n{function}")
    out = project.doit("list").failed(3).out
    assert out.startswith(f"ERROR: dodo.py:3: {said}")
    assert "Traceback" not in out
