"""The deploy of the example application to directories of this machine, and tasks for the development of capdoit."""

from __future__ import annotations

import sys
import tarfile
from pathlib import Path
from typing import Any

import capdoit

cap = capdoit.load("deploy.yml")
DOIT_CONFIG = {"reporter": "capdoit"}
SHOP = Path("examples/shop")
ARCHIVE = Path("dist/shop.tar.gz")
MANUALS = Path("docs/recipes.md")
MARK = "<!-- What follows is written by `doit manuals`. -->\n"


@cap.after("published", roles="web")
def say_hello(host: Any, release: Any) -> None:
    """Ask the release for its greeting."""
    host.run(["sh", "bin/shop"], cwd=release.path)


def task_build() -> dict[str, Any]:
    """Pack the example application."""
    files = sorted(path for path in SHOP.rglob("*") if path.is_file())
    return {"actions": [(pack, [files])], "file_dep": files, "targets": [ARCHIVE], "clean": True}


def task_fault_matrix() -> dict[str, Any]:
    """Test every fault at every moment of both flows, and 200 races for a lock; this takes minutes."""
    return {"actions": [f"{sys.executable} -m pytest -m full -n 5"], "verbosity": 2}


def task_extended_tests() -> dict[str, Any]:
    """Run the tests that the ordinary suite omits (see tests/conftest.py); this takes minutes."""
    return {"actions": [f"{sys.executable} -m pytest -m extended -n 4"], "verbosity": 2}


def task_recipes_for_real() -> dict[str, Any]:
    """Test the bundled recipes with the real tools, and install these tools with apt-get."""
    return {
        "actions": ["tests/setup.sh real", f"{sys.executable} -m pytest -m real tests/recipes"],
        "verbosity": 2,
    }


def task_manuals() -> dict[str, Any]:
    """Write the manuals of the bundled recipes into docs/recipes.md."""
    return {"actions": [write_manuals]}


def task_benchmark() -> dict[str, Any]:
    """Time deploys, rollbacks, and the difference in publishing time between hosts."""
    return {"actions": [f"{sys.executable} benchmarks/flow_times.py"], "verbosity": 2}


def task_benchmark_views() -> dict[str, Any]:
    """Measure the cost of what a flow shows, and of loud commands."""
    return {"actions": [f"{sys.executable} -m benchmarks.views"], "verbosity": 2}


def write_manuals() -> None:
    """Replace the manuals at the end of docs/recipes.md."""
    from capdoit.hooks.manual import render_bundled_manuals

    text = MANUALS.read_text(encoding="utf-8")
    before, mark, _ = text.partition(MARK)
    MANUALS.write_text(before + mark + render_bundled_manuals(), encoding="utf-8")


def pack(files: list[Path]) -> None:
    """Write the archive, with paths relative to the application."""
    ARCHIVE.parent.mkdir(exist_ok=True)
    with tarfile.open(ARCHIVE, "w:gz") as archive:
        for file in files:
            archive.add(file, str(file.relative_to(SHOP)))
