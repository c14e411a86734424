"""Mistakes in dodo.py and in recipes: all of them at once, with their lines, before any command does something."""

from __future__ import annotations

import subprocess
import sys

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
            ("@cap.after('updated', roles=3)", "after: roles=3: expected a name, or several"),
            (
                "@cap.after('updated', roles=lambda options: 'web')",
                "after: roles=a function: expected a name, or several",
            ),
            (
                "@cap.after('updated', at_once=lambda options: 1)",
                "after: at_once=a function: expected a number of hosts",
            ),
            ("@cap.after('updated', flows=[3])", "after: flows=[3]: expected a name, or several"),
            ("@cap.after('updated', tools=[3])", "after: tools=[3]: expected names of programs, or capdoit.Tool"),
            ("@cap.after('updated', timeout='3')", "after: timeout='3': expected a number of seconds, or None"),
            ("@cap.after('updated', timeout=-1)", "after: timeout=-1: expected a number of seconds, or None"),
            ("@cap.after('updated', primary='db')", "after: primary='db': expected True or False"),
            ("@cap.task(interactive='yes')", "task: interactive='yes': expected True or False"),
            ("cap.before('updated', ['a'])", "before updated needs the name of a doit task, not ['a']"),
            ("cap.before('updated', 3)", "before updated needs the name of a doit task, not 3"),
        ),
    ],
)
def test_a_decorator_that_is_used_wrongly_is_refused_with_its_line(project: Project, code: str, said: str) -> None:
    function = "def act(host):\n    pass\n" if code.startswith("@") else ""
    project.dodo(f"{DODO}{code}\n{function}")
    out = project.doit("list").failed(3).out
    assert out.startswith(f"ERROR: dodo.py:3: {said}")
    assert "Traceback" not in out


LAOD = "capdoit has no laod; did you mean load? (there are CapdoitError, "
PLACE = "Tool has no place=; did you mean places? (there are name, "


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("from capdoit import laod", LAOD),
        ("import capdoit; capdoit.laod('deploy.yml')", LAOD),
        *further(
            ("import capdoit; capdoit.load(setings={})", "load has no setings=; did you mean settings? (there are "),
            ("import capdoit; capdoit.load('deploy.yml', {}, 3)", "load: too many positional arguments"),
            ("import capdoit; capdoit.load({'a': 'x'})", "load: file={'a': 'x'}: expected the path of deploy.yml"),
            ("import capdoit; capdoit.Tool('x', place='y')", PLACE),
            ("import capdoit; capdoit.Tool()", "Tool: missing a required argument: 'name'"),
            ("import capdoit; capdoit.todo()", "todo: missing a required argument: 'origin'"),
        ),
    ],
)
def test_a_public_name_that_is_used_wrongly_is_refused_with_its_line(project: Project, code: str, said: str) -> None:
    project.dodo(f"{code}\n")
    assert project.doit("list").failed(3).out.startswith(f"ERROR: dodo.py:1: {said}")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("from capdoit import laod", LAOD),
        *further(
            ("import capdoit; capdoit.Tool('x', place='y')", PLACE),
            ("import capdoit; capdoit.Recipe('acme', option=1)", "Recipe has no option=; did you mean options?"),
        ),
    ],
)
def test_so_is_one_in_a_recipe(project: Project, code: str, said: str) -> None:
    project.write_module("recipes/acme.py", f"{code}\n")
    project.config(recipes={"acme": {}})
    assert project.doit("list").failed(3).out.startswith(f"ERROR: acme.py:1: {said}")


def test_a_newer_name_can_be_asked_for() -> None:
    code = """
import capdoit
assert not hasattr(capdoit, "not_yet")
try:
    from capdoit import not_yet
except ImportError:
    from capdoit import testing
assert testing.Project
"""
    subprocess.run([sys.executable, "-c", code], check=True)
