"""Each module imports from below only, and what is public is named."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import capdoit

SOURCE = Path(capdoit.__file__).parent
MODULES = sorted(path for path in SOURCE.rglob("*.py"))
# From the ground up. A module imports at run time only from its own floor and from those before it.
FLOORS = (
    {"errors", "text", "units", "script", "shell_scripts", "layout", "sh", "redaction", "events"},
    {"config"},
    {"records"},
    {"decisions"},
    {"output", "hosts"},
    {"sequence", "hooks"},
    {"state", "transfers", "operations", "steps"},
    {"flow"},
    {"doctor"},
    {"doit_tasks", "commands"},
    {"testing"},
)
PURE = {"errors", "text", "units", "script", "shell_scripts", "layout", "records", "config", "decisions"}
FLOOR = {module: number for number, modules in enumerate(FLOORS) for module in modules}


def name_of(path: Path) -> str:
    """A module as its floor calls it: a folder is one."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports that happen when a program runs, those inside functions too."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        node
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for statement in block.body
        for node in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)) and node not in typing_only:
            yield node


def imported(path: Path) -> set[str]:
    """The full names that a module imports."""
    names: set[str] = set()
    for node in imports(path):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        else:
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def importers(package: str) -> set[str]:
    return {
        path.relative_to(SOURCE).as_posix()
        for path in MODULES
        if any(name.split(".")[0] == package for name in imported(path))
    }


def ours(path: Path) -> set[str]:
    """The modules of capdoit that a module imports."""
    parts = [name.split(".") for name in imported(path)]
    return {name[1] for name in parts if name[0] == "capdoit" and name[1] in FLOOR}


def test_plumbum_is_imported_by_connections_alone() -> None:
    assert importers("plumbum") == {"hosts/connection.py"}


def test_doit_is_imported_by_its_faces_alone() -> None:
    found = importers("doit")
    assert "doit_tasks.py" in found
    assert found <= {"doit_tasks.py", "commands/cap_command.py"}


def test_pytest_is_imported_by_the_testing_kit_alone() -> None:
    found = importers("pytest")
    assert "testing/plugin.py" in found
    assert all(name.startswith("testing/") for name in found)


def test_the_pytest_plugin_costs_those_who_do_not_use_it_next_to_nothing() -> None:
    code = "import sys, capdoit.testing.plugin; print({'plumbum', 'doit'} & {*sys.modules})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_yaml_is_read_in_one_place() -> None:
    assert importers("yaml") == {"config/yaml_nodes.py"}


def test_every_module_has_a_floor() -> None:
    assert {name_of(path) for path in MODULES} - {"__init__", "recipes"} <= set(FLOOR)


@pytest.mark.parametrize(
    "path", [p for p in MODULES if name_of(p) in FLOOR], ids=lambda p: p.relative_to(SOURCE).as_posix()
)
def test_a_module_imports_nothing_from_above(path: Path) -> None:
    above = {name for name in ours(path) if FLOOR[name] > FLOOR[name_of(path)]}
    assert not above


def test_decisions_and_what_they_are_made_of_reach_nothing_outside() -> None:
    pure = [path for path in MODULES if name_of(path) in PURE]
    roots = {name.split(".")[0] for path in pure for name in imported(path)}
    assert not roots & {"plumbum", "doit", "subprocess", "socket", "threading", "signal"}


def test_all_public_names_exist_and_nothing_else_is_public() -> None:
    tree = ast.parse((SOURCE / "__init__.py").read_text(encoding="utf-8"))
    bound = {
        alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    bound |= {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    public = {name for name in bound if not name.startswith("_")} - {"annotations", "Path", "TYPE_CHECKING"}
    assert public | {"Host"} == set(capdoit.__all__)  # which is imported when it is asked for
    assert all(hasattr(capdoit, name) for name in capdoit.__all__)


def test_recipes_use_the_public_names_only() -> None:
    folder = Path(__file__).parent.parent / "recipes"
    private = {
        f"{path.name}: {name}"
        for path in folder.glob("*.py")
        for name in imported(path)
        if name.startswith("capdoit.") and name.split(".")[1] not in capdoit.__all__
    }
    assert not private
