"""The frameworks of a project, and the recipes and links that they need, for a first deploy.yml."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from capdoit.config.yaml_text import YamlEntry

NODE_LOCKS = ("package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock")
PYTHON_LOCKS = ("requirements.txt", "uv.lock")
VERSION_FILES = {".ruby-version": "rbenv", ".python-version": "pyenv", ".nvmrc": "nvm", ".tool-versions": "asdf"}


class ProjectFiles:
    """The files at the top of a project.

    Args:
        folder: directory of the project.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def has(self, *names: str) -> bool:
        """Return whether one of some files or directories exists."""
        return any((self.folder / name).exists() for name in names)

    def read(self, name: str) -> str:
        """Return the text of a file; empty if it cannot be read."""
        try:
            return (self.folder / name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def has_gem(self, name: str) -> bool:
        """Return whether the Gemfile or its lock file has a gem."""
        named = rf"""^\s*gem[ (]+["']{name}["']|^    {name} \("""
        return bool(re.search(named, self.read("Gemfile") + self.read("Gemfile.lock"), re.MULTILINE))

    def php_packages(self) -> set[str]:
        """Return the packages that composer.json requires."""
        try:
            required = json.loads(self.read("composer.json")).get("require", {})
        except (ValueError, AttributeError):
            return set()
        return set(required) if isinstance(required, dict) else set()


@dataclass(frozen=True)
class Framework:
    """A framework that a project uses.

    Attributes:
        name: its name, for people.
        recipes: the recipes that it needs, in order; a recipe that needs more than its defaults is not active.
        linked_dirs: directories that releases usually share.
        linked_files: files that each host needs.
    """

    name: str
    recipes: tuple[YamlEntry, ...]
    linked_dirs: tuple[str, ...] = ()
    linked_files: tuple[str, ...] = ()


def find_frameworks(folder: Path, installed: Collection[str]) -> list[Framework]:
    """Return the frameworks of a project, with those of their recipes that are installed.

    Args:
        folder: directory of the project.
        installed: names of the installed recipes.
    """
    files = ProjectFiles(folder)
    found = [framework for find in FINDERS for framework in find(files)]
    return [
        Framework(
            one.name,
            tuple(recipe for recipe in one.recipes if recipe.key in installed),
            one.linked_dirs,
            one.linked_files,
        )
        for one in found
    ]


def _recipe(name: str, comment: str = "", *, is_active: bool = True, **options: Any) -> YamlEntry:
    return YamlEntry(name, options, comment, is_active)


def _find_versions(files: ProjectFiles) -> Iterator[Framework]:
    managers = [manager for name, manager in VERSION_FILES.items() if files.has(name)]
    if managers:
        comment = "versions by rbenv, rvm, pyenv, nvm, asdf, mise or others"
        yield Framework("files with versions", (_recipe("runtime", comment, is_active=False, managers=managers),))


def _find_rails(files: ProjectFiles) -> Iterator[Framework]:
    if not files.has_gem("rails"):
        return
    restarts = [_recipe(name, is_active=False) for name in ("puma", "passenger") if files.has_gem(name)]
    workers = [
        _recipe(name, is_active=False, units=[f"{name}.service"])
        for name in ("sidekiq", "delayed_job")
        if files.has_gem(name)
    ]
    command = ["bundle", "exec", "whenever"]
    jobs = [_recipe("cron", is_active=False, command=command)] if files.has_gem("whenever") else []
    modules = [_recipe("node", is_active=files.has(*NODE_LOCKS), build=[])] if files.has("package.json") else []
    yield Framework(
        "Rails",
        (_recipe("bundler"), *modules, _recipe("rails"), *restarts, *workers, *jobs),
        ("log", "storage", "tmp/pids", "tmp/cache", "tmp/sockets"),
        ("config/master.key",),
    )


def _find_node(files: ProjectFiles) -> Iterator[Framework]:
    if files.has("package.json") and not files.has_gem("rails"):
        locks = [name for name in NODE_LOCKS if files.has(name)]
        yield Framework("Node", (_recipe("node", "" if locks else "it needs a lock file", is_active=len(locks) == 1),))


def _find_django(files: ProjectFiles) -> Iterator[Framework]:
    if files.has("manage.py"):
        has_lock = files.has(*PYTHON_LOCKS)
        recipes = (_python(files), _recipe("django", is_active=has_lock))
        yield Framework("Django", recipes, ("media",), (".env",) if files.has(".env", ".env.example") else ())


def _find_python(files: ProjectFiles) -> Iterator[Framework]:
    if files.has("pyproject.toml", *PYTHON_LOCKS) and not files.has("manage.py"):
        yield Framework("Python", (_python(files), _recipe("systemd", is_active=False, units=["NAME.service"])))


def _python(files: ProjectFiles) -> YamlEntry:
    options = {"installer": "uv"} if files.has("uv.lock") else {}
    has_lock = files.has(*PYTHON_LOCKS)
    return _recipe("python", "" if has_lock else "it needs requirements.txt or uv.lock", is_active=has_lock, **options)


def _find_php(files: ProjectFiles) -> Iterator[Framework]:
    packages = files.php_packages()
    composer = _recipe("composer", is_active=files.has("composer.lock"))
    is_complete = files.has("composer.lock")
    if "laravel/framework" in packages:
        yield Framework("Laravel", (composer, _recipe("laravel", is_active=is_complete)), (), (".env",))
    elif packages & {"symfony/framework-bundle", "symfony/symfony"}:
        yield Framework("Symfony", (composer, _recipe("symfony", is_active=is_complete)), (), (".env.local",))
    elif packages:
        yield Framework("Composer", (composer,))
    if files.has("wp-config.php", "wp-config-sample.php", "wp-content", "web/wp-content"):
        yield Framework("WordPress", (_recipe("wordpress"),), (), ("wp-config.php",))


FINDERS: tuple[Callable[[ProjectFiles], Iterator[Framework]], ...] = (
    _find_versions,
    _find_rails,
    _find_node,
    _find_django,
    _find_python,
    _find_php,
)


def propose_links(frameworks: Collection[Framework]) -> Mapping[str, list[str]]:
    """Return the linked directories and files that frameworks need, each once."""
    dirs = dict.fromkeys(path for one in frameworks for path in one.linked_dirs)
    files = dict.fromkeys(path for one in frameworks for path in one.linked_files)
    return {"linked_dirs": [*dirs], "linked_files": [*files]}


def propose_recipes(frameworks: Collection[Framework]) -> list[YamlEntry]:
    """Return the recipes of all frameworks, each once."""
    return [*{recipe.key: recipe for one in reversed([*frameworks]) for recipe in reversed(one.recipes)}.values()][::-1]
