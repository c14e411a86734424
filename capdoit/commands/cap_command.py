"""The doit command `cap`: it finds who answers."""

from __future__ import annotations

import getopt
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from doit import doit_cmd
from doit.cmd_base import DoitCmdBase
from doit.exceptions import InvalidCommand, InvalidDodoFile

from capdoit.commands.doctor import doctor
from capdoit.commands.exec import exec_
from capdoit.commands.history import history
from capdoit.commands.install import install
from capdoit.commands.pending import pending
from capdoit.commands.recipes import recipes
from capdoit.commands.releases import releases
from capdoit.commands.request import Asked
from capdoit.commands.stages import stages
from capdoit.commands.status import status
from capdoit.commands.unlock import unlock
from capdoit.commands.verify import verify
from capdoit.config import variables
from capdoit.doit_tasks import Cap
from capdoit.errors import CapdoitError, ConfigError
from capdoit.output.console import Console
from capdoit.output.error_text import render_error
from capdoit.text import listed, near

INTERRUPTED = 130  # as shells have it


class CapCommand(DoitCmdBase):  # type: ignore[misc]
    """The doit command ``cap``; its subcommands are `COMMANDS`."""

    name = "cap"
    base_options = ()
    cmd_options = (
        {
            "name": "json",
            "short": "",
            "long": "json",
            "type": bool,
            "default": False,
            "help": "answer in JSON (status, releases, verify, history, pending and doctor)",
        },
        {
            "name": "diff",
            "short": "",
            "long": "diff",
            "type": bool,
            "default": False,
            "help": "how a deploy would differ from the last one (recipes)",
        },
        {
            "name": "number",
            "short": "n",
            "long": "number",
            "type": str,
            "default": None,
            "help": "how many of the newest lines to show (history)",
        },
        {
            "name": "hosts",
            "short": "",
            "long": "hosts",
            "type": str,
            "default": None,
            "help": "only on these hosts, with commas between them; as hosts= (exec)",
        },
        {
            "name": "roles",
            "short": "",
            "long": "roles",
            "type": str,
            "default": None,
            "help": "only on hosts with one of these roles; as roles= (exec)",
        },
    )
    doc_purpose = "look at what is deployed; write a first deploy.yml"
    doc_usage = "install | stages | status | releases | verify | history | pending | exec | doctor | recipes | unlock"
    doc_description = """\
install [STAGE…]: write deploy.yml and dodo.py, for staging and production unless named otherwise; \
what is there already stays as it is
stages: the stages of deploy.yml
status [STAGE]: what is live on each host, who holds its lock, and where a rollback would go
releases [STAGE]: which host has which release, and in which state
verify [STAGE] [RELEASE]: what of a release, the live one unless named, was changed by hand since it was shipped, \
and what the hosts do not have alike; verify=quick reads no contents
history [STAGE] [-n N]: what happened, newest first, what Capistrano did included
pending [STAGE]: the commits that a deploy, of branch= if that is said, would bring to what is live, or take from it
exec COMMAND [STAGE]: run a line of sh on all hosts at once, each in its user's home (a local host: where doit runs) \
with its default_env; what hosts answer alike is shown once
doctor [STAGE]: what a deploy stands on, problems first: programs, clocks, locales, rights and room of controller and \
hosts, how ssh leads there, recipes, where each setting comes from, and settings that nothing uses
recipes [NAME]: the recipes that can be used, or the manual of one
recipes --diff [STAGE]: the steps, hooks and recipes that the next deploy has and the last one had not, \
and the other way round
unlock [STAGE]: free the locks of a stage by force; whatever flow held one is refused from then on

STAGE is the default one when it is not named. hosts= and roles= choose among its hosts.

Exit status of status and releases: 0; 1 when no host could be reached; 3 when some could not, or the hosts \
differ in what is live, or in status one has yet to catch up with the others. Of verify: 3, too, when a release \
is not as it was shipped, or that cannot be told. Of history, pending and recipes --diff: 0, 1 and 3, too, \
whatever is live. Of doctor: 0; 1 when no host could be reached; 3 when there are problems. Of exec: 0 when the \
command succeeded on every host, else 1."""

    def parse_execute(self, in_args: list[str]) -> int:
        """Run it; options may stand anywhere, though doit wants them first."""
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
        """Run a subcommand; without one, show the help.

        Raises:
            InvalidCommand: doit's, so that what the user did wrong prints without a traceback.
        """
        if not args:
            print(self.help())
            return 0
        console = Console(sys.stdout)
        try:
            command, asked = _command(args[0], params), self._asked(params, args[1:], console)
            _refuse_unheeded(args[0], asked.variables)
            return command(asked) or console.is_lost
        except KeyboardInterrupt:
            console.say("interrupted")
            return INTERRUPTED
        except CapdoitError as error:
            raise InvalidCommand(console.redact(render_error(error))) from None

    def _asked(self, params: Any, words: list[str], console: Console) -> Asked:
        said = variables.read_variables(_said(params), os.environ)
        dodo = Path(params.get("dodoFile") or "dodo.py")
        number = _number(params["number"])
        return Asked(words, params["json"], params["diff"], number, said, console, dodo, lambda: self._load(params))

    def _load(self, params: Any) -> Cap:
        self.loader.setup(params)
        for value in self.loader.namespace.values():
            if isinstance(value, Cap):
                return value
        raise InvalidDodoFile('the dodo file has no deploy.yml: it needs a line `cap = capdoit.load("deploy.yml")`')


