"""The doit command `cap`. It calls the subcommand that an operator names."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from doit import doit_cmd
from doit.cmd_base import DoitCmdBase
from doit.exceptions import InvalidCommand, InvalidDodoFile

from capdoit.commands.catalog import COMMANDS, commands_by_option
from capdoit.commands.command_call import VARIABLE, CommandCall, parse_call, restore_words
from capdoit.commands.command_request import CommandRequest
from capdoit.commands.exit_statuses import INTERRUPTED
from capdoit.commands.subcommand import Flag, Option, Subcommand, ValueOption
from capdoit.commands.usage import describe_command, describe_commands, make_synopsis
from capdoit.config.variables import Variables, read_variables
from capdoit.doit_tasks import Cap, find_cap
from capdoit.errors import CapdoitError, ConfigError
from capdoit.output.console import Console
from capdoit.output.error_text import render_error
from capdoit.questions import give_answers, list_missing_answers
from capdoit.text import join_names


def make_doit_options(commands: Iterable[Subcommand]) -> tuple[dict[str, Any], ...]:
    """Return the options of all commands as doit wants them, for the completion that doit itself writes."""
    return tuple(
        {
            "name": option.name,
            "short": option.short,
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

    def __init__(self, cmds: Any = None, **kwargs: Any) -> None:
        super().__init__(cmds=cmds, **kwargs)
        self._cmds, self._own_arguments = cmds, {**kwargs, "cmds": cmds}

    def help(self) -> str:
        """Return the usage text of `doit cap`, for `doit help cap`."""
        return describe_commands(COMMANDS)

    def parse_execute(self, in_args: list[str]) -> int:
        """Run the subcommand that an operator named, or print a usage text.

        Raises:
            InvalidCommand: an error of the operator, which doit prints without a traceback.
        """
        console = Console(sys.stdout)
        try:
            call = parse_call(self._restore_typed(in_args), self._list_doit_options())
            if call.command is None or call.wants_help:
                console.write(describe_command(call.command) if call.command else self.help())
                return 0
            return self._run(call.command, call, console) or console.has_lost_output
        except KeyboardInterrupt:
            console.write("interrupted")
            return INTERRUPTED
        except CapdoitError as error:
            lines = [render_error(error), *_advise_answers(sys.argv[1:])]
            raise InvalidCommand(console.redact("\n".join(lines))) from None

    def _run(self, command: Subcommand, call: CommandCall, console: Console) -> int:
        params, _ = self.cmdparser.parse(call.doit_words)
        params.update(self.opt_vals)
        dodo_file = Path(params.get("dodoFile") or "dodo.py")
        if command.runs_command and any(map(VARIABLE.fullmatch, call.words)):
            call = call.with_answers(self._load(params).config.list_questions())
        variables = self._read_variables(command, call, params)
        return command.run(
            CommandRequest(
                call,
                variables,
                console,
                dodo_file,
                load_project=lambda: self._load(params),
                load_tasks=lambda: self._load_tasks(params),
                list_doit_commands=self._list_doit_commands,
            )
        )

    def _read_variables(self, command: Subcommand, call: CommandCall, params: Any) -> Variables:
        """Return the variables of a call. Those that answer a question of deploy.yml are given to it.

        Raises:
            ConfigError: the command does not use one of them: ``dry_run=yes`` must never be ignored.
        """
        variables = read_variables(call.variables, os.environ)
        others = {*variables.typed_names, *variables.custom} - {*command.variables}
        if others & variables.custom.keys():
            answers = {name: variables.custom[name] for name in others & self._load(params).config.list_questions()}
            give_answers(answers)
            others -= answers.keys()
        for name in sorted(others):
            raise ConfigError(f"cap {command.name} does not use {name}=; nothing was done")
        return variables

    def _restore_typed(self, in_args: list[str]) -> list[str]:
        return restore_words(in_args, doit_cmd._CMDLINE_VARS or {}, sys.argv[1:])

    def _list_doit_options(self) -> list[Option]:
        """Return the options of doit that tell where dodo.py is."""
        own = {option["name"] for option in self.cmd_options}
        return [
            Flag(one.long, one.help, one.short) if one.type is bool else ValueOption(one.long, one.help, str, one.short)
            for one in self.get_options()
            if one.name not in own
        ]

    def _load(self, params: Any) -> Cap:
        self.loader.setup(params)
        if cap := find_cap(self.loader.namespace):
            cap.refuse_wrong_declarations()
            return cap
        raise InvalidDodoFile('dodo.py does not load deploy.yml; add the line `cap = capdoit.load("deploy.yml")`')

    def _load_tasks(self, params: Any) -> list[Any]:
        self.loader.setup(params)
        self.loader.load_doit_config()
        return list(self.loader.load_tasks(cmd=self, pos_args=[]))

    def _list_doit_commands(self) -> dict[str, Any]:
        return {name: command(**self._own_arguments) for name, command in self._cmds.to_dict().items()}


def _advise_answers(typed: Sequence[str]) -> list[str]:
    """Return the command that gives the answers that were missing; nothing if none was.

    Args:
        typed: the arguments of doit.
    """
    answers = [f"{variable}=VALUE" for variable in list_missing_answers()]
    place = typed.index("cap") + 2 if "cap" in typed else len(typed)
    right = shlex.join(["doit", *typed[:place], *answers, *typed[place:]])
    return [f"for example: {right}"] if answers else []
