"""The page docs/design.md: every room, file and name on it exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from capdoit.sequence import EMPTY_POINTS, FLOWS, step_names
from tests.test_structure import LEVELS

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "capdoit"
PAGE = ROOT.joinpath("docs/design.md").read_text(encoding="utf-8")
CODE_SPANS = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", PAGE, flags=re.DOTALL | re.MULTILINE))
PATH = re.compile(r"[\w.-]+(/[\w.-]+)*(/|\.py|\.sh|\.md|\.toml)")
PLACEHOLDER = re.compile(r"NAME|ROOM|MODULE|SUBJECT|<")
NAMES_OF_OTHERS = {"SshMachine"}  # of plumbum


def chapter(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def rows(title: str) -> list[list[str]]:
    """Return the cells of the tables in a chapter, without the headings."""
    lines = [line for line in chapter(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def levels() -> list[set[str]]:
    """Return the rooms of each level of the map; a row without a level belongs to the level above it."""
    found: list[set[str]] = []
    for level, rooms, _ in rows("Rooms"):
        if level:
            found.append(set())
        found[-1].update(re.findall(r"`(\w+)(?:/|\.py)`", rooms))
    return found


def test_the_map_and_the_distribution_have_every_room() -> None:
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")} - {"recipes"}
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    assert set().union(*levels()) == packages | modules
    packaged = re.findall(r'"capdoit\.(\w+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert {*packaged} == packages | {"recipes"}


def test_the_map_has_the_levels_that_imports_are_checked_by() -> None:
    assert levels() == list(LEVELS)


@pytest.mark.parametrize("path", sorted({span for span in CODE_SPANS if PATH.fullmatch(span)}))
def test_a_file_that_is_named_exists(path: str) -> None:
    if path.startswith(".capdoit") or path in ("releases/", "shared/") or PLACEHOLDER.search(path):
        return
    assert (ROOT / path).exists() or (PACKAGE / path).exists()


@pytest.mark.parametrize(("name", "path"), sorted(set(re.findall(r"`(\w+)`\s+in\s+`([\w/]+\.\w+)`", PAGE))))
def test_a_name_is_in_the_file_that_the_page_says(name: str, path: str) -> None:
    file = PACKAGE / path if (PACKAGE / path).exists() else ROOT / path
    assert re.search(rf"\b{name}\b", file.read_text(encoding="utf-8"))


def test_classes_and_functions_that_are_named_exist() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    named = {span for span in CODE_SPANS if re.fullmatch(r"[A-Z][a-z]+\w*", span)} - NAMES_OF_OTHERS
    assert named
    assert not {name for name in named if not re.search(rf"\b(class|def) {name}\b|^{name}\b", code, re.MULTILINE)}


def test_the_steps_are_those_of_the_flows() -> None:
    working = {name for flow in FLOWS for name in step_names(flow)} - {*EMPTY_POINTS}
    assert {row[0].strip("`") for row in rows("The flows, step by step")} == working