COMMANDS: dict[str, Callable[[Asked], int]] = {
    "install": install,
    "stages": stages,
    "status": status,
    "releases": releases,
    "verify": verify,
    "history": history,
    "pending": pending,
    "exec": exec_,
    "doctor": doctor,
    "recipes": recipes,
    "unlock": unlock,
}
WITH = {
    "json": ("status", "releases", "verify", "history", "pending", "doctor"),
    "diff": ("recipes",),
    "number": ("history",),
    "hosts": ("exec",),
    "roles": ("exec",),
}


CHOOSE = ("stage", "hosts", "roles")
HEEDED = {
    **dict.fromkeys(("install", "stages"), ()),
    "pending": (*CHOOSE, "branch"),
    "verify": (*CHOOSE, "verify"),
    "unlock": (*CHOOSE, "message"),
}


def _refuse_unheeded(command: str, said: variables.Variables) -> None:
    """Of what means something to a flow, ``dry_run=`` above all, nothing is passed over in silence."""
    for name in sorted(said.typed_names - {*HEEDED.get(command, CHOOSE)}):
        raise ConfigError(f"{name}= means nothing to cap {command}; nothing was done")


def _command(name: str, params: Any) -> Callable[[Asked], int]:
    if name not in COMMANDS:
        raise ConfigError(f"cap has no {name}{near(name, COMMANDS)} (there are {listed(COMMANDS)})")
    for option, commands in WITH.items():
        if params[option] not in (None, False) and name not in commands:
            raise ConfigError(f"cap {name} has no --{option}; only: {listed(commands)}")
    return COMMANDS[name]


def _said(params: Any) -> dict[str, str]:
    """The variables of the command line; --hosts and --roles are two more of them."""
    said = variables.typed_variables(doit_cmd._CMDLINE_VARS, sys.argv)
    for name in ("hosts", "roles"):
        if params[name] is not None and said.setdefault(name, params[name]) != params[name]:
            raise ConfigError(f"{name} is said twice: {said[name]} and {params[name]}")
    return said


def _number(text: str | None) -> int | None:
    if text is not None and (not text.isdecimal() or len(text) > 6 or int(text) == 0):
        raise ConfigError(f"-n {text}: expected a number of lines")
    return None if text is None else int(text)
