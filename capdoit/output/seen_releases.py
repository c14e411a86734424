"""The releases that hosts had when they were last asked, kept on this machine for the completion of shells."""

from __future__ import annotations

from pathlib import Path

from capdoit import events
from capdoit.completer import find_cache_file, read_cache, write_cache
from capdoit.records.facts import Facts

MOST_KEPT = 50  # of a stage
CACHE = "releases"  # name of the cache file


class SeenReleases:
    """A listener that keeps the releases of a stage: those of the survey of a flow, and the new one.

    Args:
        file: path of deploy.yml.
    """

    def __init__(self, file: Path) -> None:
        self._file = find_cache_file(str(file), CACHE)
        self._stage = ""
        self._found: set[str] = set()

    def __call__(self, event: events.Event) -> None:
        """Collect the releases of a flow, and keep them when it ends."""
        if isinstance(event, events.FlowStarted):
            self._stage = event.stage
        elif isinstance(event, events.HostSurveyed):
            self.add(event.facts)
        elif isinstance(event, events.Published):
            self._found.update(event.releases.values())
        elif isinstance(event, (events.FlowFinished, events.FlowStopped)):
            self.keep_found(self._stage)

    def add(self, facts: Facts) -> None:
        """Add the releases and archives of a host to those that were found. Safe in any thread."""
        self._found.update(facts.held)

    def keep_found(self, stage: str) -> None:
        """Keep the found releases of a stage, if there are any, instead of those that were kept before."""
        newest = sorted(self._found, reverse=True)[:MOST_KEPT]
        before = read_cache(self._file)
        if newest and before.get(stage) != newest:
            write_cache(self._file, {**before, stage: newest})
