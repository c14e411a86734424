"""A recipe that guards a database: a file whose lines are its migrations."""

from __future__ import annotations

from capdoit.testing import Project

HEAD = """
from __future__ import annotations
from dataclasses import dataclass
from typing import Literal
from collections.abc import Mapping
from capdoit import Recipe, RoleNames, Secret
"""
# The database is a file in deploy_to. The migrations of the code are the names in its file `migrations`.
WATCHING = """
db = Recipe("db", roles="web")

@db.after("updated", flows="deploy", primary=True)
def migrate(host, release):
    host.run(["cp", "migrations", f"{release.deploy_to}/database"], cwd=release.path)

@db.probe()
def applied(host, release):
    return host.capture(["cat", f"{release.deploy_to}/database"], cwd=release.path)
"""


def use_recipe(project: Project, name: str, text: str, **options: object) -> None:
    """Write a recipe of the project, and use it with these options."""
    folder = project.path / "recipes"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(HEAD + text)
    project.config(recipes={name: options})


def deploy_migrations(project: Project, *migrations: str) -> str:
    """Deploy code with these migrations, and return the release."""
    project.repo.commit({"migrations": "".join(f"{name}\n" for name in migrations)})
    project.doit("deploy:production", check=True)
    return str(project.current("web1"))


def read_database(project: Project) -> list[str]:
    """Return the migrations in the database of the primary host."""
    return (project.deploy_to("web1") / "database").read_text().split()
