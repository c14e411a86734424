"""The summary of a dry run, on one screen: what is live, what would be, each step, and what would stop the flow."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from capdoit.output.commit_list import describe_gap, list_commits
from capdoit.records.revision_gap import Gap
from capdoit.text import join_names, name_first
from capdoit.units import format_size

MOST_LINES = 21  # of a screen with 24: a warning, the last line and the prompt need some, too
FEWEST_COMMITS = 3
WIDEST_LABEL = 24
NARROWEST_TEXT = 20
MOST_NAMES = 4  # of hosts
ALL_HOSTS = "all hosts"


@dataclass(frozen=True)
class PlannedTask:
    """A step or hook that the flow would do.

    Attributes:
        name: its name.
        effects: what it would do, by host; hosts with one effect share it.
        is_hook: whether it is a hook.
    """

    name: str
    effects: Mapping[str, str]
    is_hook: bool = False


@dataclass(frozen=True)
class HostRoom:
    """The free disk space of a host.

    Attributes:
        host: name of the host.
        free_kib: free KiB; None if the host does not tell.
        live_kib: KiB of the live release, which another release will need; None if that is not known.
    """

    host: str
    free_kib: int | None = None
    live_kib: int | None = None


@dataclass(frozen=True)
class DryRunSummary:
    """The effects that a flow would have.

    Attributes:
        name: flow and stage, such as ``deploy:production``.
        hosts: names of all hosts of the flow.
        source: source of the code, such as a branch; in a rollback, the name of the release.
        revision: revision that would be live.
        live: release and revision that are live now, by host.
        target: release and revision that would be live, by host; empty for hooks that run without their flow.
        gaps: the commits that would come and go; empty if the transfer has none.
        why_no_commits: why they are not known; empty if they are.
        tasks: the steps and hooks.
        rooms: free disk space of the hosts.
        differences: how the hosts differ, a sentence each.
        waits: the locks of other flows that the flow would wait for, a sentence each.
        obstacles: what would stop the flow, a sentence each.
    """

    name: str
    hosts: tuple[str, ...]
    source: str
    revision: str
    live: Mapping[str, str]
    target: Mapping[str, str]
    gaps: Sequence[Gap] = ()
    why_no_commits: str = ""
    tasks: Sequence[PlannedTask] = ()
    rooms: Sequence[HostRoom] = ()
    differences: Sequence[str] = ()
    waits: Sequence[str] = ()
    obstacles: Sequence[str] = ()

    @property
    def flow(self) -> str:
        """``deploy`` or ``rollback``."""
        return self.name.partition(":")[0]


def render_dry_run(summary: DryRunSummary, width: int) -> list[str]:
    """Return the lines of a summary. Commits are left out as far as that is needed to fit one screen.

    Args:
        summary: the data.
        width: number of characters in a line.
    """
    without_commits = [*_render(summary, width, 0)]
    most_commits = max(FEWEST_COMMITS, MOST_LINES - len(without_commits))
    return [*_render(summary, width, most_commits)]


def _render(summary: DryRunSummary, width: int, most_commits: int) -> Iterator[str]:
    column = _Column([task.name for task in summary.tasks], width)
    hosts = join_names(summary.hosts) if len(summary.hosts) <= MOST_NAMES else f"{len(summary.hosts)} hosts"
    yield from textwrap.wrap(f"{summary.name} on {hosts} would do this:", width)
    yield from column.lines("live now", _by_hosts(summary, summary.live))
    if summary.target:
        yield from column.lines("live then", _by_hosts(summary, summary.target))
    yield from _commits(summary, column, width, most_commits)
    for task in summary.tasks:
        yield from column.lines(f"{'  ' if task.is_hook else ''}{task.name}", _by_hosts(summary, task.effects))
    yield from column.lines("free disk", _room(summary.rooms))
    yield from column.lines("hosts differ", "; ".join(summary.differences))
    yield from column.lines("would wait", "; ".join(summary.waits))
    yield from column.lines("would stop it", "; ".join(summary.obstacles) or "nothing that is known now")


class _Column:
    """The column of the labels, and the texts to the right of it."""

    def __init__(self, names: Sequence[str], width: int) -> None:
        self.width = min(WIDEST_LABEL, max(map(len, ("would stop it", *(f"  {name}" for name in names))))) + 2
        self._text_width = max(NARROWEST_TEXT, width - self.width)

    def lines(self, label: str, text: str) -> Iterator[str]:
        """Yield a label with its text, in lines; none without a text."""
        first, *rest = textwrap.wrap(text, self._text_width, break_on_hyphens=False) or [""]
        if not first:
            return
        if len(label) >= self.width:
            yield label
            label = ""
        yield f"{label.ljust(self.width)}{first}"
        yield from (f"{' ' * self.width}{line}" for line in rest)


def _by_hosts(summary: DryRunSummary, texts: Mapping[str, str]) -> str:
    """Return the texts of the hosts, each once; with the hosts' names unless all hosts of the flow share one."""
    groups: dict[str, list[str]] = {}
    for host, text in texts.items():
        groups.setdefault(text, []).append(host)
    if len(groups) == 1 and {*texts} == {*summary.hosts}:
        return next(iter(groups)) or f"on {ALL_HOSTS}"
    return "; ".join(f"{text} on {name_first(hosts, MOST_NAMES)}".lstrip() for text, hosts in groups.items())


def _commits(summary: DryRunSummary, column: _Column, width: int, most: int) -> Iterator[str]:
    yield from column.lines("commits", summary.why_no_commits)
    for gap in summary.gaps:
        named = ALL_HOSTS if {*gap.hosts} == {*summary.hosts} else name_first(gap.hosts, MOST_NAMES)
        sentence = describe_gap(summary.source, summary.revision, replace(gap, hosts=(named,)), summary.flow)
        yield from column.lines("commits", sentence)
        if most:
            yield from (f"  {line}" for line in _first_commits(summary, list_commits(gap, width - 2), most))


def _first_commits(summary: DryRunSummary, commits: list[str], most: int) -> list[str]:
    """Return the lines of the newest commits of a gap, and the number of the rest; all gaps have ``most`` lines."""
    of_gap = max(most // len(summary.gaps), 1)
    if len(commits) <= of_gap:
        return commits
    where = ", which doit cap pending lists" if summary.flow == "deploy" else ""
    return [*commits[: of_gap - 1], f"  … and {len(commits) - of_gap + 1} more{where}"]


def _room(rooms: Sequence[HostRoom]) -> str:
    """Return the free space of the host that has the least of it for another release."""
    known = [room for room in rooms if room.free_kib is not None]
    unknown = join_names(room.host for room in rooms if room.free_kib is None)
    texts = [f"not known on {unknown}"] if unknown else []
    if known:
        least = min(known, key=lambda room: (room.free_kib or 0) - (room.live_kib or 0))
        need = f"; the live release takes {format_size(least.live_kib)}" if least.live_kib is not None else ""
        where = f" on {least.host}, which has the least" if len(known) > 1 else f" on {least.host}"
        texts.insert(0, f"{format_size(least.free_kib or 0)}{where}{need}")
    return "; ".join(texts)
