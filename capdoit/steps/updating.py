"""updating: the code arrives on every host, and the release is made of it."""

from __future__ import annotations

import itertools
from functools import partial

from capdoit.events import ReleaseCreationStarted
from capdoit.hosts.connection import Connection
from capdoit.state.context import FlowContext
from capdoit.state.journal_lines import journal_line
from capdoit.transfers import transfer_of


def updating(context: FlowContext) -> None:
    """Make the release of one revision on every host.

    Raises:
        NotReady: the branch or the archive does not exist.
        HostsFailed: a host could not fetch or receive the code, or make the release.
    """
    transfer = transfer_of(context.request.stage)
    printed = transfer.decide_and_make(context, partial(_make_releases, context))
    remarks = (transfer.find_remarks(context.request.stage, output) for output in printed.values())
    for remark in dict.fromkeys(itertools.chain.from_iterable(remarks)):
        context.warn(remark)


def _make_releases(context: FlowContext) -> dict[str, str]:
    context.executor.announce(ReleaseCreationStarted())
    return context.fleet.all(partial(_make_release, context))


def _make_release(context: FlowContext, connection: Connection) -> str:
    stage = context.request.stage
    transfer = transfer_of(stage)
    files = ["steps/updating_create", *transfer.export, "steps/updating_link"]
    values = {"entry": journal_line(context, "building"), **transfer.export_values(stage)}
    with transfer.open_source(stage) as source:
        return context.run(connection, "updating", files, values, env=transfer.environment(stage), source=source) or ""
