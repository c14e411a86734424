"""A call of a subcommand of `doit cap`."""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from capdoit.commands.json_values import VERSION
from capdoit.commands.subcommand import Flag, ValueOption
from capdoit.config import deploy_file, variables
from capdoit.config.stages import Stage
from capdoit.config.variables import Variables
from capdoit.doit_tasks import Cap
from capdoit.errors import ConfigError
from capdoit.event_bus import EventBus
from capdoit.events import CommandStarted
from capdoit.operations.connections import find_hosts
from capdoit.output.console import Console
from capdoit.output.console_listener import console_events
from capdoit.state.flow_request import current_operator
from capdoit.text import join_lines, join_names

if TYPE_CHECKING:
    from capdoit.commands.command_call import CommandCall

T = TypeVar("T")


@dataclass(frozen=True)
class CommandRequest:
    """A call of a subcommand.

    Attributes:
        call: what the operator typed.
        variables: those of the command line and of the environment.
        console: prints the answer.
        dodo_file: the path of dodo.py.
        load_project: reads dodo.py and returns the `Cap` in it.
        load_tasks: reads dodo.py and returns all tasks of doit.
        list_doit_commands: returns the commands of doit by name.
        logged_events: the bus of a command that is logged.
    """

    call: CommandCall
    variables: Variables
    console: Console
    dodo_file: Path
    load_project: Callable[[], Cap]
    load_tasks: Callable[[], Sequence[Any]]
    list_doit_commands: Callable[[], Mapping[str, Any]]
    logged_events: EventBus | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """The positional words after the name of the subcommand."""
        return self.call.words

    @property
    def events(self) -> EventBus:
        """A bus whose events are shown on stderr: stdout has the answer only, which may be JSON."""
        return self.logged_events or console_events(Console(sys.stderr, self.console.redactor))

    def logged(self, name: str, stage: Stage) -> CommandRequest:
        """Return the request with events that the log of the project has: the command may change hosts.

        Args:
            name: name of the subcommand.
            stage: the stage with the selected hosts.
        """
        from capdoit.output.log_file import write_log

        run, events, cap = secrets.token_hex(8), self.events, self.load_project()
        if cap.config.log:
            write_log(cap.config.log, events, cap.typed_in)
        logged = events.for_flow(lambda _: None, run)
        hosts = tuple(host.name for host in stage.hosts)
        logged.emit(CommandStarted(stage.name, hosts, join_lines(current_operator()), name))
        return replace(self, logged_events=logged)

    def has(self, flag: Flag) -> bool:
        """Check whether the request has a flag."""
        return flag.name in self.call.options

    def value_of(self, option: ValueOption[T]) -> T | None:
        """Return the value of an option; None without it."""
        return self.call.options.get(option.name)

    def with_words(self, *words: str) -> CommandRequest:
        """Return the request with other positional words."""
        return replace(self, call=replace(self.call, words=words))

    def only_word(self, noun: str) -> str | None:
        """Return the positional word; None if there is none.

        Args:
            noun: what the word names, for the message.

        Raises:
            ConfigError: there are two words or more.
        """
        if len(self.words) > 1:
            raise ConfigError(f"expected at most one {noun}, found {join_names(self.words)}")
        return self.words[0] if self.words else None

    def select_stage(self) -> Stage:
        """Return the requested stage, else the default stage, with the selected hosts.

        Raises:
            ConfigError: a stage or host does not exist, or the request names two stages.
        """
        return variables.select_hosts(find_hosts(self._choose_stage()), self.variables)

    def select_stage_to_read(self) -> Stage:
        """Return a stage as `select_stage`, but run no command for its hosts unless the request selects some."""
        stage = self._choose_stage()
        is_enough = stage.has_unknown_hosts and not (self.variables.hosts or self.variables.roles)
        return stage if is_enough else self.select_stage()

    def _choose_stage(self) -> Stage:
        word, variable = self.only_word("stage"), self.variables.stage
        if word and variable and word != variable:
            raise ConfigError(f"which stage, {word} or stage={variable}?")
        return deploy_file.choose_stage(self.load_project().config, word or variable)

    def print_json(self, answer: Mapping[str, Any]) -> None:
        """Print an answer for programs. Secrets are masked first: JSON may spell them in other ways."""
        masked = self.console.redactor.redact_all({"version": VERSION, **answer})
        self.console.write_json(json.dumps(masked, indent=2))
