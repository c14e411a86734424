"""`doit cap unlock`: free the locks of a stage by force."""

from __future__ import annotations

from capdoit.commands.exit_statuses import NO_HOST_ANSWERED, SOME_HOSTS_SILENT, choose_exit_status
from capdoit.commands.inspection import Inspection, inspect_hosts
from capdoit.commands.request import CommandRequest
from capdoit.commands.subcommand import SELECTION, Subcommand
from capdoit.commands.unreached_hosts import print_unreached_hosts
from capdoit.hosts.connection import Connection
from capdoit.operations.lock import free_lock
from capdoit.records.journal import Entry


def free_locks(request: CommandRequest) -> int:
    """Free the locks of a stage by force, and print who held them."""
    stage = request.select_stage()
    outcomes = inspect_hosts(stage, request, _free_lock)
    print_unreached_hosts(request.console, outcomes)
    for outcome in outcomes:
        if outcome:
            freed = outcome.answer
            result = f"freed the lock of {freed.holder}" if freed else "was not locked"
            request.console.write(f"{outcome.host}: {result}")
    return choose_exit_status(outcomes)


def _free_lock(inspection: Inspection, host: Connection) -> Entry | None:
    """Free the lock of a host; return the entry in the lock, or None if it was not locked."""
    if not inspection.survey(host).exists:
        return None
    return free_lock(host, inspection.message)


COMMAND = Subcommand(
    name="unlock",
    help="free the locks of a stage by force",
    description="A flow that held one of these locks can change nothing on that host any more.",
    run=free_locks,
    words=("[STAGE]",),
    variables=(*SELECTION, "message"),
    exit_statuses=(NO_HOST_ANSWERED, SOME_HOSTS_SILENT),
)
