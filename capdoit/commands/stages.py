"""`doit cap stages`: the stages of deploy.yml."""

from __future__ import annotations

from typing import Any

from capdoit.commands.command_request import CommandRequest
from capdoit.commands.subcommand import JSON, Subcommand
from capdoit.config.deploy_file import Config
from capdoit.config.stages import Stage
from capdoit.errors import ConfigError
from capdoit.text import fit_table, join_names, name_first
from capdoit.transfers import transfer_of

HEAD = ("stage", "", "transfer", "of", "hosts")
MOST_HOSTS = 3  # in one line


def print_stages(request: CommandRequest) -> int:
    """Print a line for each stage of deploy.yml."""
    if request.words:
        raise ConfigError(f"stages takes no words, found {join_names(request.words)}")
    config = request.load_project().config
    default = _default_stage(config)
    if request.has(JSON):
        stages = [_json(stage, stage.name == default) for stage in config.stages.values()]
        request.print_json({"stages": stages})
        return 0
    rows = [_row(stage, stage.name == default) for stage in config.stages.values()]
    request.console.write_table(fit_table(HEAD, rows, request.console.table_width))
    return 0


def _default_stage(config: Config) -> str | None:
    return config.default_stage or (next(iter(config.stages)) if len(config.stages) == 1 else None)


def _find_source(stage: Stage) -> str:
    """Return what is deployed, such as a branch; for one that is not known yet, such as `!current`, its tag."""
    source = transfer_of(stage).source(stage, None)
    return next((one.source.tag for one in stage.pending if one.placeholder == source), source)


def _row(stage: Stage, is_default: bool) -> tuple[str, ...]:
    hosts = name_first([host.name for host in stage.hosts], MOST_HOSTS) or "(from a command)"
    return stage.name, "default" if is_default else "", stage.transfer, _find_source(stage), hosts


def _json(stage: Stage, is_default: bool) -> dict[str, Any]:
    return {
        "stage": stage.name,
        "default": is_default,
        "transfer": stage.transfer,
        "source": _find_source(stage),
        "hosts": [{"host": host.name, "roles": host.roles} for host in stage.hosts],
    }


COMMAND = Subcommand(name="stages", help="list the stages of deploy.yml", run=print_stages, options=(JSON,))
