"""`doit cap stages`: the stages of deploy.yml."""

from __future__ import annotations

from capdoit.commands.request import Asked
from capdoit.config.stages import Stage
from capdoit.errors import ConfigError
from capdoit.text import fitted, listed
from capdoit.transfers import transfer_of


def stages(asked: Asked) -> int:
    """The stages of deploy.yml."""
    if asked.words:
        raise ConfigError(f"stages takes no words, found {listed(asked.words)}")
    conf = asked.load().config
    default = conf.default_stage or (next(iter(conf.stages)) if len(conf.stages) == 1 else None)
    rows = [_stage_row(stage, stage.name == default) for stage in conf.stages.values()]
    asked.console.say_table(fitted(("stage", "", "transfer", "of", "hosts"), rows, asked.console.width))
    return 0


def _stage_row(stage: Stage, is_default: bool) -> tuple[str, ...]:
    names = [host.name for host in stage.hosts]
    hosts = listed(names) if len(names) <= 3 else f"{listed(names[:2])} and {len(names) - 2} more"
    return stage.name, "default" if is_default else "", stage.transfer, transfer_of(stage).source(stage, None), hosts
