"""Structure of the package: imports between rooms, libraries, and public names."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import capdoit
from capdoit.sequence import EMPTY_POINTS, FLOWS
from capdoit.steps import STEPS

SOURCE = Path(capdoit.__file__).parent
MODULES = sorted(path for path in SOURCE.rglob("*.py"))
# The rooms of docs/design.md from the ground up: at run time a module imports only from rooms of its own level and
# from rooms of the levels before it.
LEVELS = (
    {
        "error_location",
        "errors",
        "text",
        "units",
        "sources",
        "process_tree",
        "controller_command",
        "questions",
        "script",
        "shell_scripts",
        "layout",
        "sh",
    }
    | {"redaction", "url_credentials", "interruption", "events", "event_bus", "completer"}
    | {"doit_errors", "public_names"},
    {"config"},
    {"records"},
    {"decisions"},
    {"output"},
    {"hosts"},
    {"sequence", "task_names", "task_calls", "hooks"},
    {"state"},
    {"transfers"},
    {"operations"},
    {"steps"},
    {"flow"},
    {"doctor", "capistrano"},
    {
        "project_definition",
        "doit_actions",
        "doit_command",
        "doit_database",
        "doit_output",
        "doit_reporter",
        "doit_signals",
        "doit_tasks",
    },
    {"commands"},
    {"testing"},
)
PURE = {
    "error_location",
    "errors",
    "text",
    "units",
    "script",
    "shell_scripts",
    "layout",
    "records",
    "config",
    "decisions",
}
LEVEL = {module: number for number, modules in enumerate(LEVELS) for module in modules}


def room_of(path: Path) -> str:
    """Return the room of a module: the name of its folder, or its own name at the top."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the imports that happen at run time, including those inside functions."""
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
    """Return the full names that a module imports."""
    names: set[str] = set()
    for node in imports(path):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        else:
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def importers(package: str) -> set[str]:
    """Return the modules that import a library."""
    return {
        path.relative_to(SOURCE).as_posix()
        for path in MODULES
        if any(name.split(".")[0] == package for name in imported(path))
    }


def imported_rooms(path: Path) -> set[str]:
    """Return the rooms of capdoit that a module imports from."""
    parts = [name.split(".") for name in imported(path)]
    return {name[1] for name in parts if name[0] == "capdoit" and name[1] in LEVEL}


@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        ("plumbum", ("hosts/",)),
        (
            "doit",
            (
                "doit_actions.py",
                "doit_command.py",
                "doit_database.py",
                "doit_errors.py",
                "doit_reporter.py",
                "doit_tasks.py",
                "commands/",
            ),
        ),
        ("yaml", (*(f"config/yaml_{name}.py" for name in ("file", "mistakes", "nodes")), "config/python_settings.py")),
        ("jinja2", ("hosts/templates.py",)),
        ("rich", ("output/",)),
        ("pytest", ("testing/",)),
    ],
)
def test_a_library_is_imported_only_in_the_room_that_wraps_it(package: str, allowed: tuple[str, ...]) -> None:
    assert [path for path in sorted(importers(package)) if not path.startswith(allowed)] == []


def test_loading_the_pytest_plugin_imports_neither_plumbum_nor_doit() -> None:
    code = "import sys, capdoit.testing.plugin; print({'plumbum', 'doit'} & {*sys.modules})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_every_module_is_in_a_room() -> None:
    assert {room_of(path) for path in MODULES} - {"__init__", "recipes"} <= set(LEVEL)


@pytest.mark.parametrize(
    "path", [p for p in MODULES if room_of(p) in LEVEL], ids=lambda p: p.relative_to(SOURCE).as_posix()
)
def test_a_module_imports_nothing_from_a_higher_room(path: Path) -> None:
    above = {name for name in imported_rooms(path) if LEVEL[name] > LEVEL[room_of(path)]}
    assert not above


def test_pure_rooms_use_no_processes_network_threads_or_signals() -> None:
    pure = [path for path in MODULES if room_of(path) in PURE]
    roots = {name.split(".")[0] for path in pure for name in imported(path)}
    assert not roots & {"plumbum", "doit", "subprocess", "socket", "threading", "signal"}


def test_the_public_names_are_exactly_those_in_all() -> None:
    tree = ast.parse((SOURCE / "__init__.py").read_text(encoding="utf-8"))
    bound = {
        alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    bound |= {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    public = {name for name in bound if not name.startswith("_")} - {"annotations", "Path", "TYPE_CHECKING"}
    public -= {"make_name_error", "refusing_wrong_arguments"}
    assert public | {"Host"} == set(capdoit.__all__)  # imported only when it is used
    assert all(hasattr(capdoit, name) for name in capdoit.__all__)


def test_bundled_recipes_use_only_the_public_api() -> None:
    folder = Path(__file__).parent.parent / "recipes"
    private = {
        f"{path.name}: {name}"
        for path in folder.glob("*.py")
        for name in imported(path)
        if name.startswith("capdoit.")
        and not name.startswith("capdoit.recipes._")
        and name.split(".")[1] not in capdoit.__all__
    }
    assert not private


def test_no_two_public_functions_or_classes_share_a_name() -> None:
    places = defaultdict(list)
    for path in MODULES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
                places[node.name].append(path.relative_to(SOURCE).as_posix())
    shared = {name: paths for name, paths in places.items() if len(paths) > 1}
    assert shared == {}


def test_only_events_change_the_progress_of_a_flow() -> None:
    """Steps, operations and transfers read the progress; `Progress.apply` is the only place that changes it."""
    changes = [
        f"{path.relative_to(SOURCE)}:{node.lineno}"
        for path in MODULES
        if room_of(path) in ("flow", "steps", "operations", "transfers", "state") and path.name != "progress.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign))
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if "progress" in ast.unparse(target).split(".")[:-1]
    ]
    assert not changes


def test_steps_has_one_module_for_each_step_that_works() -> None:
    working = {name for flow in FLOWS.values() for name, _ in flow} - {*EMPTY_POINTS}
    assert {path.stem for path in MODULES if room_of(path) == "steps"} - {"__init__"} == working == {*STEPS}


def test_no_step_asks_if_it_is_a_dry_run() -> None:
    rooms = ("steps", "operations", "transfers")
    text = "".join(path.read_text(encoding="utf-8") for path in MODULES if room_of(path) in rooms)
    assert "variables.dry_run" not in text
    assert "Recorder" not in text
