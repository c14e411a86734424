"""`doit cap pending`: the commits between what is live and what a deploy would bring."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from capdoit.commands.inspection import survey_and_tip
from capdoit.commands.request import SHORT, Asked, errors, exit_status, live, say_unreached
from capdoit.config.stages import Stage
from capdoit.errors import ConfigError, answers
from capdoit.records.facts import Facts
from capdoit.text import fitted, listed
from capdoit.transfers import TRANSFERS, transfer_of
from capdoit.transfers.git_commits import Commit
from capdoit.transfers.protocol import CommitSource

LOST = "it was removed from there, or another transfer deployed it"


@dataclass(frozen=True)
class Gap:
    """What lies between what is live on some hosts and what a deploy would bring.

    Attributes:
        hosts: which have the same revision live.
        revision: that one; empty when nothing is live, or what is has none.
        comes: the commits that a deploy would bring, newest first; None when git does not know the revision.
        goes: those that it would take away.
    """

    hosts: tuple[str, ...]
    revision: str
    comes: tuple[Commit, ...] | None = None
    goes: tuple[Commit, ...] = ()


def pending(asked: Asked) -> int:
    """For each revision that is live: what a deploy would bring to it, and take from it."""
    stage = asked.stage()
    transfer = transfer_of(stage)
    if transfer.commits is None:
        fit = " or ".join(name for name, one in TRANSFERS.items() if one.commits)
        raise ConfigError(f"pending needs transfer: {fit}, and {stage.name} has transfer: {stage.transfer}")
    outcomes, tip = survey_and_tip(stage, asked.variables, asked.console, transfer.commits)
    branch = transfer.source(stage, asked.variables.branch)
    gaps = _gaps(_hosts_by_revision(answers(outcomes)), tip, asked, stage, transfer.commits)
    if asked.json:
        answer = {"stage": stage.name, "branch": branch, "revision": tip, "live": [_json(gap) for gap in gaps]}
        asked.say_json({**answer, "errors": errors(outcomes)})
    else:
        for gap in gaps:
            asked.console.say_table("\n".join([sentence(branch, tip, gap), *_lines(gap, asked.console.width)]))
        say_unreached(asked.console, outcomes)
    return exit_status(outcomes, agree=True)


def sentence(branch: str, tip: str, gap: Gap) -> str:
    """How what is live on some hosts relates to what a deploy would bring.

    Args:
        branch: what the commit is chosen by.
        tip: that commit.
        gap: what lies between.
    """
    there = f"what is live on {listed(gap.hosts)}"
    if not gap.revision:
        return f"{there[0].upper()}{there[1:]} has no revision, or nothing is: a deploy would bring all of {branch}."
    if gap.comes is None:
        return f"{gap.revision[:SHORT]}, {there}, is not a commit that the repository has: {LOST}."
    if gap.comes and gap.goes:
        comes, goes = _commits(gap.comes), _commits(gap.goes)
        return f"{branch} and {there} have diverged; a deploy would bring {comes} (+) and take away {goes} (-):"
    if gap.goes:
        return f"{branch} is {_commits(gap.goes)} behind {there}; a deploy would take away (-):"
    if gap.comes:
        return f"{branch} is {_commits(gap.comes)} ahead of {there}:"
    return f"Nothing is pending: {branch} is {tip[:SHORT]}, {there}."


def _commits(commits: Sequence[Commit]) -> str:
    return f"{len(commits)} commit{'s' if len(commits) > 1 else ''}"


def _lines(gap: Gap, width: int) -> Iterable[str]:
    marked = [*(("+", commit) for commit in gap.comes or ()), *(("-", commit) for commit in gap.goes)]
    rows = [(c.revision[:SHORT], c.date, c.author, c.subject) for _, c in marked]
    if gap.goes:
        return fitted(None, [(mark, *row) for (mark, _), row in zip(marked, rows, strict=True)], width, 5).splitlines()
    return fitted(None, rows, width, 4).splitlines()


def _hosts_by_revision(facts: Iterable[Facts]) -> dict[str, tuple[str, ...]]:
    hosts: dict[str, tuple[str, ...]] = {}
    for one in facts:
        _, revision = live(one)
        hosts[revision] = (*hosts.get(revision, ()), one.host)
    return hosts


def _gaps(
    hosts: Mapping[str, tuple[str, ...]], tip: str, asked: Asked, stage: Stage, commits: CommitSource
) -> list[Gap]:
    others = [revision for revision in hosts if revision not in ("", tip)]
    if not others:
        return [Gap(names, revision, () if revision else None) for revision, names in hosts.items()]
    with commits.open_repository(stage, [tip, *others], asked.load().config.file.parent) as repository:
        return [
            Gap(names, r, tuple(repository.commits_between(r, tip)), tuple(repository.commits_between(tip, r)))
            if repository.has(r)
            else Gap(names, r)
            for r, names in hosts.items()
        ]


def _json(gap: Gap) -> dict[str, Any]:
    comes = None if gap.comes is None else [vars(commit) for commit in gap.comes]
    goes = [vars(commit) for commit in gap.goes]
    return {"hosts": gap.hosts, "revision": gap.revision or None, "comes": comes, "goes": goes}
