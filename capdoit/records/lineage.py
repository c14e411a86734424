"""The lineage of a host: the releases that were live, in order, and the releases that were rolled back from.

It is built from the journal and from revisions.log. The journal has more detail; the log also has the publishes of
Capistrano.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from capdoit.layout import is_release
from capdoit.records.journal import DEPLOY, ROLLBACK, Entry, find_undone_runs
from capdoit.text import join_lines, make_printable

DEPLOYED = re.compile(r"Branch .*? \(at (?P<revision>\S*)\) deployed as release (?P<release>[0-9]{14}) by(?P<by>.*)")
ROLLED_BACK = re.compile(r"(?P<by>.*) rolled back to release (?P<release>[0-9]{14})")


@dataclass(frozen=True)
class Publish:
    """A release becoming live. Publishes with equal flow and release are equal.

    Attributes:
        flow: ``deploy`` or ``rollback``.
        release: name of the release.
        left: the release that was live before; empty if it is unknown, as in the log.
        run: the flow's id; empty if only the log has the publish.
        by: the operator, from the log.
        revision: the revision, from the log.
        failed: whether the deploy failed later.
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
    """The good and the bad releases after a series of publishes.

    Attributes:
        stack: the good releases in the order in which they were live; the last one is live.
        bad: the releases that were rolled back from or skipped by a rollback, and those whose deploy failed.
    """

    stack: tuple[str, ...]
    bad: frozenset[str]


def format_log_line(flow: str, release: str, revision: str, branch: str, user: str) -> str:
    """Return the line for ``revisions.log``, as Capistrano writes it."""
    by = _one_word(user)
    if flow == ROLLBACK:
        return f"{by} rolled back to release {release}"
    return f"Branch {_one_word(branch)} (at {_one_word(revision)}) deployed as release {release} by {by}"


def parse_log_line(line: str) -> Publish | None:
    """Return the publish in a line of ``revisions.log``; None for any other line."""
    deployed = DEPLOYED.match(line)
    found = deployed or ROLLED_BACK.fullmatch(line)
    if found is None or not is_release(found["release"]):
        return None
    revision = deployed["revision"] if deployed else ""
    return Publish(DEPLOY if deployed else ROLLBACK, found["release"], by=found["by"].strip(), revision=revision)


def merge_publishes(entries: Iterable[Entry], log_lines: Iterable[str]) -> list[Publish]:
    """Return all publishes in order, from the journal and from the log.

    Capistrano writes only the log. A flow that was stopped after its publish wrote only the journal.
    """
    journal, merged = _journal_publishes(list(entries)), []
    for publish in filter(None, map(parse_log_line, log_lines)):
        known = journal.index(publish) + 1 if publish in journal else 0
        merged += journal[:known] or [publish]
        journal = journal[known:]
    return merged + journal


def build_lineage(publishes: Iterable[Publish], current: str | None) -> Lineage:
    """Return the lineage after a series of publishes.

    Args:
        publishes: in order.
        current: the release that is live now; if the publishes end with another one, it counts as rolled back to.
    """
    past = Lineage((), frozenset())
    failed: set[str] = set()
    for publish in publishes:
        past = _correct(past, publish.left)
        past = (_after_rollback if publish.flow == ROLLBACK else _after_deploy)(past, publish.release)
        (failed.add if publish.failed else failed.discard)(publish.release)
    return _without_failed(_correct(past, current), failed)


def _without_failed(past: Lineage, failed: Iterable[str]) -> Lineage:
    """Return a lineage in which releases of failed deploys are bad, except the live release."""
    wrong = {*failed}.intersection(past.stack[:-1])
    return Lineage(tuple(release for release in past.stack if release not in wrong), past.bad | wrong)


def _correct(past: Lineage, live: str | None) -> Lineage:
    """Return a lineage with the live release at its end: somebody may have changed the symlink by hand."""
    return _after_rollback(past, live) if live and past.stack[-1:] != (live,) else past


def _after_deploy(past: Lineage, release: str) -> Lineage:
    others = tuple(other for other in past.stack if other != release)
    return Lineage((*others, release), past.bad - {release})


def _after_rollback(past: Lineage, release: str) -> Lineage:
    stack = past.stack
    # A wrong clock gives a later release an earlier name; the rollback left that release, too.
    before = stack[: stack.index(release)] if release in stack else stack
    kept = tuple(other for other in before if other < release)
    return Lineage((*kept, release), past.bad.union(stack) - {*kept, release})


def _journal_publishes(entries: Sequence[Entry]) -> list[Publish]:
    undone = find_undone_runs(entries)
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


def _one_word(value: str) -> str:
    """Return a text without spaces, so that no part of it can pass for another part of the line."""
    return "-".join(make_printable(join_lines(value)).split())
