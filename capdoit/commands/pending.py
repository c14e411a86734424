"""`doit cap pending`: the commits between the live release and what a deploy would bring."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from capdoit.commands.command_request import CommandRequest
from capdoit.commands.exit_statuses import NO_HOST_ANSWERED, SOME_HOSTS_SILENT, choose_exit_status
from capdoit.commands.inspection import survey_hosts_and_tip
from capdoit.commands.subcommand import JSON, SELECTION, Subcommand
from capdoit.commands.unreached_hosts import errors_by_host, print_unreached_hosts
from capdoit.config.stages import Stage
from capdoit.errors import ConfigError, answers
from capdoit.operations.pending_commits import find_gaps
from capdoit.output.commit_list import describe_gap, list_commits
from capdoit.records.revision_gap import Gap
from capdoit.transfers import TRANSFERS, transfer_of
from capdoit.transfers.protocol import CommitSource


def print_pending_commits(request: CommandRequest) -> int:
    """Print, for each live revision, the commits that a deploy would bring and take away."""
    stage = request.select_stage()
    commits = _commits_of(stage)
    outcomes, tip = survey_hosts_and_tip(stage, request, commits)
    gaps = find_gaps(commits, stage, answers(outcomes), tip.revision, request.load_project().config.file.parent)
    gaps = request.console.redactor.redact_all(gaps)  # now, since a table cuts them
    if request.has(JSON):
        answer = {"stage": stage.name, "branch": tip.branch, "revision": tip.revision or None}
        live = [_json(gap) for gap in gaps]
        request.print_json({**answer, "live": live, "errors": errors_by_host(outcomes)})
    else:
        for gap in gaps:
            lines = [describe_gap(*tip, gap), *list_commits(gap, request.console.table_width)]
            request.console.write_table("\n".join(lines))
        print_unreached_hosts(request.console, outcomes)
    return choose_exit_status(outcomes)


def _commits_of(stage: Stage) -> CommitSource:
    commits = transfer_of(stage).commits
    if commits is None:
        names = " or ".join(name for name, one in TRANSFERS.items() if one.commits)
        raise ConfigError(f"pending needs transfer: {names}, and {stage.name} has transfer: {stage.transfer}")
    return commits


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
