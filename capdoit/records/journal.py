"""The journal of a host: the entries of flows, the notes about releases, and the verdict of the last drill."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime

from capdoit.text import cut, make_printable, shorten
from capdoit.units import format_minute, parse_timestamp

DEPLOY, ROLLBACK = "deploy", "rollback"
WORKS, FAILS = "works", "fails"  # verdicts of a drill
LONGEST_FIELD = 250  # bytes
LONGEST_FIELDS = {
    "message": 2000,
    "reason": 1000,
    "warnings": 2000,
    "missing": 4000,
    "doubtful": 4000,
}  # a line has at most 16384
LONGEST_REASON = 100  # characters of the reason why a drill failed, so that `doit cap status` fits one screen


@dataclass(frozen=True)
class Entry:
    """One line of the journal; also the content of a lock. Every field is text; an unknown field is empty.

    Attributes:
        event: what happened: ``building``, ``ready``, ``live``, ``back``, ``failed``, ``finished``, ``ran``, …
        flow: ``deploy``, ``rollback``, or the name of a task on demand.
        release: the release that the flow makes or goes back to.
        revision: revision of the release.
        subject: subject line of the revision's commit; only in the line that says that a release is live.
        branch: the branch, tag or commit that was deployed.
        by: the operator.
        origin: hostname of the controller.
        at: time in UTC.
        run: the flow's id.
        host: in a lock, name of the host as the flow knows it.
        left: the release that was live before; in a rollback, the release that was rolled back from.
        message: the operator's reason.
        partly: ``yes`` if the release became live on some hosts of its stage only.
        missing: the hosts that a deploy went on without.
        doubtful: the hosts where the release may or may not have become live.
        warnings: warnings about the host after the release was live, in one line or more.
        seconds: duration of the flow until the release was live, or until the flow ended.
        step: the step or hook that failed.
        reason: why it failed, in one line.
        interrupted: the signal or request that ended the flow.
        unconfirmed: ``yes`` if the publish was undone because the session was lost before it was confirmed.
    """

    event: str = ""
    flow: str = ""
    release: str = ""
    revision: str = ""
    subject: str = ""
    branch: str = ""
    by: str = ""
    origin: str = ""
    at: str = ""
    run: str = ""
    host: str = ""
    left: str = ""
    message: str = ""
    partly: str = ""
    missing: str = ""
    doubtful: str = ""
    warnings: str = ""
    seconds: str = ""
    step: str = ""
    reason: str = ""
    interrupted: str = ""
    unconfirmed: str = ""

    def to_line(self) -> str:
        """Return the entry as one line of JSON, in which scripts find ``"run": "ID"`` spelled exactly so.

        Long fields are cut: a host sends only the beginning of a longer line, which could not be read.
        """
        values = {name: value for name, value in vars(self).items() if value}
        return json.dumps({name: shorten(v, LONGEST_FIELDS.get(name, LONGEST_FIELD)) for name, v in values.items()})

    @property
    def holder(self) -> str:
        """The flow that holds a lock with this content, for people."""
        why = f" ({self.message})" if self.message else ""
        since = f"since {format_minute(self.at)} UTC" if format_minute(self.at) else "since an unknown time"
        return f"{self.flow} by {self.by} from {self.origin} {since}{why}"

    @classmethod
    def parse(cls, line: str) -> Entry | None:
        """Return the entry of a line; None if the line is not an entry.

        Unknown fields and values other than text are ignored; control characters are escaped.
        """
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            return None
        if not isinstance(found, dict):
            return None
        texts = {f.name: text for f in fields(cls) if isinstance(text := found.get(f.name), str)}
        values = {name: make_printable(text) for name, text in texts.items()}
        warnings = "\n".join(map(make_printable, texts.get("warnings", "").split("\n")))
        return cls(**{**values, "warnings": warnings})


@dataclass(frozen=True)
class Note:
    """The line of the journal that records how a release was made. No survey reads notes.

    Attributes:
        release: name of the release.
        run: id of the flow that made it live.
        acts: the steps and hooks of the flow, in order, without skipped ones.
        recipes: the origin of each recipe, by its name.
        probes: the tokens that the probe of each recipe found just before the publish.
    """

    release: str
    run: str = ""
    acts: tuple[str, ...] = ()
    recipes: Mapping[str, str] = field(default_factory=dict)
    probes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def to_line(self) -> str:
        """Return the note as one line of JSON, which begins with the event and the release: scripts search for them."""
        return json.dumps({"event": "noted", **vars(self)})

    @classmethod
    def parse(cls, line: str) -> Note | None:
        """Return the note of a line; None if the line is not a note."""
        try:
            found = json.loads(line)
            probes = {str(name): _texts(names) for name, names in found["probes"].items()}
            recipes = {str(name): make_printable(str(origin)) for name, origin in found["recipes"].items()}
            return cls(str(found["release"]), str(found["run"]), _texts(found["acts"]), recipes, probes)
        except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
            return None


@dataclass(frozen=True)
class DrillVerdict:
    """The result of the last drill, which each host keeps in a file.

    Attributes:
        at: time in UTC.
        by: the operator.
        verdict: ``works`` or ``fails``.
        release: the release that the rollback would go to; empty if there was none.
        seconds: duration of the rollback, up to the step that failed.
        why: why it failed.
    """

    at: str
    by: str
    verdict: str
    release: str
    seconds: str
    why: str = ""

    def to_line(self) -> str:
        """Return the verdict as one line of JSON."""
        return json.dumps(vars(self))

    @classmethod
    def parse(cls, line: str) -> DrillVerdict | None:
        """Return the verdict of a line; None if the line is not a verdict."""
        try:
            found = json.loads(line)
            verdict = cls(**{f.name: make_printable(str(found[f.name])) for f in fields(cls)})
        except (ValueError, RecursionError, LookupError, TypeError):
            return None
        return verdict if verdict.time and verdict.verdict in (WORKS, FAILS) else None

    @property
    def time(self) -> datetime | None:
        """The time of the drill; None if it is malformed."""
        return parse_timestamp(self.at)

    def __str__(self) -> str:
        to = f" to {self.release}" if self.release else ""
        result = f"works, in {self.seconds} s" if self.verdict == WORKS else f"fails: {cut(self.why, LONGEST_REASON)}"
        return f"{format_minute(self.at)} by {self.by}: a rollback{to} {result}"


def find_undone_runs(entries: Iterable[Entry]) -> set[str]:
    """Return the ids of the flows whose publish was undone, and not done again, according to entries in order."""
    undone: set[str] = set()
    for entry in entries:
        if entry.event == "back":
            undone.add(entry.run)
        elif entry.event == "live":
            undone.discard(entry.run)
    return undone


def _texts(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(make_printable(str(value)) for value in values)
