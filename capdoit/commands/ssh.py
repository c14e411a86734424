"""`doit cap ssh`: a terminal on one host, in the live release and with the environment of the stage."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

from capdoit.commands.command_request import CommandRequest
from capdoit.commands.subcommand import SELECTION, Subcommand
from capdoit.config.deploy_file import choose_stage
from capdoit.config.stages import HostConfig, Stage
from capdoit.config.variables import find_host_name, select_hosts
from capdoit.errors import ConfigError
from capdoit.hosts.terminal import run_on_terminal
from capdoit.operations.connections import compute_settings, find_hosts, make_fleet
from capdoit.text import join_names, name_first, suggest_name

MOST_HOSTS = 20  # that a message names


def open_terminal(request: CommandRequest) -> int:
    """Connect this terminal to a shell on one host, and return the exit status of the shell."""
    stage = choose_host(request)
    if not sys.stdin.isatty():
        only = stage.hosts[0].name
        raise ConfigError(f"ssh needs a terminal; for a command: doit cap exec --hosts {only} -- COMMAND")
    stage = compute_settings(stage, is_deploy=False, branch=request.variables.branch)
    (host,) = stage.hosts
    request = request.logged("ssh", stage)
    with closing(make_fleet(stage, request.events)) as fleet:
        (connection,) = fleet.connections
        fleet.all(lambda one: one.ask([]), fleet.connections)  # so that an error is one of a fleet
        script = connection.script("terminal", "commands/ssh_shell", {"host": host.name})
        return run_on_terminal(connection, script)


# -- which host


def choose_host(request: CommandRequest) -> Stage:
    """Return the stage with the one host that is wanted: the named one, else the primary of the selected hosts.

    Raises:
        ConfigError: the stage or the host does not exist, or the words name two.
    """
    stage_name, host_name = _split_words(request)
    variables = request.variables
    if host_name and host_name not in (variables.hosts or (host_name,)):
        raise ConfigError(f"which host, {host_name} or hosts={','.join(variables.hosts or ())}?")
    if stage_name and variables.stage not in (None, stage_name):
        raise ConfigError(f"which stage, {stage_name} or stage={variables.stage}?")
    stage = find_hosts(choose_stage(request.load_project().config, stage_name or variables.stage))
    selected = select_hosts(stage, replace(variables, hosts=(host_name,)) if host_name else variables)
    return selected.only((find_primary(selected.hosts),))


def find_primary(hosts: Sequence[HostConfig]) -> HostConfig:
    """Return the host with ``primary: true``, else the first one."""
    return sorted(hosts, key=lambda host: not host.primary)[0]


def _split_words(request: CommandRequest) -> tuple[str, str]:
    """Return the names of a stage and a host among the positional words; empty for those that were not named."""
    stages = request.load_project().config.stages
    first, second, *others = (*request.words, "", "")
    if any(others):
        raise ConfigError(f"expected at most a stage and a host, found {join_names(request.words)}")
    if second or not first or first in stages:
        return first, second
    hosts = list(dict.fromkeys(host.name for stage in stages.values() for host in stage.hosts))
    if not any(find_host_name(first, stage.hosts) in hosts for stage in stages.values()):
        raise ConfigError(f"no stage and no host is named {first}{_suggest(first, [*stages], hosts)}")
    return "", first


def _suggest(typed: str, stages: Sequence[str], hosts: Sequence[str]) -> str:
    """Return the host or stage that was probably meant, such as web2.example.com for web2; else all of them."""
    meant = [name for name in hosts if name.startswith(f"{typed}.")]
    if len(meant) == 1:
        return f"; did you mean {meant[0]}?"
    if suggestion := suggest_name(typed, [*stages, *hosts]):
        return suggestion
    return f"; stages: {join_names(stages)}; hosts: {name_first(hosts, MOST_HOSTS) or 'not known yet'}"


COMMAND = Subcommand(
    name="ssh",
    help="open a terminal on a host, in the live release",
    description=(
        "HOST is the primary of the stage unless you name one. The shell has the variables of default_env, and its "
        "exit status is that of the command."
    ),
    run=open_terminal,
    words=("[STAGE]", "[HOST]"),
    variables=SELECTION,
    examples=("ssh", "ssh production web2", "ssh --roles db"),
)
