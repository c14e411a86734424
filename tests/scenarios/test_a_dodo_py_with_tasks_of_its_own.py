"""A dodo.py that had tasks before capdoit came: their names stay theirs; a name that both need is refused clearly."""

from __future__ import annotations

import subprocess
import sys

import pytest

from capdoit.testing import DODO, Project
from tests.support import further, write_hooks

DETAIL = pytest.mark.extended("detail")
OWN_CHECK = """
def task_check():
    '''Run the linters.'''
    return {'actions': ['echo linted > linted']}
"""


@pytest.mark.parametrize("text", [DODO + OWN_CHECK, *further((OWN_CHECK.lstrip() + DODO,))])
def test_a_short_name_that_the_project_has_is_the_projects(project: Project, text: str) -> None:
    project.dodo(text)
    rows = project.doit("list", check=True).out.splitlines()
    assert [row.split(maxsplit=1)[1] for row in rows if row.split()[0] == "check"] == ["Run the linters."]

    project.doit("check", check=True)
    assert (project.path / "linted").exists()
    assert project.releases("web1") == []

    project.doit("check:production", check=True)
    project.doit("deploy", check=True)
    assert project.current("web1")


@pytest.mark.parametrize("name", ["deploy", "rollback", "drill", "deploy:check"])
@DETAIL
def test_each_of_the_short_names_may_be_the_projects(project: Project, name: str) -> None:
    write_hooks(
        project,
        f"""
        def task_own():
            yield {{'basename': {name!r}, 'actions': ['echo own > own']}}
        """,
    )
    project.doit(name, check=True)
    assert (project.path / "own").exists()
    assert project.releases("web1") == []
    project.doit("deploy:production", check=True)
    assert project.current("web1")


@DETAIL
def test_a_group_of_the_project_keeps_its_name_and_its_parts(project: Project) -> None:
    write_hooks(
        project,
        """
        def task_deploy():
            yield {'name': 'docs', 'actions': ['echo docs > docs']}
        """,
    )
    project.doit("deploy", check=True)
    assert (project.path / "docs").exists()
    assert project.releases("web1") == []
    project.doit("deploy:production", check=True)
    project.doit("deploy:production", check=True)
    project.doit("deploy:rollback", check=True)


@DETAIL
def test_a_short_name_is_the_projects_where_no_stage_is_the_default(project: Project) -> None:
    hosts = project.hosts
    project.config(stages={name: {"hosts": {name: hosts["web1"]}} for name in ("staging", "production")})
    project.dodo(DODO + OWN_CHECK)
    project.doit("check", check=True)
    assert (project.path / "linted").exists()
    assert "stage=" in project.doit("deploy").failed().out


@DETAIL
def test_a_task_that_is_created_later_keeps_its_name(project: Project) -> None:
    write_hooks(
        project,
        """
        from doit import create_after

        def task_build():
            return {'actions': ['true']}

        @create_after(executed='build')
        def task_check():
            return {'actions': ['echo linted > linted']}
        """,
    )
    project.doit("check", check=True)
    assert (project.path / "linted").exists()


@DETAIL
def test_a_dodo_py_that_runs_itself_keeps_its_names(project: Project, env: dict[str, str]) -> None:
    project.dodo(DODO + OWN_CHECK + "import doit\nif __name__ == '__main__':\n    doit.run(globals())\n")
    for task in ("check", "deploy:production"):
        subprocess.run([sys.executable, "dodo.py", task], cwd=project.path, env=env, check=True)
    assert (project.path / "linted").exists()
    assert project.current("web1")


@DETAIL
def test_the_full_name_of_a_capdoit_task_is_refused_with_the_line_that_takes_it(project: Project) -> None:
    project.dodo(DODO + "def task_deploy():\n    yield {'name': 'production', 'actions': ['true']}\n")
    for args in (["list"], ["deploy:production"], ["info", "deploy:production"]):
        done = project.doit(*args).failed(3)
        assert "dodo.py:3: the task deploy:production has the name of a task of the stage production" in done.out
        assert "Traceback" not in done.out


def test_two_loads_are_refused_with_both_lines(project: Project) -> None:
    project.dodo("import capdoit\nshop = capdoit.load('deploy.yml')\nblog = capdoit.load('deploy.yml')\n")
    for args in (["list"], ["deploy:production"], ["cap", "stages"]):
        done = project.doit(*args).failed(3)
        assert "dodo.py:2 and dodo.py:3 each load a deploy.yml, and a dodo.py can have one" in done.out
        assert "Traceback" not in done.out


@DETAIL
def test_two_applications_have_a_dodo_py_each(project: Project) -> None:
    (project.path / "blog").mkdir()
    (project.path / "blog/dodo.py").write_text(DODO)
    text = (project.path / "deploy.yml").read_text().replace("hosts/", f"{project.path}/hosts/blog-")
    (project.path / "blog/deploy.yml").write_text(text.replace('"config/database.yml"', ""))
    project.doit("-f", "blog/dodo.py", "deploy:production", check=True)
    assert (project.path / "hosts/blog-web1/current").is_symlink()
    assert project.current("web1") is None


@DETAIL
def test_one_load_may_have_two_names(project: Project) -> None:
    project.dodo(DODO + "shop = cap\n")
    names = [row.split()[0] for row in project.doit("list", check=True).out.splitlines()]
    assert len(names) == len(set(names))
    assert "capdoit" not in names
    project.doit("deploy:production", check=True)
    assert project.current("web1")
