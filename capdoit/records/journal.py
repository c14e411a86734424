"""What was done on a host, in order: capdoit's journal, Capistrano's revisions.log, and what follows.

The journal knows more; the log knows also what Capistrano did. Together they give the lineage: which
releases were live, one after the other, and which were rolled back from.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime

from capdoit.layout import is_release
from capdoit.text import one_line, printable, shortened
from capdoit.units import minute, parsed

DEPLOY, ROLLBACK = "deploy", "rollback"
WORKS, FAILS = "works", "fails"  # what a drill says of a rollback
MOST_BYTES = {"message": 2000, "warnings": 2000, "missing": 4000, "doubtful": 4000}  # in all, with others, < 16384
LONGEST_WHY = 100  # characters of why a drill failed, on the one screen of cap status
DEPLOYED = re.compile(r"Branch .*? \(at (?P<revision>\S*)\) deployed as release (?P<release>[0-9]{14}) by(?P<by>.*)")
ROLLED_BACK = re.compile(r"(?P<by>.*) rolled back to release (?P<release>[0-9]{14})")


@dataclass(frozen=True)
class Entry:
    """One line of the journal, and the text of the lock.

    Attributes:
        event: what happened: ``building``, ``ready``, ``live``, ``back``, ``failed``, ``finished``…
        flow: ``deploy`` or ``rollback``.
        release: the release that the flow makes or goes back to.
        revision: its commit.
        branch: what the commit was chosen by.
        by: who started the flow.
        origin: the controller's hostname.
        at: when, in UTC.
        run: the flow's id.
        left: the release that was live until then: in a rollback, the one rolled back from.
        message: why, in the operator's words.
        partly: ``yes`` when it became live on some hosts of its stage only.
        missing: the hosts that a deploy went on without.
        doubtful: the hosts of which nobody knows whether they made the release live.
        warnings: what went wrong on the host after the release was live.
        seconds: how long the flow had been at work, when it was live and when it ended.
        step: the step or hook in which it failed.
        interrupted: what ended it, when that was no failure but somebody's wish.
    """

    event: str = ""
    flow: str = ""
    release: str = ""
    revision: str = ""
    branch: str = ""
    by: str = ""
    origin: str = ""
    at: str = ""
    run: str = ""
    left: str = ""
    message: str = ""
    partly: str = ""
    missing: str = ""
    doubtful: str = ""
    warnings: str = ""
    seconds: str = ""
    step: str = ""
    interrupted: str = ""

    def line(self) -> str:
        """The entry as one line of JSON, without what is empty; ``"run": "ID"`` is spelled exactly so.

        What is too long is cut: of longer lines a host tells the beginning alone, and nobody could read them.
        """
        said = {name: shortened(value, MOST_BYTES.get(name, 250)) for name, value in vars(self).items() if value}
        return json.dumps(said)

    @property
    def holder(self) -> str:
        """Of a lock: who has it, for people."""
        why = f" ({self.message})" if self.message else ""
        since = f"since {minute(self.at)} UTC" if minute(self.at) else "since nobody knows when"
        return f"{self.flow} by {self.by} from {self.origin} {since}{why}"

    @classmethod
    def parse(cls, line: str) -> Entry | None:
        """The entry of a line; None for a line that is none.

        Unknown keys and values that are no texts are left out; control characters become visible.
        """
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            return None
        if not isinstance(found, dict):
            return None
        texts = {f.name: found.get(f.name) for f in fields(cls)}
        return cls(**{name: printable(text) for name, text in texts.items() if isinstance(text, str)})


@dataclass(frozen=True)
class Note:
    """What is remembered of a release beside its entries, in a line of its own, which no survey reads.

    Attributes:
        release: the release.
        run: the id of the flow that made it live.
        acts: the steps and hooks that the flow ran, in order, but those that were skipped.
        recipes: where each recipe came from, by its name.
        probes: what each recipe's probe found just before the publish.
    """

    release: str
    run: str = ""
    acts: tuple[str, ...] = ()
    recipes: Mapping[str, str] = field(default_factory=dict)
    probes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def line(self) -> str:
        """The note as one line of JSON; it begins with its event and its release, by which hosts find it."""
        return json.dumps({"event": "noted", **vars(self)})

    @classmethod
    def parse(cls, line: str) -> Note | None:
        """The note of a line; None for a line that is none."""
        try:
            found = json.loads(line)
            probes = {str(name): _texts(names) for name, names in found["probes"].items()}
            recipes = {str(name): printable(str(origin)) for name, origin in found["recipes"].items()}
            return cls(str(found["release"]), str(found["run"]), _texts(found["acts"]), recipes, probes)
        except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
            return None


@dataclass(frozen=True)
class Drilled:
    """The last drill, as each host remembers it, in a file of its own.

    Attributes:
        at: when, in UTC.
        by: who started it.
        verdict: ``works`` or ``fails``.
        release: where the rollback would have gone; empty when it would have gone nowhere.
        seconds: how long it would have taken, as far as the drill came.
        why: why it failed.
    """

    at: str
    by: str
    verdict: str
    release: str
    seconds: str
    why: str = ""

    def line(self) -> str:
        """It as one line of JSON."""
        return json.dumps(vars(self))

    @classmethod
    def parse(cls, line: str) -> Drilled | None:
        """What a line says; None for a line that does not."""
        try:
            found = json.loads(line)
            drilled = cls(**{f.name: printable(str(found[f.name])) for f in fields(cls)})
        except (ValueError, RecursionError, LookupError, TypeError):
            return None
        return drilled if drilled.moment and drilled.verdict in (WORKS, FAILS) else None

    @property
    def moment(self) -> datetime | None:
        """When it was; None when what it says is no time."""
        return parsed(self.at)

    def __str__(self) -> str:
        """For people."""
        to = f" to {self.release}" if self.release else ""
        why = self.why if len(self.why) <= LONGEST_WHY else f"{self.why[:LONGEST_WHY]}…"
        how = f"works, in {self.seconds} s" if self.verdict == WORKS else f"fails: {why}"
        return f"{minute(self.at)} by {self.by}: a rollback{to} {how}"


@dataclass(frozen=True)
class Publish:
    """A release became live.

    Attributes:
        flow: by a ``deploy`` or a ``rollback``.
        release: its name.
        left: what was live until then; empty when nobody knows, as in the log.
        run: the flow's id; empty when only the log knows of it.
        by: who did it, by the log.
        revision: the commit, by the log.
        failed: whether its deploy failed after all.
    """

    flow: str
    release: str
    left: str = field(default="", compare=False)
    run: str = field(default="", compare=False)
    by: str = field(default="", compare=False)
    revision: str = field(default="", compare=False)
    failed: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class Lineage:
    """What a history of publishes left behind.

    Attributes:
        stack: the good releases in the order in which they were live; the last one is live.
        bad: the releases rolled back from, or jumped over, and those that were left whose deploy had failed.
    """

    stack: tuple[str, ...]
    bad: frozenset[str]


def log_line(flow: str, release: str, revision: str, branch: str, user: str) -> str:
    """The line for ``revisions.log``, as Capistrano writes it."""
    by = _one_word(user)
    if flow == ROLLBACK:
        return f"{by} rolled back to release {release}"
    return f"Branch {_one_word(branch)} (at {_one_word(revision)}) deployed as release {release} by {by}"


def parse_log(line: str) -> Publish | None:
    """What a line of ``revisions.log`` says became live; None for any other line."""
    deployed = DEPLOYED.match(line)
    found = deployed or ROLLED_BACK.fullmatch(line)
    if found is None or not is_release(found["release"]):
        return None
    revision = deployed["revision"] if deployed else ""
    return Publish(DEPLOY if deployed else ROLLBACK, found["release"], by=found["by"].strip(), revision=revision)


def publishes(entries: Iterable[Entry], log_lines: Iterable[str]) -> list[Publish]:
    """All that became live, in order, from the journal and from the log.

    A line of the log that the journal lacks is Capistrano's; what the log lacks is a flow's that was
    stopped after its publish.
    """
    journal, merged = _went_live(list(entries)), []
    for publish in filter(None, map(parse_log, log_lines)):
        known = journal.index(publish) + 1 if publish in journal else 0
        merged += journal[:known] or [publish]
        journal = journal[known:]
    return merged + journal


def lineage(history: Iterable[Publish], current: str | None) -> Lineage:
    """What a history of publishes leaves behind.

    Args:
        history: in order.
        current: what is live in truth; when history says otherwise, it is taken for rolled back to.
    """
    past = Lineage((), frozenset())
    failed: set[str] = set()
    for publish in history:
        past = _corrected(past, publish.left)
        past = (_rolled_back if publish.flow == ROLLBACK else _deployed)(past, publish.release)
        (failed.add if publish.failed else failed.discard)(publish.release)
    return _without(_corrected(past, current), failed)


def _without(past: Lineage, failed: Iterable[str]) -> Lineage:
    """A lineage in which no release is good whose deploy failed, but the one that is live all the same."""
    wrong = {*failed}.intersection(past.stack[:-1])
    return Lineage(tuple(release for release in past.stack if release not in wrong), past.bad | wrong)


def _corrected(past: Lineage, live: str | None) -> Lineage:
    """A lineage with what is live in truth on top; somebody may have set the link by hand."""
    return _rolled_back(past, live) if live and past.stack[-1:] != (live,) else past


def _deployed(past: Lineage, release: str) -> Lineage:
    others = tuple(other for other in past.stack if other != release)
    return Lineage((*others, release), past.bad - {release})


def _rolled_back(past: Lineage, release: str) -> Lineage:
    stack = past.stack
    # A clock that was wrong makes a later release with an earlier name; that one was left, too.
    before = stack[: stack.index(release)] if release in stack else stack
    kept = tuple(other for other in before if other < release)
    return Lineage((*kept, release), past.bad.union(stack) - {*kept, release})


def _went_live(entries: Sequence[Entry]) -> list[Publish]:
    undone = {entry.run for entry in entries if entry.event == "back"}
    failed = {entry.run for entry in entries if entry.event == "failed" and entry.flow == DEPLOY}
    return [
        Publish(
            entry.flow,
            entry.release,
            entry.left if is_release(entry.left) else "",
            entry.run,
            failed=entry.run in failed,
        )
        for entry in entries
        if entry.event == "live" and entry.flow in (DEPLOY, ROLLBACK)
        if entry.run not in undone and is_release(entry.release)
    ]


def _texts(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(printable(str(value)) for value in values)


def _one_word(value: str) -> str:
    """A text without spaces, so that no part of it can be read as another part of the line."""
    return "-".join(printable(one_line(value)).split())
