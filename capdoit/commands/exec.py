"""`doit cap exec`: a command on all hosts at once."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from capdoit.commands.request import Asked, say_unreached
from capdoit.errors import ConfigError, Outcome
from capdoit.hosts.connection import Connection
from capdoit.hosts.fleet import Fleet
from capdoit.hosts.host_requests import command_request
from capdoit.output.console import Tone
from capdoit.state.run import fleet_of
from capdoit.text import listed

MOST_KEPT = 1 << 20  # characters of a host's output; of more, the end is what counts


@dataclass
class Output:
    """What a command wrote on a host, line by line; of a lot, the end.

    Attributes:
        lines: the last ones.
        left_out: how many came before them.
    """

    lines: deque[str] = field(default_factory=deque)
    left_out: int = 0

    def __post_init__(self) -> None:
        self._size = 0
        self._digest = hashlib.sha256()

    def add(self, _: str, line: str) -> None:
        """One more line, of either stream."""
        self._digest.update(f"{line}\n".encode())
        self.lines.append(line)
        self._size += len(line) + 1
        while self._size > MOST_KEPT:
            self._size -= len(self.lines.popleft()) + 1
            self.left_out += 1

    @property
    def digest(self) -> str:
        """Of every line: two that agree in the lines that are left may yet differ."""
        return self._digest.hexdigest()


@dataclass(frozen=True)
class Result:
    """How a command ended on a host.

    Attributes:
        how: its exit status, or the signal that killed it, for people.
        succeeded: whether the exit status is 0.
        output: what it wrote.
    """

    how: str
    succeeded: bool
    output: Output


def exec_(asked: Asked) -> int:
    """Run a command on all hosts, and show what they answer, together where it is the same."""
    command, asked = _command(asked)
    fleet = fleet_of(asked.stage(), asked.console)
    outcomes = _run(fleet, command)
    for hosts, result in _alike(outcomes):
        asked.console.say(f"{listed(hosts)}: {result.how}", Tone.HEAD if result.succeeded else Tone.BAD)
        for line in _shown(result.output):
            asked.console.say(line)
    say_unreached(asked.console, outcomes)
    return 0 if all(o.answer and o.answer.succeeded for o in outcomes) else 1


def _command(asked: Asked) -> tuple[str, Asked]:
    """The command, and the question without it; doit takes a word with a ``=`` in it for a variable."""
    said = [f"{name}={value}" for name, value in asked.variables.custom.items()]
    command, *words = [*said, *asked.words] or [""]
    if not command.strip():
        raise ConfigError("exec needs a command, such as: doit cap exec 'df -h' production")
    if len(words) > 1:
        raise ConfigError(f"exec takes one command and a stage, found {listed([command, *words])}; quote the command")
    return command, replace(asked, words=words)


def _run(fleet: Fleet, command: str) -> list[Outcome[Result]]:
    def run(connection: Connection) -> Result:
        output = Output()
        answer = connection.ask([command_request(connection, command, show=output.add)])[0]
        return Result(answer.status_text, answer.status == 0, output)

    with closing(fleet):
        return fleet.each(run, fleet.connections, stop_on_failure=False)


def _alike(outcomes: Iterable[Outcome[Result]]) -> Sequence[tuple[list[str], Result]]:
    """The hosts with the same result, in the order of deploy.yml."""
    groups: dict[tuple[str, str], tuple[list[str], Result]] = {}
    for outcome in outcomes:
        if result := outcome.answer:
            hosts, _ = groups.setdefault((result.how, result.output.digest), ([], result))
            hosts.append(outcome.host)
    return list(groups.values())


def _shown(output: Output) -> Iterable[str]:
    if output.left_out:
        yield f"    … {output.left_out} lines are left out"
    for line in output.lines:
        yield f"    {line}".rstrip()
