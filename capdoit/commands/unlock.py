"""`doit cap unlock`: free the locks of a stage by force."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from capdoit.commands.command_request import CommandRequest
from capdoit.commands.exit_statuses import NO_HOST_ANSWERED, SOME_HOSTS_SILENT, choose_exit_status
from capdoit.commands.inspection import Inspection
from capdoit.commands.subcommand import JSON, SELECTION, Subcommand
from capdoit.commands.unreached_hosts import errors_by_host, print_unreached_hosts
from capdoit.config.stages import Stage
from capdoit.errors import HostError, Outcome, answers
from capdoit.hosts.connection import Connection
from capdoit.hosts.request import Request
from capdoit.output.console import Tone
from capdoit.records.facts import Facts
from capdoit.records.fleet_state import describe_live
from capdoit.records.journal import Entry
from capdoit.state.flow_request import current_operator
from capdoit.text import join_lines
from capdoit.units import format_timestamp


@dataclass(frozen=True)
class FreedLock:
    """The lock of one host, as it was before it was freed.

    Attributes:
        holder: the flow or process that held it, or the flow that left it behind; empty if it was free.
        is_publishing: whether a flow was about to make a release live on the host, or had done so and was not finished.
    """

    holder: str
    is_publishing: bool = False


def free_locks(request: CommandRequest) -> int:
    """Free the locks of a stage by force, and print who held them, and what is live if that ended a publish."""
    stage = request.select_stage()
    request = request.logged("unlock", stage)
    with Inspection(stage, request) as inspection:
        outcomes = inspection.ask_each(partial(_free_lock, inspection))
        is_publishing = any(one.is_publishing for one in answers(outcomes))
        now = answers(inspection.ask_each(inspection.survey)) if is_publishing else []
    if request.has(JSON):
        request.print_json(_json(stage, outcomes, now))
        return choose_exit_status(outcomes)
    print_unreached_hosts(request.console, outcomes)
    for outcome in outcomes:
        if outcome.answer:
            holder = outcome.answer.holder
            request.console.write(f"{outcome.host}: {f'freed the lock of {holder}' if holder else 'was not locked'}")
    if is_publishing:
        request.console.write(f"A publish was under way. Hosts now: {describe_live(now)}", Tone.DOUBTFUL)
        request.console.write(f"Once that flow has ended, look again: doit cap status {stage.name}")
    return choose_exit_status(outcomes)


def _json(stage: Stage, outcomes: Sequence[Outcome[FreedLock]], now: Sequence[Facts]) -> dict[str, Any]:
    """Return the answer for programs; ``live`` is what hosts had live after an interrupted publish, by host."""
    freed = [{"host": o.host, "holder": o.answer.holder or None} for o in outcomes if o.answer]
    live = {facts.host: facts.live or None for facts in now}
    return {"stage": stage.name, "hosts": freed, "live": live, "errors": errors_by_host(outcomes)}


def _free_lock(inspection: Inspection, host: Connection) -> FreedLock:
    """Free the lock of a host, whether a flow or another process holds it, or a flow that died left it behind.

    Raises:
        HostError: the host did not answer, or the lock cannot be removed.
    """
    facts = inspection.survey(host)
    if not facts.holder:
        return FreedLock("")
    if facts.is_read_only:
        raise HostError(host.name, f"{host.deploy_to} is on a read-only file system")
    script = host.script("unlock", "commands/unlock", {"entry": _make_entry(inspection.message).to_line()})
    answer = host.checked(Request(script, show=host.show, capture=True))
    return FreedLock(facts.holder, is_publishing=bool(answer.text) or _has_flipped(facts))


def _has_flipped(facts: Facts) -> bool:
    """Return True if the flow that has the lock made a release live and has not finished."""
    run = facts.lock.run if facts.lock else ""
    events = [entry.event for entry in facts.entries if run and entry.run == run]
    return events[-1:] == ["live"]


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
    options=(JSON,),
    variables=(*SELECTION, "message"),
    exit_statuses=(NO_HOST_ANSWERED, SOME_HOSTS_SILENT),
)
