"""The script of the survey."""

from __future__ import annotations

import subprocess
from pathlib import Path

from capdoit.layout import Layout
from capdoit.records.facts import parse_facts
from capdoit.records.journal import Entry
from capdoit.script import Value
from capdoit.shell_scripts import render

R = [f"2016061413332{n}" for n in range(8)]


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


def survey(shop: Path) -> str:
    (shop / "shared").mkdir()
    (shop / "shared" / "a.yml").touch()
    values: dict[str, Value] = {
        "deploy_to": str(shop),
        "tools": ["sh", "no-such-tool"],
        "make_dirs": False,
        "linked_files": ["a.yml", "b.yml"],
        "linked_dirs": [],
        "scratch": [],
    }
    script = render("survey", "operations/survey", values).text
    return subprocess.run(["sh"], input=script, capture_output=True, text=True, check=True).stdout
