"""`doit cap exec`: a shell command on all hosts at once."""

from __future__ import annotations

import hashlib
import shlex
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from capdoit.commands.command_request import CommandRequest
from capdoit.commands.exit_statuses import NO_ANSWER
from capdoit.commands.inspection import ask_every_host
from capdoit.commands.subcommand import SELECTION, Subcommand
from capdoit.commands.unreached_hosts import print_unreached_hosts
from capdoit.errors import ConfigError, Outcome
from capdoit.events import SecretsNotMasked
from capdoit.hosts.connection import Connection
from capdoit.hosts.host_requests import Command, command_request
from capdoit.operations.connections import find_unmasked_secrets
from capdoit.output.console import Tone
from capdoit.text import join_names, strip_colors

MOST_KEPT = 1 << 20  # characters of a host's output


@dataclass
class CommandOutput:
    """The lines that a command printed on a host. Only the last ones of a long output are kept.

    Attributes:
        lines: the last lines.
        left_out: the number of lines before them.
    """

    lines: deque[str] = field(default_factory=deque)
    left_out: int = 0

    def __post_init__(self) -> None:
        self._size = 0
        self._digest = hashlib.sha256()

    def add(self, _: str, line: str) -> None:
        """Add a line of stdout or stderr, without its colors."""
        line = strip_colors(line)
        self._digest.update(f"{line}\n".encode())
        self.lines.append(line)
        self._size += len(line) + 1
        while self._size > MOST_KEPT:
            self._size -= len(self.lines.popleft()) + 1
            self.left_out += 1

    @property
    def digest(self) -> str:
        """A digest of all lines: outputs whose last lines are equal may still differ."""
        return self._digest.hexdigest()


@dataclass(frozen=True)
class CommandResult:
    """The end of a command on a host.

    Attributes:
        ending: the exit status or the signal, for people.
        has_succeeded: whether the exit status is 0.
        output: what the command printed.
    """

    ending: str
    has_succeeded: bool
    output: CommandOutput


def execute_everywhere(request: CommandRequest) -> int:
    """Run a command on all hosts at once, and print equal results once."""
    command, request = _take_command(request)
    stage = request.select_stage()
    if unmasked := find_unmasked_secrets(stage):
        request.events.emit(SecretsNotMasked(unmasked))
    outcomes = ask_every_host(stage, request, lambda host: _execute(host, command))
    for hosts, result in _group_equal(outcomes):
        request.console.write(f"{join_names(hosts)}: {result.ending}", Tone.HEAD if result.has_succeeded else Tone.BAD)
        for line in _output_lines(result.output):
            request.console.write(line)
    print_unreached_hosts(request.console, outcomes)
    return 0 if all(o.answer and o.answer.has_succeeded for o in outcomes) else NO_ANSWER


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


def _execute(connection: Connection, command: Command) -> CommandResult:
    output = CommandOutput()
    answer = connection.ask([command_request(connection, command, show=output.add)])[0]
    return CommandResult(answer.status_text, answer.status == 0, output)


def _group_equal(outcomes: Iterable[Outcome[CommandResult]]) -> Sequence[tuple[list[str], CommandResult]]:
    """Group hosts by equal result, in the order of deploy.yml."""
    groups: dict[tuple[str, str], tuple[list[str], CommandResult]] = {}
    for outcome in outcomes:
        if result := outcome.answer:
            hosts, _ = groups.setdefault((result.ending, result.output.digest), ([], result))
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
        "Equal answers are shown once."
    ),
    run=execute_everywhere,
    words=("COMMAND", "[STAGE]"),
    variables=SELECTION,
    examples=("exec 'df -h | tail -1' production", "exec production --roles web -- systemctl is-active shop"),
    exit_statuses=((NO_ANSWER, "the command failed on a host, or a host did not answer"),),
)
