"""`doit cap unlock`: free the locks of a stage by force."""

from __future__ import annotations

import secrets
import socket

from capdoit.commands.command_request import CommandRequest
from capdoit.commands.exit_statuses import NO_HOST_ANSWERED, SOME_HOSTS_SILENT, choose_exit_status
from capdoit.commands.inspection import Inspection, inspect_hosts
from capdoit.commands.subcommand import SELECTION, Subcommand
from capdoit.commands.unreached_hosts import print_unreached_hosts
from capdoit.hosts.connection import Connection
from capdoit.hosts.request import Request
from capdoit.records.journal import Entry
from capdoit.state.flow_request import current_operator
from capdoit.text import join_lines
from capdoit.units import format_timestamp


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
    script = host.script("unlock", "commands/unlock", {"entry": _make_entry(inspection.message).to_line()})
    return Entry.parse(host.checked(Request(script, show=host.show, capture=True)).text.strip())


def _make_entry(message: str) -> Entry:
    return Entry(
        event="unlocked",
        by=join_lines(current_operator()),
        origin=socket.gethostname(),
        at=format_timestamp(),
        run=secrets.token_hex(8),
        message=join_lines(message),
    )


COMMAND = Subcommand(
    name="unlock",
    help="free the locks of a stage by force",
    description="A flow that held one of these locks can change nothing on that host any more.",
    run=free_locks,
    words=("[STAGE]",),
    variables=(*SELECTION, "message"),
    exit_statuses=(NO_HOST_ANSWERED, SOME_HOSTS_SILENT),
)
