"""`doit cap pending`: the commits between the live release and what a deploy would bring."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from capdoit.commands.command_request import CommandRequest
from capdoit.commands.exit_statuses import NO_HOST_ANSWERED, SOME_HOSTS_SILENT, choose_exit_status
from capdoit.commands.inspection import survey_hosts_and_tip
from capdoit.commands.subcommand import JSON, SELECTION, Subcommand
from capdoit.commands.unreached_hosts import errors_by_host, print_unreached_hosts
from capdoit.config.stages import Stage
from capdoit.errors import ConfigError, answers
from capdoit.records.facts import Facts
from capdoit.text import fit_table, join_names, shorten_revision
from capdoit.transfers import TRANSFERS, transfer_of
from capdoit.transfers.git_commits import Commit, Repository
from capdoit.transfers.protocol import CommitSource

LOST = "it was removed from there, or another transfer deployed it"


@dataclass(frozen=True)
class Gap:
    """The commits between the live revision of some hosts and the revision that a deploy would bring.

    Attributes:
        hosts: all hosts with that live revision.
        revision: the live revision; empty if nothing is live, or the live release has no revision.
        comes: the commits that a deploy would bring, newest first; None if git does not know the revision.
        goes: the commits that a deploy would take away.
    """

    hosts: tuple[str, ...]
    revision: str
    comes: tuple[Commit, ...] | None = None
    goes: tuple[Commit, ...] = ()


def print_pending_commits(request: CommandRequest) -> int:
    """Print, for each live revision, the commits that a deploy would bring and take away."""
    stage = request.select_stage()
    commits = _commits_of(stage)
    outcomes, tip = survey_hosts_and_tip(stage, request, commits)
    branch = transfer_of(stage).source(stage, request.variables.branch)
    open_repository = partial(commits.open_repository, stage, project=request.load_project().config.file.parent)
    gaps = _find_gaps(_hosts_by_revision(answers(outcomes)), tip, open_repository)
    if request.has(JSON):
        answer = {"stage": stage.name, "branch": branch, "revision": tip or None, "live": [_json(gap) for gap in gaps]}
        request.print_json({**answer, "errors": errors_by_host(outcomes)})
    else:
        for gap in gaps:
            lines = [describe_gap(branch, tip, gap), *_list_commits(gap, request.console.width)]
            request.console.write_table("\n".join(lines))
        print_unreached_hosts(request.console, outcomes)
    return choose_exit_status(outcomes)


def _commits_of(stage: Stage) -> CommitSource:
    commits = transfer_of(stage).commits
    if commits is None:
        names = " or ".join(name for name, one in TRANSFERS.items() if one.commits)
        raise ConfigError(f"pending needs transfer: {names}, and {stage.name} has transfer: {stage.transfer}")
    return commits


def describe_gap(branch: str, tip: str, gap: Gap) -> str:
    """Return a sentence that compares what is live on some hosts with what a deploy would bring.

    Args:
        branch: the branch, tag or commit to deploy.
        tip: its commit.
        gap: the commits in between.
    """
    live = f"what is live on {join_names(gap.hosts)}"
    if not gap.revision:
        return (
            f"Nothing is live on {join_names(gap.hosts)}, or it has no revision: a deploy would bring all of {branch}."
        )
    if gap.comes is None:
        return f"{shorten_revision(gap.revision)}, {live}, is not a commit that the repository has: {LOST}."
    if gap.comes and gap.goes:
        comes, goes = _count(gap.comes), _count(gap.goes)
        return f"{branch} and {live} have diverged; a deploy would bring {comes} (+) and take away {goes} (-):"
    if gap.goes:
        return f"{branch} is {_count(gap.goes)} behind {live}; a deploy would take away (-):"
    if gap.comes:
        return f"{branch} is {_count(gap.comes)} ahead of {live}:"
    return f"Nothing is pending: {branch} is {shorten_revision(tip)}, {live}."


def _count(commits: Sequence[Commit]) -> str:
    return f"{len(commits)} commit{'s' if len(commits) > 1 else ''}"


def _list_commits(gap: Gap, width: int) -> Iterable[str]:
    """Return a line for each commit. Only if some go away, a sign says which go and which come."""
    marked = [*(("+", commit) for commit in gap.comes or ()), *(("-", commit) for commit in gap.goes)]
    rows = [(sign, shorten_revision(c.revision), c.date, c.author, c.subject) for sign, c in marked]
    if gap.goes:
        return fit_table(None, rows, width, 5).splitlines()
    return fit_table(None, [row[1:] for row in rows], width, 4).splitlines()


def _hosts_by_revision(facts: Iterable[Facts]) -> dict[str, tuple[str, ...]]:
    hosts: dict[str, tuple[str, ...]] = {}
    for one in facts:
        hosts[one.live_revision] = (*hosts.get(one.live_revision, ()), one.host)
    return hosts


def _find_gaps(
    hosts: Mapping[str, tuple[str, ...]],
    tip: str,
    open_repository: Callable[[Sequence[str]], AbstractContextManager[Repository]],
) -> list[Gap]:
    others = [revision for revision in hosts if revision not in ("", tip)]
    if not others:
        return [Gap(names, revision, () if revision else None) for revision, names in hosts.items()]
    with open_repository([tip, *others]) as repository:
        return [
            Gap(names, r, tuple(repository.commits_between(r, tip)), tuple(repository.commits_between(tip, r)))
            if repository.has(r)
            else Gap(names, r)
            for r, names in hosts.items()
        ]


def _json(gap: Gap) -> dict[str, Any]:
    comes = None if gap.comes is None else [asdict(commit) for commit in gap.comes]
    goes = [asdict(commit) for commit in gap.goes]
    return {"hosts": gap.hosts, "revision": gap.revision or None, "comes": comes, "goes": goes}


COMMAND = Subcommand(
    name="pending",
    help="show the commits that a deploy would bring or take away",
    description="It compares the branch with what is live on each host. It needs a transfer with commits, such as git.",
    run=print_pending_commits,
    words=("[STAGE]",),
    options=(JSON,),
    variables=(*SELECTION, "branch"),
    exit_statuses=(NO_HOST_ANSWERED, SOME_HOSTS_SILENT),
)
