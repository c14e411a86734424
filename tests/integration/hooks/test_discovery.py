"""Recipes of the project and of packages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from capdoit.testing import Project
from tests.integration.database_recipe import WATCHING, deploy_migrations, use_recipe


def installed(project: Project, name: str) -> None:
    """Install a package with a recipe `odd`, and return its directory."""
    package = project.path / f"{name}-1.2.dist-info"
    package.mkdir()
    (package / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    (package / "entry_points.txt").write_text(f"[capdoit.recipes]\nodd = {name}_odd\n")
    (project.path / f"{name}_odd.py").write_text('"""Odd."""\nfrom capdoit import Recipe\nodd = Recipe("odd")\n')


def test_the_recipe_of_a_project_is_used_instead_of_an_installed_one_with_a_note(project: Project) -> None:
    installed(project, "acme")
    use_recipe(project, "odd", "odd = Recipe('odd')\n@odd.after('updated')\ndef of_project(host):\n    pass\n")
    env = {"PYTHONPATH": str(project.path)}
    assert "  odd: project is used instead of acme 1.2\n" in project.doit("cap", "recipes", env=env, check=True).out
    project.doit("deploy:production", env=env, check=True)
    assert "deploy:production:odd.of_project" in project.doit("list", "--all", env=env, check=True).out


@pytest.mark.extended("detail")
def test_the_recipe_of_a_project_decides_between_two_packages(project: Project) -> None:
    installed(project, "acme")
    installed(project, "umbrella")
    use_recipe(project, "odd", "odd = Recipe('odd')\n")
    out = project.doit("cap", "recipes", env={"PYTHONPATH": str(project.path)}, check=True).out
    assert "  odd: project is used instead of acme 1.2\n" in out
    assert "  odd: project is used instead of umbrella 1.2\n" in out


@pytest.mark.extended("detail")
def test_an_installed_recipe_is_used_instead_of_a_bundled_one_with_a_note(project: Project) -> None:
    installed(project, "acme")
    points = project.path / "acme-1.2.dist-info/entry_points.txt"
    points.write_text(points.read_text().replace("odd = ", "health = "))
    (project.path / "acme_odd.py").write_text('"""Odd."""\nfrom capdoit import Recipe\nodd = Recipe("health")\n')
    out = project.doit("cap", "recipes", env={"PYTHONPATH": str(project.path)}, check=True).out
    assert re.search(r"^  health: acme 1.2 is used instead of \S+/recipes/health.py$", out, re.MULTILINE)


@pytest.mark.extended("detail")
def test_a_recipe_of_two_packages_is_refused_and_both_named(project: Project) -> None:
    installed(project, "acme")
    installed(project, "umbrella")
    project.config(recipes={"odd": {}})
    done = project.doit("list", env={"PYTHONPATH": str(project.path)}).failed(3)
    assert "recipe odd is claimed by acme 1.2 and by umbrella 1.2; uninstall one" in done.out


def test_recipes_diff_shows_what_a_recipe_changes_in_the_next_deploy(project: Project) -> None:
    assert "No deploy of production" in project.doit("cap", "recipes", "--diff", check=True).out
    use_recipe(project, "db", WATCHING)
    deploy_migrations(project, "0001")
    assert "has not changed" in project.doit("cap", "recipes", "--diff", check=True).out
    use_recipe(project, "db", WATCHING.replace("def migrate", "def migrate_all"))
    done = project.doit("cap", "recipes", "--diff", "production", check=True)
    assert [line for line in done.out.splitlines() if line[:2] in ("+ ", "- ")] == ["- db.migrate", "+ db.migrate_all"]
    project.config(recipes={"db": {}, "systemd": {"units": ["a"]}})
    assert "+ systemd: bundled " in project.doit("cap", "recipes", "--diff", check=True).out


@pytest.mark.extended("detail")
def test_a_survey_does_not_send_recorded_probe_tokens(project: Project) -> None:
    use_recipe(project, "db", WATCHING)
    deploy_migrations(project, "0001")
    journal = Path(project.deploy_to("web1") / ".capdoit/journal").read_text()
    assert '{"event": "noted", "release": ' in journal
    assert "noted" not in project.doit("cap", "status", "--json", check=True).out
