"""The releases that hosts had when they were last asked, kept on this machine for the completion of shells."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from capdoit import events
from capdoit.completer import find_cache_file, read_cache, write_cache

MOST_KEPT = 50  # of a stage
CACHE = "releases"  # name of the cache file


class SeenReleases:
    """The releases of a stage that one flow or command has seen.

    Args:
        file: path of deploy.yml.
        stage: name of the stage.
    """

    def __init__(self, file: Path, stage: str) -> None:
        self._file, self._stage = find_cache_file(str(file), CACHE), stage
        self._found: set[str] = set()

    def add(self, releases: Iterable[str]) -> None:
        """Add releases that were seen. Safe in any thread."""
        self._found.update(releases)

    def keep(self) -> None:
        """Keep what was seen, if anything, instead of what was kept of the stage before."""
        newest = sorted(self._found, reverse=True)[:MOST_KEPT]
        before = read_cache(self._file)
        if newest and before.get(self._stage) != newest:
            write_cache(self._file, {**before, self._stage: newest})


class ReleaseWatcher:
    """A listener that keeps the releases that flows see: those of the survey, and the new one.

    Args:
        file: path of deploy.yml.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen: dict[str, SeenReleases] = {}  # by flow

    def __call__(self, event: events.Event) -> None:
        """Collect the releases of a flow, and keep them when it ends."""
        if isinstance(event, events.FlowStarted) and not (event.is_drill or event.is_dry_run):
            self._seen[event.run] = SeenReleases(self._file, event.stage)
        elif seen := self._seen.get(event.run):
            self._collect(event, seen)

    def _collect(self, event: events.Event, seen: SeenReleases) -> None:
        if isinstance(event, events.HostSurveyed):
            seen.add(event.facts.held)
        elif isinstance(event, events.Published):
            seen.add(event.releases.values())
        elif isinstance(event, events.FlowFinished | events.FlowStopped):
            self._seen.pop(event.run).keep()
        elif isinstance(event, events.FlowFailed):
            del self._seen[event.run]
