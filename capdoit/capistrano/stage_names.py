"""The stages of a project: one for each file in `config/deploy/`, or in the directory that the Capfile names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from capdoit.capistrano.project import find_capfile
from capdoit.config.settings import is_stage_name
from capdoit.errors import ConfigError
from capdoit.text import join_names, suggest_name

PATH_SETTING = r"""^\s*set[ (]+:{name}\b[^"'\n]*["']([^"'\n]+)["']"""


def find_stage_names(folder: Path, wanted: Sequence[str]) -> list[str]:
    """Return the names of a project's stages, or those that are wanted.

    Args:
        folder: directory of the project.
        wanted: names from the command line; empty for all stages.

    Raises:
        ConfigError: there is no stage, a wanted stage does not exist, or deploy.yml cannot have a stage of that name.
    """
    place = find_stage_folder(folder)
    names = sorted(path.stem for path in (folder / place).glob("*.rb"))
    if not names:
        raise ConfigError(f"{place} has no stage (*.rb); nothing was written")
    for name in wanted:
        if name not in names:
            raise ConfigError(
                f"no stage {name}{suggest_name(name, names)} (there are {join_names(names)}); nothing was written"
            )
    chosen = [name for name in names if name in wanted or not wanted]
    for name in chosen:
        if not is_stage_name(name):
            others = join_names(one for one in names if one != name) or "STAGE"
            raise ConfigError(
                f"{place}/{name}.rb: {name} cannot be a stage here; rename it, or name the stages: {others}"
            )
    return chosen


def find_stage_folder(folder: Path) -> str:
    """Return the directory of the files of stages, relative to the project."""
    return _find_path(folder, "stage_config_path") or "config/deploy"


def find_deploy_file(folder: Path) -> str:
    """Return the file with the settings of all stages, relative to the project."""
    return _find_path(folder, "deploy_config_path") or "config/deploy.rb"


def _find_path(folder: Path, name: str) -> str:
    text = find_capfile(folder).read_text(encoding="utf-8", errors="replace")
    found = re.search(PATH_SETTING.format(name=name), text, re.MULTILINE)
    return found[1].rstrip("/") if found else ""
