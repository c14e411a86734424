"""`doit cap exec`: a shell command on all hosts at once."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import Any

from capdoit.commands.command_output import CommandOutput, CommandResult
from capdoit.commands.command_request import CommandRequest
from capdoit.commands.exit_statuses import INTERRUPTED, NO_ANSWER
from capdoit.commands.host_lines import AT_ONCE, HostLines
from capdoit.commands.inspection import ask_every_host
from capdoit.commands.subcommand import JSON, SELECTION, Flag, Subcommand
from capdoit.commands.unreached_hosts import errors_by_host, print_unreached_hosts
from capdoit.config.stages import Stage
from capdoit.errors import ConfigError, Outcome
from capdoit.events import SecretsNotMasked
from capdoit.hosts.connection import Connection
from capdoit.hosts.host_requests import Command, command_request
from capdoit.operations.connections import find_unmasked_secrets
from capdoit.output.console import Console, Tone
from capdoit.text import join_names

HOLD_SECONDS = 1.0  # in which a command may end that is not shown line by line on a terminal
FOLLOW = Flag("follow", "show each line as it comes, also in a pipe; Ctrl-C ends the command on all hosts")


def execute_everywhere(request: CommandRequest) -> int:
    """Run a command on all hosts at once, and print its lines as they come, or equal results once, at the end."""
    if request.has(JSON) and request.has(FOLLOW):
        raise ConfigError("--json prints the answer at the end, and --follow before it; which one?")
    command, request = _take_command(request)
    stage = request.select_stage()
    if unmasked := find_unmasked_secrets(stage):
        request.events.emit(SecretsNotMasked(unmasked))
    request = request.logged("exec", stage)
    with HostLines(request.console, [host.name for host in stage.hosts], _hold_seconds(request)) as lines:
        outcomes = ask_every_host(stage, request, lines.watch(partial(_execute, command=command, show=lines.show)))
    if request.has(JSON):
        request.print_json(_json(stage, outcomes))
    else:
        _print_results(request.console, outcomes, with_output=not lines.is_showing)
        print_unreached_hosts(request.console, [one for one in outcomes if one.host not in lines.lost])
    return 0 if all(o.answer and o.answer.has_succeeded for o in outcomes) else NO_ANSWER


def _hold_seconds(request: CommandRequest) -> float | None:
    """Return the time for which lines are held; None if they are not shown before the end."""
    if request.has(FOLLOW):
        return AT_ONCE
    return HOLD_SECONDS if request.console.is_terminal and not request.has(JSON) else None


def _take_command(request: CommandRequest) -> tuple[Command, CommandRequest]:
    """Return the command, and the request without it: the words behind ``--``, or else the first word.

    Raises:
        ConfigError: there is no command, or it is not clear which word is the command.
    """
    if behind_dashes := request.call.command_words:
        return behind_dashes if len(behind_dashes) > 1 else behind_dashes[0], request
    command, *others = request.words or ("",)
    if mistake := find_mistake(command, others, request.load_project().config.stages):
        raise ConfigError(mistake)
    return command, request.with_words(*others)


def find_mistake(command: str, others: Sequence[str], stages: Collection[str]) -> str:
    """Return a sentence if a command and a stage were not typed as such; empty otherwise.

    Args:
        command: the first word.
        others: the other words.
        stages: names of the stages.
    """
    if not command.strip():
        return "exec needs a command, such as: doit cap exec 'df -h' production"
    if command in stages and not others:
        return f"exec needs a command, and {command} is a stage; for example: doit cap exec {command} -- df -h"
    if command in stages and not {*others} & {*stages}:
        right = others[0] if len(others) == 1 else shlex.join(others)
        return f"the command comes before the stage; did you mean: doit cap exec {shlex.quote(right)} {command}?"
    if len(others) > 1:
        right = f"doit cap exec {shlex.quote(shlex.join([command, *others]))}"
        return f"exec takes one command and a stage, found {join_names([command, *others])}; quote the command: {right}"
    return ""


def _execute(connection: Connection, command: Command, show: Callable[[str, str], None]) -> CommandResult:
    output = CommandOutput()

    def add_and_show(stream: str, text: str) -> None:
        output.add(text)
        connection.hide(stream, text)
        show(connection.name, text)

    answer = connection.ask([command_request(connection, command, show=add_and_show)])[0]
    return CommandResult(answer.status, answer.status_text, output)


def _print_results(console: Console, outcomes: Iterable[Outcome[CommandResult]], with_output: bool) -> None:
    for hosts, result in _group_equal(outcomes, with_output):
        console.write(f"{join_names(hosts)}: {result.ending}", Tone.HEAD if result.has_succeeded else Tone.BAD)
        for line in _output_lines(result.output) if with_output else ():
            console.write(line)


def _json(stage: Stage, outcomes: Sequence[Outcome[CommandResult]]) -> dict[str, Any]:
    """Return the answer for programs; ``omitted`` is the number of lines before the output."""
    hosts = [
        {"host": one.host, "status": r.status, "output": r.output.lines, "omitted": r.output.left_out}
        for one in outcomes
        if (r := one.answer)
    ]
    return {"stage": stage.name, "hosts": hosts, "errors": errors_by_host(outcomes)}


def _group_equal(
    outcomes: Iterable[Outcome[CommandResult]], with_output: bool
) -> Sequence[tuple[list[str], CommandResult]]:
    """Group hosts by equal exit status, and by equal output if it counts, in the order of deploy.yml."""
    groups: dict[tuple[str, str], tuple[list[str], CommandResult]] = {}
    for outcome in outcomes:
        if result := outcome.answer:
            key = (result.ending, result.output.digest if with_output else "")
            hosts, _ = groups.setdefault(key, ([], result))
            hosts.append(outcome.host)
    return list(groups.values())


def _output_lines(output: CommandOutput) -> Iterable[str]:
    if output.left_out:
        yield f"    … {output.left_out} lines are left out"
    for line in output.lines:
        yield f"    {line}".rstrip()


COMMAND = Subcommand(
    name="exec",
    help="run a shell command on all hosts at once",
    description=(
        "COMMAND is a line for sh; several words behind -- are a program and its arguments. "
        "It runs in the user's home directory (on a local host: where doit runs), with default_env. "
        "Equal answers are shown once. On a terminal, the lines of a command that takes longer than a second are "
        "shown as they come. Ctrl-C ends the command on all hosts."
    ),
    run=execute_everywhere,
    words=("COMMAND", "[STAGE]"),
    options=(JSON, FOLLOW),
    variables=SELECTION,
    examples=(
        "exec 'df -h | tail -1' production",
        "exec production --roles web -- systemctl is-active shop",
        "exec --follow 'journalctl -fu shop'",
    ),
    exit_statuses=(
        (NO_ANSWER, "the command failed on a host, or a host did not answer"),
        (INTERRUPTED, "Ctrl-C ended the command"),
    ),
)
