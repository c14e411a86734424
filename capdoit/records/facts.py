"""The facts of one host, parsed from the untrusted answer to the survey."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from capdoit.errors import HostError
from capdoit.layout import Layout, is_release
from capdoit.records.fact_lines import LONGEST_SHOWN, FactLines, malformed_answer, parse_fact_lines, parse_room
from capdoit.records.journal import ROLLBACK, DrillVerdict, Entry
from capdoit.records.lineage import Lineage, build_lineage, merge_publishes
from capdoit.records.lock_state import LOCK_KEYS, describe_holder, parse_is_held
from capdoit.text import cut, make_printable
from capdoit.units import Capacity

MOST_HISTORY = 1000  # lines of the journal, and of the log; the survey sends no more
LONGEST_REVISION = 200
REVISION = re.compile(r"[0-9A-Za-z._-]{1,200}")
# Keys that survey.sh prints once at most.
SINGLE_KEYS = {
    *("user", "deploy_to", "directory_id", "out_of_bounds", "read_only", "no_reserve", "disk", "inodes", "drilled"),
    *("current", "current_place", "current_is_no_link", "current_is_broken", *LOCK_KEYS, "end"),
}
# Keys that survey.sh may print several times.
REPEATED_KEYS = {
    *("no_tool", "no_hook_tool", "no_right", "not_writable", "not_readable", "shared_problem", "made", "not_made"),
    *("no_file", "release", "stray", "set_aside", "archive", "scratch", "journal", "log"),
}


class MissingRight(NamedTuple):
    """A command of hooks that the user may not run through sudo without a password.

    Attributes:
        number: the number of the command, see `hook_tools.list_tool_places`.
        is_certain: sudo has refused it; otherwise it wants a password to tell.
        program: the full path of the program; empty if it is not found.
    """

    number: int
    is_certain: bool
    program: str


# States of a release that was never live, by its last event.
STATE_AFTER = {"building": "building", "ready": "ready", "failed": "failed", "back": "ready"}


@dataclass(frozen=True)
class Facts:
    """The facts of one host.

    Attributes:
        host: name of the host.
        layout: its paths.
        user: the user that capdoit is on the host.
        exists: whether deploy_to exists and can be entered.
        directory_id: identity of deploy_to, equal for two names of one directory; empty if the host does not tell.
        link: the target of ``current``, as written; empty if ``current`` is missing.
        current: the live release; None if ``current`` does not point to a release.
        current_is_not_symlink: whether ``current`` is something else than a symlink.
        current_is_broken: whether ``current`` is a symlink that points to no directory.
        releases: the revision of each release by its name; empty for an incomplete release.
        archives: the releases that are kept as archives.
        kept_failures: the releases whose deploys failed and that ``keep_failed`` keeps.
        strays: other entries of ``releases/``.
        shared_problems: why a deploy cannot use directories that ``shared_to`` names.
        missing_tools: the programs that are missing.
        missing_hook_tools: the programs of hooks that are missing, as numbers, see `hook_tools.list_tool_places`.
        missing_rights: the commands of hooks that the user may not run through sudo.
        created_dirs: the directories that were missing, and that the survey created.
        uncreated_dirs: the directories that could not be created.
        missing_files: the linked files that are missing, as indexes into the setting.
        unwritable: the paths that the user cannot write to; ``.`` is deploy_to.
        unreadable: the paths in deploy_to that the user cannot read: the journal, ``revisions.log``, ``releases``, and
            releases.
        is_read_only: whether deploy_to is on a read-only file system.
        has_reserve: whether a rollback has what it needs on a full disk.
        out_of_bounds: why no flow may change anything on the host; empty if a flow may.
        lock: the entry of the flow that holds the lock or died with it; None if there is none.
        lock_is_held: whether a process holds the lock; None if the host cannot tell.
        lock_process: the process that took the lock, as the host names it; empty if that is a flow, or unknown.
        scratch: the names of scratch files in ``.capdoit``.
        drill_verdict: the result of the last drill; None without one.
        disk: KiB of the file system of deploy_to; None if unknown.
        inodes: inodes of that file system; None if unknown, or if the file system makes them on demand.
        entries: the end of the journal.
        log: the end of ``revisions.log``.
    """

    host: str
    layout: Layout = field(default=Layout(""), repr=False)
    user: str = ""
    exists: bool = True
    directory_id: str = ""
    link: str = ""
    current: str | None = None
    current_is_not_symlink: bool = False
    current_is_broken: bool = False
    releases: Mapping[str, str] = field(default_factory=dict)
    archives: frozenset[str] = frozenset()
    kept_failures: frozenset[str] = frozenset()
    strays: tuple[str, ...] = ()
    shared_problems: tuple[str, ...] = ()
    missing_tools: tuple[str, ...] = ()
    missing_hook_tools: tuple[int, ...] = ()
    missing_rights: tuple[MissingRight, ...] = ()
    created_dirs: tuple[str, ...] = ()
    uncreated_dirs: tuple[str, ...] = ()
    missing_files: tuple[int, ...] = ()
    unwritable: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    is_read_only: bool = False
    has_reserve: bool = True
    out_of_bounds: str = ""
    lock: Entry | None = None
    lock_is_held: bool | None = False
    lock_process: str = ""
    scratch: tuple[str, ...] = ()
    drill_verdict: DrillVerdict | None = None
    disk: Capacity | None = None
    inodes: Capacity | None = None
    entries: tuple[Entry, ...] = ()
    log: tuple[str, ...] = ()

    @property
    def live(self) -> str:
        """The live release, or else the target of ``current``; empty if ``current`` is missing or broken."""
        return "" if self.current_is_broken else self.current or self.link

    @property
    def live_revision(self) -> str:
        """The revision of the live release; empty if nothing is live, or if it is not known."""
        return self.releases.get(self.current or "", "")

    @property
    def held(self) -> list[str]:
        """The names of all releases and archives, newest first."""
        return sorted({*self.releases, *self.archives}, reverse=True)

    @property
    def holder(self) -> str:
        """The flow or process that holds the lock, or the flow that left it behind, for people; empty if it is free."""
        return describe_holder(self.lock, self.lock_is_held, self.lock_process)

    @cached_property
    def lineage(self) -> Lineage:
        """The releases that were live, and those that are bad."""
        return build_lineage(merge_publishes(self.entries, self.log), self.current)

    def state_of(self, release: str) -> str:
        """Return the state of a release.

        Returns:
            ``live``, ``retired`` (was live and is good), ``bad`` (was rolled back from, or skipped by a rollback),
            ``ready`` (complete, but its deploy did not make it live on all hosts), ``building``, ``failed``,
            ``archived``, ``missing``, ``unreadable`` (the user cannot enter it), or ``unknown`` (neither the journal
            nor the log has it).
        """
        if release == self.current:
            return "live"
        if release not in self.releases:
            return self._state_of_absent(release)
        if not self.releases[release]:
            return "failed" if self.can_read(release) else "unreadable"
        if release in self.lineage.bad:
            return "bad"
        return "retired" if release in self.lineage.stack else self._state_by_journal(release)

    def is_complete(self, release: str) -> bool:
        """Check that a release is there with all its files."""
        return bool(self.releases.get(release)) and self.state_of(release) not in ("building", "failed")

    def is_unfinished(self, release: str) -> bool:
        """Check that a release is there, complete or not, whose deploy ended before it was live, or is at work.

        A release that Capistrano had live is finished, even without a REVISION.
        """
        was_live = release in self.lineage.stack or release in self.lineage.bad
        is_there = release in self.releases
        return is_there and not was_live and self.state_of(release) in ("building", "ready", "failed")

    def is_being_made(self, release: str) -> bool | None:
        """Check that the flow that holds the lock makes a release; None if it is not known."""
        runs = {entry.run for entry in self.entries if entry.release == release}
        return False if self.lock and self.lock.run not in runs else self.lock_is_held

    def can_read(self, release: str) -> bool:
        """Check that the user can see whether a release is there, and enter it."""
        return "releases" not in self.unreadable and f"releases/{release}" not in self.unreadable

    def _state_of_absent(self, release: str) -> str:
        if release in self.archives:
            return "archived"
        if release in self.kept_failures:
            return "failed"
        return "missing" if self.can_read(release) else "unreadable"

    def _state_by_journal(self, release: str) -> str:
        # A rollback that failed does not tell how the release was made.
        entries = (e for e in reversed(self.entries) if e.release == release and e.flow != ROLLBACK)
        return next((STATE_AFTER[e.event] for e in entries if e.event in STATE_AFTER), "unknown")


def parse_facts(host: str, layout: Layout, text: str) -> Facts:
    """Return the facts in the answer to the survey.

    Args:
        host: name of the host.
        layout: paths of the host.
        text: stdout of ``survey.sh``.

    Raises:
        HostError: the text is not an answer of ``survey.sh``.
    """
    found = parse_fact_lines(host, text, SINGLE_KEYS, REPEATED_KEYS, "survey")
    if max(len(found["journal"]), len(found["log"])) > MOST_HISTORY:
        raise malformed_answer(host, f"more than {MOST_HISTORY} lines of history", "survey")
    facts = Facts(host, layout, user="".join(found["user"]))
    for add in (_with_deploy_to, _with_current, _with_releases, _with_problems, _with_lock, _with_room, _with_history):
        facts = add(facts, found)
    return facts


def parse_revision(host: str, text: str) -> str:
    """Return the revision in the answer of a host.

    Raises:
        HostError: the answer is not a revision.
    """
    if not REVISION.fullmatch(text):
        raise HostError(host, f"sent no revision: {cut(make_printable(text), LONGEST_REVISION)!r}")
    return text


def _with_deploy_to(facts: Facts, found: FactLines) -> Facts:
    return replace(
        facts,
        exists=bool(found["deploy_to"]),
        directory_id="".join(found["directory_id"]),
        out_of_bounds="".join(found["out_of_bounds"]),
        scratch=tuple(found["scratch"]),
    )


def _with_current(facts: Facts, found: FactLines) -> Facts:
    return replace(
        facts,
        link="".join(found["current"]),
        current=_parse_current(facts.layout, found),
        current_is_not_symlink=bool(found["current_is_no_link"]),
        current_is_broken=bool(found["current_is_broken"]),
    )


def _with_releases(facts: Facts, found: FactLines) -> Facts:
    revisions = dict(_parse_release(release) for release in found["release"])
    return replace(
        facts,
        releases={name: revision for name, revision in revisions.items() if is_release(name)},
        archives=frozenset(filter(is_release, found["archive"])),
        kept_failures=frozenset(filter(is_release, found["set_aside"])),
        strays=(*found["stray"], *(name for name in revisions if not is_release(name))),
    )


def _with_problems(facts: Facts, found: FactLines) -> Facts:
    return replace(
        facts,
        shared_problems=tuple(found["shared_problem"]),
        missing_tools=tuple(found["no_tool"]),
        missing_hook_tools=tuple(_parse_index(facts.host, number) for number in dict.fromkeys(found["no_hook_tool"])),
        missing_rights=tuple(_parse_right(facts.host, right) for right in dict.fromkeys(found["no_right"])),
        created_dirs=tuple(found["made"]),
        uncreated_dirs=tuple(found["not_made"]),
        missing_files=tuple(_parse_index(facts.host, number) for number in found["no_file"]),
        unwritable=tuple(found["not_writable"]),
        unreadable=tuple(found["not_readable"]),
    )


def _with_lock(facts: Facts, found: FactLines) -> Facts:
    return replace(
        facts,
        lock=Entry.parse("".join(found["lock"])),
        lock_is_held=parse_is_held(found) if found["deploy_to"] else False,
        lock_process="".join(found["lock_process"]),
    )


def _with_room(facts: Facts, found: FactLines) -> Facts:
    return replace(
        facts,
        is_read_only=bool(found["read_only"]),
        has_reserve=not found["no_reserve"],
        disk=parse_room("".join(found["disk"])),
        inodes=parse_room("".join(found["inodes"])),
    )


def _with_history(facts: Facts, found: FactLines) -> Facts:
    return replace(
        facts,
        drill_verdict=DrillVerdict.parse("".join(found["drilled"])),
        entries=tuple(filter(None, map(Entry.parse, found["journal"]))),
        log=tuple(found["log"]),
    )


def _parse_current(layout: Layout, found: FactLines) -> str | None:
    """Return the release that ``current`` points to; the symlink may use the real path of deploy_to."""
    link, resolved = "".join(found["current"]), "".join(found["current_place"])
    real = Layout("".join(found["deploy_to"]))
    return layout.release_of(link) or real.release_of(link) or real.release_of(resolved)


def _parse_release(fact: str) -> tuple[str, str]:
    """Return the name and the revision of a release; the revision is empty if it is too long."""
    name, _, revision = fact.partition(" ")
    return name, revision if len(revision) <= LONGEST_REVISION else ""


def _parse_right(host: str, fact: str) -> MissingRight:
    number, _, rest = fact.partition(" ")
    answer, _, program = rest.partition(" ")
    return MissingRight(_parse_index(host, number), answer == "certain", program)


def _parse_index(host: str, number: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", number):
        raise malformed_answer(host, f"not the number of a file or program: {cut(number, LONGEST_SHOWN)!r}", "survey")
    return int(number)
