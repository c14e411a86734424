"""The doit command `cap`. It calls the subcommand that an operator names."""

from __future__ import annotations

import getopt
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from doit import doit_cmd
from doit.cmd_base import DoitCmdBase
from doit.exceptions import InvalidCommand, InvalidDodoFile

from capdoit.commands.catalog import COMMANDS, commands_by_option, find_command
from capdoit.commands.checks import refuse_unknown_options, refuse_unused_variables
from capdoit.commands.command_request import CommandRequest
from capdoit.commands.subcommand import Flag, Subcommand, ValueOption
from capdoit.commands.usage import describe_commands, make_synopsis
from capdoit.config import variables
from capdoit.doit_tasks import Cap, find_cap
from capdoit.errors import CapdoitError, ConfigError
from capdoit.output.console import Console
from capdoit.output.error_text import render_error
from capdoit.text import join_names

INTERRUPTED = 130  # the exit status that shells use for SIGINT


def make_doit_options(commands: Iterable[Subcommand]) -> tuple[dict[str, Any], ...]:
    """Return the options of all commands as doit wants them: it parses options before it knows the subcommand."""
    return tuple(
        {
            "name": option.name,
            "short": "" if isinstance(option, Flag) else option.short,
            "long": option.name,
            "type": bool if isinstance(option, Flag) else str,
            "default": False if isinstance(option, Flag) else None,
            "help": f"{option.help} ({join_names(names)})",
        }
        for option, names in commands_by_option(commands).items()
    )


class CapCommand(DoitCmdBase):  # type: ignore[misc]
    """The doit command ``cap``; its subcommands are `COMMANDS`."""

    name = "cap"
    base_options = ()
    cmd_options = make_doit_options(COMMANDS)
    doc_purpose = "show and check what is deployed; write a first deploy.yml"
    doc_usage = make_synopsis(COMMANDS)
    doc_description = describe_commands(COMMANDS)

    def parse_execute(self, in_args: list[str]) -> int:
        """Run the command. Options may also follow words, which doit's parser does not allow."""
        try:
            options, words = getopt.gnu_getopt(in_args, self.cmdparser.get_short(), self.cmdparser.get_long())
        except getopt.GetoptError as error:
            raise InvalidCommand(f"cap: {error}") from None
        first = [word for name, value in options for word in self._as_typed(name, value)]
        return int(super().parse_execute([*first, "--", *words]))

    def _as_typed(self, name: str, value: str) -> tuple[str, ...]:
        option, _ = self.cmdparser.get_option(name)
        return (name,) if option.type is bool else (name, value)

    def execute(self, params: Any, args: list[str]) -> int:
        """Run a subcommand, or print the usage text without one.

        Raises:
            InvalidCommand: an error of the operator, which doit prints without a traceback.
        """
        if not args:
            print(self.help())
            return 0
        console = Console(sys.stdout)
        try:
            command, request = self._understand(params, args, console)
            return command.run(request) or console.has_lost_output
        except KeyboardInterrupt:
            console.write("interrupted")
            return INTERRUPTED
        except CapdoitError as error:
            raise InvalidCommand(console.redact(render_error(error))) from None

    def _understand(self, params: Any, args: list[str], console: Console) -> tuple[Subcommand, CommandRequest]:
        command = find_command(args[0])
        texts = _given_options(params)
        refuse_unknown_options(command, texts)
        given = variables.read_variables(_given_variables(command, texts), os.environ)
        options = {option.name: _value(option, texts) for option in command.options if option.name in texts}
        refuse_unused_variables(command, given.typed_names)
        dodo_file = Path(params.get("dodoFile") or "dodo.py")
        return command, CommandRequest(args[1:], options, given, console, dodo_file, lambda: self._load(params))

    def _load(self, params: Any) -> Cap:
        self.loader.setup(params)
        if cap := find_cap(self.loader.namespace):
            cap.refuse_wrong_declarations()
            return cap
        raise InvalidDodoFile('dodo.py does not load deploy.yml; add the line `cap = capdoit.load("deploy.yml")`')


def _given_options(params: Any) -> dict[str, Any]:
    """Return the options on the command line, with their texts; True for a flag."""
    names = (option.name for option in commands_by_option(COMMANDS))
    return {name: params[name] for name in names if params[name] not in (None, False)}


def _given_variables(command: Subcommand, texts: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables of the command line; some options are another way to write a variable."""
    given = variables.typed_variables(doit_cmd._CMDLINE_VARS, sys.argv)
    spelled = [option.name for option in command.options if isinstance(option, ValueOption) and option.is_variable]
    for name in spelled:
        if name in texts and given.setdefault(name, texts[name]) != texts[name]:
            raise ConfigError(f"{name} is given twice: {given[name]} and {texts[name]}")
    return given


def _value(option: Flag | ValueOption[Any], texts: Mapping[str, Any]) -> Any:
    return True if isinstance(option, Flag) else option.parse(texts[option.name])
