"""`doit cap install --from-capistrano`: the files of a project that Capistrano has deployed so far."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from doit.exceptions import InvalidDodoFile

from capdoit.capistrano.conversion import Conversion, Heads, convert_project
from capdoit.capistrano.project import CapistranoStage, find_capfile
from capdoit.capistrano.ruby_reader import find_command, read_stage
from capdoit.capistrano.stage_names import find_stage_names
from capdoit.capistrano.text_reader import read_stage_as_text
from capdoit.commands.command_request import CommandRequest
from capdoit.commands.exit_statuses import INVALID_PROJECT
from capdoit.commands.project_files import MODELINE, ignore_files, read_template, write_file, write_schema
from capdoit.commands.schema import SCHEMA_FILE
from capdoit.config.deploy_file import load_config
from capdoit.errors import ConfigError
from capdoit.hooks.discovery import find_all_recipes, load_recipes
from capdoit.output.console import Tone
from capdoit.text import join_names
from capdoit.transfers import TRANSFERS

NO_RUBY = ["none"]
ReadStage = Callable[[str], CapistranoStage]


def install_from_capistrano(request: CommandRequest, command: Sequence[str] | None) -> int:
    """Write deploy.yml and dodo.py from what Capistrano says, check them, and list what was not carried over.

    Args:
        request: names the stages; all stages if it names none.
        command: the words that run Capistrano; None to find it.

    Raises:
        ConfigError: there is no Capfile or no stage, Capistrano fails, or an earlier conversion exists.
    """
    project = request.dodo_file.parent
    deploy_file, dodo_file = _choose_file(project / "deploy.yml"), _choose_file(request.dodo_file)
    names = find_stage_names(project, request.words)
    read, how = _choose_reader(project, command or find_command(project) or NO_RUBY)
    stages = []
    for name in names:
        request.console.write(f"Reading the stage {name} {how}.")
        stages.append(read(name))
    dodo_head = read_template("dodo.py").replace('"deploy.yml"', f'"{deploy_file.name}"')
    heads = Heads(_describe_origin(project), dodo_head)
    conversion = convert_project(project, stages, find_all_recipes(project)[0], heads)
    write_file(request.console, deploy_file, conversion.deploy_text)
    remarks = "".join(f"# {line}\n" for line in _list_omissions(conversion))
    write_file(request.console, dodo_file, conversion.dodo_text + (f"\n\n{remarks}" if remarks else ""))
    write_schema(request.console, project)
    ignore_files(request.console, project)
    is_in_place = deploy_file.name == "deploy.yml" and dodo_file == request.dodo_file
    readable = [stage.name for stage in stages if stage.servers and not stage.failure] or names
    return _finish(request, conversion, readable, lambda: _check(request, deploy_file, is_in_place))


def _choose_file(file: Path) -> Path:
    """Return the file to write; a name next to it if the file exists.

    Raises:
        ConfigError: that name exists, too.
    """
    if not file.exists():
        return file
    beside = file.with_name(f"{file.stem}.from-capistrano{file.suffix}")
    if beside.exists():
        raise ConfigError(f"{file} and {beside} exist; move one of them away; nothing was written")
    return beside


def _choose_reader(project: Path, command: Sequence[str]) -> tuple[ReadStage, str]:
    """Return the function that reads a stage, and how it does that, for people."""
    if command == NO_RUBY:
        how = "as text, without Ruby: plain lines only. Computed values, conditions and plugins' defaults are not seen"
        return lambda name: read_stage_as_text(project, name), how
    folder = project.resolve()  # Ruby knows files by their real paths
    return lambda name: read_stage(folder, command, name), f"with `{' '.join(command)}`; no host is contacted"


def _describe_origin(project: Path) -> list[str]:
    capfile = find_capfile(project).name
    return [
        f"{MODELINE.removeprefix('# ')}{SCHEMA_FILE}",
        f"Written by `doit cap install --from-capistrano` from {capfile} and the files that it loads.",
    ]


def _list_omissions(conversion: Conversion) -> list[str]:
    """Return what was not carried over, in lines; no line if there is nothing."""
    lines = [f"  {omission}" for omission in conversion.omissions]
    return [f"Not carried over from Capistrano ({len(lines)}):", *lines] if lines else []


def _list_stubs(conversion: Conversion) -> list[str]:
    """Return the functions to write, in lines; no line if there are none."""
    lines = [f"  {stub}" for stub in conversion.stubs]
    return [f"Functions to write in dodo.py ({len(lines)}); deploys are refused until then:", *lines] if lines else []


def _check(request: CommandRequest, deploy_file: Path, is_in_place: bool) -> str:
    """Load what was written, and return what it has.

    Raises:
        ConfigError: deploy.yml has mistakes.
        InvalidDodoFile: dodo.py has mistakes.
    """
    if is_in_place:
        request.load_tasks()
    config = load_config(deploy_file, TRANSFERS, os.environ)
    for stage in config.stages.values():
        load_recipes(stage.recipes, deploy_file.parent, config.roles())
    recipes = dict.fromkeys(use.name for stage in config.stages.values() for use in stage.recipes)
    hosts = (
        f"{name} ({len(stage.hosts)} {'host' if len(stage.hosts) == 1 else 'hosts'})"
        for name, stage in config.stages.items()
    )
    loaded = f"{deploy_file.name} and dodo.py load" if is_in_place else f"{deploy_file.name} loads"
    return f"{loaded}: {join_names(hosts)}; recipes: {join_names(recipes) or 'none'}."


def _finish(request: CommandRequest, conversion: Conversion, names: Sequence[str], check: Callable[[], str]) -> int:
    """Print what was not carried over, the result of the checks, and what to type next."""
    console = request.console
    for line in [*_list_stubs(conversion), *_list_omissions(conversion)] or ["Everything was carried over."]:
        console.write(line)
    if conversion.not_needed:
        console.write(f"Settings that capdoit does not need: {join_names(conversion.not_needed)}.")
    try:
        console.write(check(), Tone.GOOD)
    except (ConfigError, InvalidDodoFile, SyntaxError) as error:
        console.write(str(error), Tone.BAD)
        console.write("Next: correct these mistakes in the files, then run `doit list`.")
        return INVALID_PROJECT
    stage = names[-1] if len(names) == 1 else next((n for n in names if n == "staging"), names[0])
    console.write(f"Next: go through the list, then run `doit check:{stage}` and `doit deploy:{stage}`.")
    return 0
