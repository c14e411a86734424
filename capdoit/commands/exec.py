"""`doit cap exec`: a shell command on all hosts at once."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from capdoit.commands.command_request import CommandRequest
from capdoit.commands.exit_statuses import NO_ANSWER
from capdoit.commands.inspection import ask_every_host
from capdoit.commands.subcommand import SELECTION, Subcommand, ValueOption
from capdoit.commands.unreached_hosts import print_unreached_hosts
from capdoit.errors import ConfigError, Outcome
from capdoit.events import SecretsNotMasked
from capdoit.hosts.connection import Connection
from capdoit.hosts.host_requests import command_request
from capdoit.operations.connections import find_unmasked_secrets
from capdoit.output.console import Tone
from capdoit.text import join_names

MOST_KEPT = 1 << 20  # characters of a host's output
HOSTS = ValueOption("hosts", "only these hosts, separated by commas; same as hosts=", str, is_variable=True)
ROLES = ValueOption("roles", "only hosts with one of these roles; same as roles=", str, is_variable=True)


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
        """Add a line of stdout or stderr."""
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


def _take_command(request: CommandRequest) -> tuple[str, CommandRequest]:
    """Return the command, and the request without it. doit takes a word with ``=`` in it for a variable."""
    words = [*(f"{name}={value}" for name, value in request.variables.custom.items()), *request.words]
    command, *others = words or [""]
    if not command.strip():
        raise ConfigError("exec needs a command, such as: doit cap exec 'df -h' production")
    if len(others) > 1:
        raise ConfigError(f"exec takes one command and a stage, found {join_names(words)}; quote the command")
    return command, replace(request, words=others)


def _execute(connection: Connection, command: str) -> CommandResult:
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
        "It runs in the user's home directory (on a local host: where doit runs), with default_env. "
        "Equal answers are shown once."
    ),
    run=execute_everywhere,
    words=("COMMAND", "[STAGE]"),
    options=(HOSTS, ROLES),
    variables=SELECTION,
    exit_statuses=((NO_ANSWER, "the command failed on a host, or a host did not answer"),),
)
