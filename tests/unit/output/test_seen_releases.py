"""The releases that are kept for the completion of shells."""

from __future__ import annotations

from pathlib import Path

import pytest

from capdoit import events
from capdoit.completer import find_cache_file, read_cache
from capdoit.errors import CapdoitError
from capdoit.output.command_line import CommandLine
from capdoit.output.failure_report import FailureReport
from capdoit.output.seen_releases import CACHE, ReleaseWatcher, SeenReleases
from capdoit.records.facts import Facts

OLD, NEW, NEWEST = "20160613133327", "20160614133327", "20160615133327"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "deploy.yml"


def kept(file: Path) -> dict[str, list[str]]:
    return read_cache(find_cache_file(str(file), CACHE))


def flow(stage: str, *happened: events.Event, is_drill: bool = False, is_dry_run: bool = False) -> list[events.Event]:
    """Return the events of a deploy, all with its id."""
    settings = {"is_drill": is_drill, "is_dry_run": is_dry_run}
    started = events.FlowStarted(stage, ("web1",), "ann", "deploy", "main", "", **settings, run=stage)  # type: ignore[arg-type]
    for event in (started, *happened):
        object.__setattr__(event, "run", stage)
    return [started, *happened]


def surveyed(*releases: str) -> events.HostSurveyed:
    return events.HostSurveyed(Facts("web1", releases=dict.fromkeys(releases, "")))


def published(release: str) -> events.Published:
    return events.Published({"web1": release}, "abc", "main", 1.0)


def finished() -> events.FlowFinished:
    return events.FlowFinished("deploy", (), 0, 1.0)


def watch(file: Path, *happened: events.Event) -> None:
    watcher = ReleaseWatcher(file)
    for event in happened:
        watcher(event)


def test_stages_that_are_deployed_one_after_the_other_keep_their_own_releases(file: Path) -> None:
    watch(file, *flow("staging", surveyed(OLD), published(NEW), finished()))
    watch(file, *flow("production", surveyed(), published(NEWEST), finished()))
    assert kept(file) == {"staging": [NEW, OLD], "production": [NEWEST]}


def test_stages_that_are_deployed_by_one_command_keep_their_own_releases(file: Path) -> None:
    staging = flow("staging", surveyed(OLD), published(NEW), finished())
    production = flow("production", surveyed(), published(NEWEST), finished())
    watch(file, *staging, *production)
    assert kept(file) == {"staging": [NEW, OLD], "production": [NEWEST]}
    mixed = [event for pair in zip(staging, production, strict=True) for event in pair]
    watch(file, *mixed)
    assert kept(file) == {"staging": [NEW, OLD], "production": [NEWEST]}


def test_drills_dry_runs_and_failed_flows_keep_nothing(file: Path) -> None:
    report = FailureReport("deploy", CapdoitError("disk full"), (), CommandLine("deploy", "a"))
    watch(file, *flow("a", surveyed(OLD), finished(), is_drill=True))
    watch(file, *flow("a", surveyed(OLD), finished(), is_dry_run=True))
    watch(file, *flow("a", surveyed(OLD), published(NEW), events.FlowFailed(report)))
    assert kept(file) == {}


def test_what_is_seen_replaces_what_was_kept_and_nothing_seen_replaces_nothing(file: Path) -> None:
    for releases in ([OLD], [NEW], []):
        seen = SeenReleases(file, "production")
        seen.add(releases)
        seen.keep()
    assert kept(file) == {"production": [NEW]}
