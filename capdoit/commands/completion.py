"""`doit cap completion`: the completion of doit for a shell, and what it knows about the project."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from capdoit import completer
from capdoit.commands import catalog
from capdoit.commands.command_request import CommandRequest
from capdoit.commands.subcommand import HELP, Flag, Option, Subcommand, spellings
from capdoit.completer import find_cache_file, get_time_of_change, write_cache
from capdoit.config.deploy_file import Config
from capdoit.config.stages import Stage
from capdoit.config.variables import ON_DEMAND, VARIABLES
from capdoit.errors import ConfigError
from capdoit.hooks import discovery
from capdoit.hooks.on_demand import OnDemandTask
from capdoit.output.report_files import report_folder
from capdoit.output.seen_hosts import Hosts, read_kept_hosts
from capdoit.output.seen_releases import CACHE
from capdoit.script import words
from capdoit.text import get_first_line, join_names, suggest_name

TEMPLATES = Path(__file__).parent / "templates"
SHELLS = ("bash", "zsh", "fish")
REFRESH = Flag("refresh", "read dodo.py and deploy.yml again; the completion does this itself")
INSTRUCTIONS = """\
Type once, for the shell that you use:
  bash:  echo 'eval "$({doit} cap completion bash)"' >>~/.bashrc
  zsh:   echo 'eval "$({doit} cap completion zsh)"' >>~/.zshrc
  fish:  {doit} cap completion fish >~/.config/fish/completions/doit.fish"""


def print_completion(request: CommandRequest) -> int:
    """Print the script that a shell reads; without a shell, what to do with it."""
    if request.has(REFRESH):
        refresh_completions(request)
        return 0
    shell = request.only_word("shell")
    if shell is None:
        request.console.write(INSTRUCTIONS.replace("{doit}", _find_doit()))
        return 0
    if shell not in SHELLS:
        raise ConfigError(f"no completion for {shell}{suggest_name(shell, SHELLS)}; there are {join_names(SHELLS)}")
    script = (TEMPLATES / f"completion.{shell}.in").read_text(encoding="utf-8")
    command = words([sys.executable, "-I", "-S", completer.__file__])
    print(script.replace("{completer}", command).replace("{name}", "doit"), end="")
    return 0


def _find_doit() -> str:
    """Return doit as a new shell finds it: by its path in a virtual environment, which is not active then."""
    path = f"{sys.prefix}/bin/doit"
    if sys.prefix == sys.base_prefix or not os.access(path, os.X_OK):
        return "doit"
    return f'"{path}"' if " " in path else path


# -- what the completion knows


def refresh_completions(request: CommandRequest) -> None:
    """Write what the completion of this project needs to know. Of a project with mistakes it knows less."""
    dodo_file = os.path.realpath(request.dodo_file)
    cache = find_cache_file(dodo_file, "completion")
    tasks, config = _load_project(request)
    inputs = _list_inputs(Path(dodo_file), config)
    known = {
        "made_at": time.time(),
        "inputs": {path: get_time_of_change(path) for path in inputs},
        "commands": {name: _describe_doit_command(one) for name, one in request.list_doit_commands().items()},
        "tasks": {task.name: {"of": task.subtask_of, "doc": get_first_line(task.doc or "")} for task in tasks},
        "subcommands": describe_subcommands(catalog.COMMANDS),
        "variables": _describe_variables(_find_tasks_on_demand(request) if config else []),
        "choices": {"shell": [(name, "") for name in SHELLS], "name": _list_recipes(config)},
        "stages": {name: _list_hosts(config, stage) for name, stage in config.stages.items()} if config else {},
        "default_stage": _find_default_stage(config),
        "releases_file": find_cache_file(str(config.file), CACHE) if config else "",
        "reports_folder": str((config and report_folder(config.log)) or ""),
    }
    write_cache(cache, known)


def describe_subcommands(commands: Iterable[Subcommand]) -> dict[str, Any]:
    """Return the words, options and variables of each subcommand, by name."""
    return {
        command.name: {
            "help": command.help,
            "words": command.words,
            "options": [_describe_option(option) for option in (*command.all_options, HELP)],
            "variables": command.variables,
        }
        for command in commands
    }


def _describe_option(option: Option) -> dict[str, Any]:
    value = "" if isinstance(option, Flag) else option.name
    return {"names": [*spellings(option)], "help": option.help, "value": value}


def _describe_doit_command(command: Any) -> dict[str, Any]:
    usage = command.doc_usage or ""
    takes = [kind for kind, word in (("tasks", "TASK"), ("commands", "COMMAND")) if word in usage]
    options = [_describe_doit_option(option) for option in command.get_options() if option.short or option.long]
    return {"help": get_first_line(command.doc_purpose), "takes": takes, "options": options}


def _describe_doit_option(option: Any) -> dict[str, Any]:
    names = [*([f"-{option.short}"] if option.short else []), *([f"--{option.long}"] if option.long else [])]
    text = get_first_line(option.help % {"default": option.default})
    return {"names": names, "help": text, "value": "" if option.type is bool else option.name}


def _describe_variables(tasks: Sequence[OnDemandTask]) -> dict[str, Any]:
    """Return the variables of capdoit and the parameters of tasks on demand, with the tasks that take each of them."""
    on_demand = [task.name for task in tasks]
    found: dict[str, Any] = {}
    for name, rule in VARIABLES.items():
        takers = [*rule.tasks, *(on_demand if ON_DEMAND in rule.tasks else [])]
        found[name] = {"help": "", "tasks": takers, "choices": [(choice, "") for choice in rule.choices]}
    for task in tasks:
        for parameter in task.parameters:
            one = found.setdefault(parameter.name, {"help": parameter.type.name, "tasks": [], "choices": []})
            one["tasks"] += [task.name]
            one["choices"] += [(choice, "") for choice in parameter.type.choices]
    return found


def _find_tasks_on_demand(request: CommandRequest) -> list[OnDemandTask]:
    """Return the tasks on demand of all stages; none of a project with mistakes."""
    with contextlib.suppress(Exception):
        declared = request.load_project().declarations_by_stage.values()
        return [*{task.name: task for one in declared for task in one.tasks}.values()]
    return []


def _list_recipes(config: Config | None) -> list[tuple[str, str]]:
    return [(name, "") for name in discovery.recipe_names(config.file.parent)] if config else []


def _list_hosts(config: Config, stage: Stage) -> Hosts:
    """Return the hosts with their roles; as last seen if a command prints them, which is not run for this."""
    if stage.has_unknown_hosts:
        return read_kept_hosts(config.file, stage.name)
    return {host.name: host.roles for host in stage.hosts}


def _find_default_stage(config: Config | None) -> str:
    if config is None:
        return ""
    only = next(iter(config.stages)) if len(config.stages) == 1 else ""
    return config.default_stage or only


def _load_project(request: CommandRequest) -> tuple[Sequence[Any], Config | None]:
    """Return the tasks and deploy.yml, as far as they can be read. What dodo.py prints is not shown."""
    tasks: Sequence[Any] = ()
    with contextlib.redirect_stdout(io.StringIO()):
        with contextlib.suppress(Exception):  # dodo.py may raise anything, and the rest is still worth completing
            tasks = request.load_tasks()
        with contextlib.suppress(Exception):
            return tasks, request.load_project().config
    return tasks, None


def _list_inputs(dodo_file: Path, config: Config | None) -> list[str]:
    """Return the files that decide what can be completed: those of the project, and of capdoit."""
    project = f"{dodo_file.parent}{os.sep}"
    files = [getattr(module, "__file__", None) or "" for module in [*sys.modules.values()]]
    modules = [file for file in files if file.startswith(project) and not file.startswith(sys.prefix)]
    recipes = [str(path) for path in dodo_file.parent.glob("recipes/*.py")]
    settings = [str(dodo_file.parent / name) for name in ("doit.cfg", "pyproject.toml", "recipes", "deploy.yml")]
    own = [str(catalog.__file__), str(completer.__file__)]
    deploy_yml = [os.path.realpath(config.file)] if config else []
    return [*dict.fromkeys([str(dodo_file), *deploy_yml, *modules, *recipes, *settings, *own])]


COMMAND = Subcommand(
    name="completion",
    help="print the completion of doit for bash, zsh or fish",
    description=(
        "It completes tasks, stages, subcommands, options, hosts, roles, and the releases that were seen last. "
        "It makes no connection."
    ),
    run=print_completion,
    words=("[SHELL]",),
    options=(REFRESH,),
    examples=("completion", "completion bash"),
)
