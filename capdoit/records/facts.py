"""The facts of one host: what ``survey.sh`` prints, read with suspicion."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property

from capdoit.errors import HostError
from capdoit.layout import Layout, is_release
from capdoit.records.journal import ROLLBACK, Drilled, Entry, Lineage, lineage, publishes
from capdoit.text import printable
from capdoit.units import Room

MOST_LINES = 100_000
MOST_HISTORY = 1000  # lines of the journal, and of the log; the survey sends no more
LONGEST_REVISION = 200
REVISION = re.compile(r"[0-9A-Za-z._-]{1,200}")
ONCE = {
    "user",
    "deploy_to",
    "out_of_bounds",
    "current",
    "current_is_no_link",
    "current_place",
    "lock",
    "lock_is_held",
    "drilled",
    "disk",
    "inodes",
    "end",
}
OFTEN = {
    *("no_tool", "not_writable", "link", "not_made", "no_file", "release", "stray", "set_aside", "archive", "scratch"),
    *("journal", "log"),
}
# What the last of these events says about a release that was never live.
MADE = {"building": "building", "ready": "ready", "failed": "failed", "back": "failed"}


@dataclass(frozen=True)
class Facts:
    """What one host holds.

    Attributes:
        host: the host's name.
        user: who capdoit is there.
        exists: whether deploy_to is there and can be entered.
        link: where ``current`` points, as it is written; empty when there is none.
        current: the release that is live; None when ``current`` leads to none.
        current_is_no_link: whether something else stands where ``current`` should.
        releases: the revision of each release by its name; empty for an incomplete one.
        archives: the releases that are kept as archives.
        set_aside: the releases whose deploys failed and that ``keep_failed`` keeps.
        strays: what else lies in ``releases/``.
        links: which of capdoit's own directories are links.
        no_tools: the programs that are not there.
        not_made: the directories that could not be made.
        no_files: the linked files that are not there, as places in the setting.
        not_writable: what the user may not write to; ``.`` is deploy_to.
        out_of_bounds: why no flow may change anything there; empty when one may.
        lock: who holds the lock, or left it behind; None when it is free.
        lock_is_held: whether somebody has it now; None when the host cannot tell.
        scratch: what lies there that a flow needs while it is at work.
        drilled: what the last drill found; None when there was none.
        disk: KiB where deploy_to is; None when that is not known.
        inodes: inodes there; None when that is not known, or they are made when they are needed.
        entries: the end of the journal.
        log: the end of ``revisions.log``.
    """

    host: str
    user: str = ""
    exists: bool = True
    link: str = ""
    current: str | None = None
    current_is_no_link: bool = False
    releases: Mapping[str, str] = field(default_factory=dict)
    archives: frozenset[str] = frozenset()
    set_aside: frozenset[str] = frozenset()
    strays: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    no_tools: tuple[str, ...] = ()
    not_made: tuple[str, ...] = ()
    no_files: tuple[int, ...] = ()
    not_writable: tuple[str, ...] = ()
    out_of_bounds: str = ""
    lock: Entry | None = None
    lock_is_held: bool | None = None
    scratch: tuple[str, ...] = ()
    drilled: Drilled | None = None
    disk: Room | None = None
    inodes: Room | None = None
    entries: tuple[Entry, ...] = ()
    log: tuple[str, ...] = ()

    @property
    def live(self) -> str:
        """The release that is live, or where ``current`` leads else; empty when there is none."""
        return self.current or self.link

    @property
    def held(self) -> list[str]:
        """The names of all releases and archives, newest first."""
        return sorted({*self.releases, *self.archives}, reverse=True)

    @property
    def holder(self) -> str:
        """Who holds its lock, or left it behind, for people; empty when it is free."""
        if self.lock is None:
            return ""
        left = {True: "", False: ", which ended without a word", None: ", unless that ended without a word"}
        return f"{self.lock.holder}{left[self.lock_is_held]}"

    @cached_property
    def lineage(self) -> Lineage:
        """Which releases were live, and which are bad."""
        return lineage(publishes(self.entries, self.log), self.current)

    def state(self, release: str) -> str:
        """What is known of a release.

        Returns:
            ``live``, ``retired`` (was live and is good), ``bad`` (was rolled back from, or jumped over),
            ``ready`` (made, never live), ``building``, ``failed``, ``archived``, ``missing``, or
            ``unknown`` (no journal and no log tells).
        """
        if release == self.current:
            return "live"
        if release not in self.releases:
            gone = "failed" if release in self.set_aside else "missing"
            return "archived" if release in self.archives else gone
        if not self.releases[release]:
            return "failed"
        if release in self.lineage.bad:
            return "bad"
        return "retired" if release in self.lineage.stack else self._made(release)

    def complete(self, release: str) -> bool:
        """Whether a release is there from its first file to its last."""
        return bool(self.releases.get(release)) and self.state(release) not in ("building", "failed")

    def _made(self, release: str) -> str:
        # A rollback that failed says nothing about how the release was made.
        entries = (e for e in reversed(self.entries) if e.release == release and e.flow != ROLLBACK)
        return next((MADE[e.event] for e in entries if e.event in MADE), "unknown")


def parse(host: str, layout: Layout, text: str) -> Facts:
    """The facts in what a host answered to the survey.

    Args:
        host: the host's name.
        layout: its paths.
        text: what ``survey.sh`` printed.

    Raises:
        HostError: it is not what ``survey.sh`` prints.
    """
    said = facts_said(host, text, ONCE, OFTEN, "survey")
    if max(len(said["journal"]), len(said["log"])) > MOST_HISTORY:
        raise _malformed(host, f"more than {MOST_HISTORY} lines of history")
    link = "".join(said["current"])
    real = Layout("".join(said["deploy_to"]))
    revisions = dict(_release(release) for release in said["release"])
    return Facts(
        host=host,
        user="".join(said["user"]),
        exists=bool(said["deploy_to"]),
        link=link,
        current=layout.release_of(link) or real.release_of(link) or real.release_of("".join(said["current_place"])),
        current_is_no_link=bool(said["current_is_no_link"]),
        releases={name: revision for name, revision in revisions.items() if is_release(name)},
        archives=frozenset(filter(is_release, said["archive"])),
        set_aside=frozenset(filter(is_release, said["set_aside"])),
        strays=(*said["stray"], *(name for name in revisions if not is_release(name))),
        links=tuple(said["link"]),
        no_tools=tuple(said["no_tool"]),
        not_made=tuple(said["not_made"]),
        no_files=tuple(_number(host, number) for number in said["no_file"]),
        not_writable=tuple(said["not_writable"]),
        out_of_bounds="".join(said["out_of_bounds"]),
        lock=Entry.parse("".join(said["lock"])),
        lock_is_held={"yes": True, "no": False}.get("".join(said["lock_is_held"])),
        scratch=tuple(said["scratch"]),
        drilled=Drilled.parse("".join(said["drilled"])),
        disk=parse_room("".join(said["disk"])),
        inodes=parse_room("".join(said["inodes"])),
        entries=tuple(filter(None, map(Entry.parse, said["journal"]))),
        log=tuple(said["log"]),
    )


def revision_of(host: str, text: str) -> str:
    """The revision in what a host answered.

    Raises:
        HostError: it is none.
    """
    if not REVISION.fullmatch(text):
        raise HostError(host, f"answered with no revision: {printable(text)[:LONGEST_REVISION]!r}")
    return text


def facts_said(host: str, text: str, once: Set[str], often: Set[str], question: str) -> Mapping[str, Sequence[str]]:
    """The facts by their keys, in order; nothing in them can steer a terminal.

    Args:
        host: the host's name.
        text: what its script printed: a line for each fact, its key and a tab before it, ``end`` the last.
        once: the keys that may stand there once.
        often: those that may stand there more often.
        question: what the script is called.

    Raises:
        HostError: it is not what the script prints.
    """
    lines = text.removesuffix("\n").split("\n")
    if len(lines) > MOST_LINES:
        raise _malformed(host, f"more than {MOST_LINES} lines", question)
    if lines[-1] != "end\tyes":
        raise _malformed(host, f"no end; its last line is {printable(lines[-1])[:LONGEST_REVISION]!r}", question)
    said: dict[str, list[str]] = defaultdict(list)
    for line in lines:
        key, tab, fact = line.partition("\t")
        if key not in once | often or not tab or (key in once and said[key]):
            raise _malformed(host, f"a line that it never prints: {printable(line)[:LONGEST_REVISION]!r}", question)
        said[key].append(printable(fact))
    return said


def _release(fact: str) -> tuple[str, str]:
    """A release's name and revision; what is too long to be a revision is none."""
    name, _, revision = fact.partition(" ")
    return name, revision if len(revision) <= LONGEST_REVISION else ""


def parse_room(fact: str) -> Room | None:
    """What there is in all, and what is free; what is no two numbers, or none at all, is not known."""
    found = re.fullmatch(r"([1-9][0-9]{0,17}) ([0-9]{1,18})", fact)
    return Room(total=int(found[1]), free=int(found[2])) if found else None


def _number(host: str, number: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", number):
        raise _malformed(host, f"a linked file that is no number: {number[:LONGEST_REVISION]!r}")
    return int(number)


def _malformed(host: str, what: str, question: str = "survey") -> HostError:
    return HostError(host, f"answered the {question} with {what}")
