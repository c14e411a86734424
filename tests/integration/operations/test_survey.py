"""The script of the survey."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from capdoit.layout import Layout
from capdoit.records.facts import parse_facts
from capdoit.records.journal import Entry
from capdoit.script import Value
from capdoit.shell_scripts import render

CONTAINER = ["unshare", *([] if os.geteuid() == 0 else ["--map-root-user"]), "--pid", "--fork", "--mount-proc"]
R = [f"2016061413332{n}" for n in range(8)]

LOCK = '{"flow": "deploy", "by": "ann", "origin": "laptop", "at": "2026-11-25T18:00:00Z", "message": "", "run": "1"}\n'


def made(number: int, event: str, flow: str = "deploy", run: str = "") -> Entry:
    return Entry(event=event, flow=flow, release=R[number], run=run or f"{flow}{number}")


def test_the_answer_of_the_survey_script_is_parsed(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    (shop / "releases" / R[0]).mkdir(parents=True)
    (shop / "releases" / R[0] / "REVISION").write_text("1f3e\n")
    (shop / "releases" / "new\nline").mkdir()
    (shop / "current").symlink_to(shop / "releases" / R[0])
    (shop / f"rolled-back-release-{R[1]}.tar.gz").touch()
    (shop / ".capdoit").mkdir()
    (shop / ".capdoit" / "journal").write_text(made(0, "live").to_line() + "\n")
    (shop / "revisions.log").write_text(f"Branch main (at 1f3e) deployed as release {R[0]} by ann\n")
    facts = parse_facts("web1", Layout(str(shop)), survey(shop))
    assert (facts.current, facts.releases, facts.archives) == (R[0], {R[0]: "1f3e"}, frozenset({R[1]}))
    assert (facts.entries, len(facts.log), facts.strays) == ((made(0, "live"),), 1, ("new?line",))
    assert (facts.missing_tools, facts.missing_files, facts.unwritable) == (("no-such-tool",), (1,), ())


@pytest.mark.parametrize("is_held", [True, False])
def test_a_host_in_a_container_tells_whether_the_lock_is_held(tmp_path: Path, is_held: bool) -> None:
    """There, /proc/locks does not list a lock whose taker, the program flock, has ended."""
    shop = tmp_path / "shop"
    (shop / ".capdoit").mkdir(parents=True)
    (shop / ".capdoit/lock").write_text(LOCK)
    take = f"exec 9<{shop}/.capdoit/lock; flock -n 9; sh" if is_held else "sh"
    answer = survey(shop, [*CONTAINER, "sh", "-c", take])
    assert parse_facts("web1", Layout(str(shop)), answer).lock_is_held is is_held


def survey(shop: Path, shell: Sequence[str] = ("sh",)) -> str:
    (shop / "shared").mkdir()
    (shop / "shared" / "a.yml").touch()
    values: dict[str, Value] = {
        "deploy_to": str(shop),
        "tools": ["sh", "no-such-tool"],
        "hook_tools": [],
        "make_dirs": False,
        "linked_files": ["a.yml", "b.yml"],
        "linked_dirs": [],
        "scratch": [],
        "shared_to": [],
    }
    script = render("survey", "operations/survey", values).text
    return subprocess.run(shell, input=script, capture_output=True, text=True, check=True).stdout
