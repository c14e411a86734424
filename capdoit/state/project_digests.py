"""Digests of a project: `apply=` compares them to name the changes since a plan was made.

A digest has a kind and a name: the file ``dodo.py``, the hook ``restart``, the options of ``rails``, the setting
``keep_releases``. The names are equal on every machine that has the project.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path

from capdoit.config.stages import HostConfig, Stage
from capdoit.hooks.hook import Declarations, Hook
from capdoit.sequence import FlowTask
from capdoit.text import group_names, join_names
from capdoit.url_credentials import mask_url_passwords

OF = " of "  # between the name of a setting and its host
FILE, HOOK, OPTIONS, SETTING = "file", "hook", "options", "setting"
Digests = Mapping[str, Mapping[str, str]]  # by kind and name


def digest_project(stage: Stage, tasks: Iterable[FlowTask], declared: Declarations) -> Digests:
    """Return the digests of a project: of its settings, and of the code and options of hooks, probes and guards.

    Args:
        stage: the stage with the selected hosts.
        tasks: the steps and hooks of the flow that will run.
        declared: everything that recipes and the project declare, without the hooks that are skipped.
    """
    hooks = _list_hooks(tasks, declared)
    return {
        FILE: _digest_files(hooks),
        HOOK: {hook.name: _digest(_read_code(hook.function)) for hook in hooks},
        OPTIONS: {hook.recipe: _digest(repr(hook.options)) for hook in hooks if hook.recipe},
        SETTING: _digest_settings(stage),
    }


def describe_project_changes(stage: str, before: Digests, now: Digests) -> list[str]:
    """Return the changes in the project since a plan was made, a line each.

    Args:
        stage: name of the stage.
        before: the digests of the plan.
        now: the digests of the project as it is.
    """
    files, hooks, options, settings = (_changed(kind, before, now) for kind in (FILE, HOOK, OPTIONS, SETTING))
    named = f" (hooks: {join_names(hooks)})" if hooks else ""
    return [
        *([f"{join_names(files)} {_have(files)} changed since{named}"] if files else []),
        *([f"the options of {join_names(options)} in deploy.yml have changed since"] if options else []),
        *(f"{setting} in deploy.yml has changed since" for setting in _group_settings(stage, settings)),
    ]


def _group_settings(stage: str, settings: Iterable[str]) -> list[str]:
    """Return each setting with its stage, or with its hosts: ``default_env of web1, web2``."""
    pairs = [(host or stage, name) for name, _, host in (setting.partition(OF) for setting in settings)]
    return [f"{name}{OF}{hosts}" for name, hosts in group_names(pairs).items()]


def _changed(kind: str, before: Digests, now: Digests) -> list[str]:
    old, new = before.get(kind, {}), now[kind]
    return [name for name in {**old, **new} if old.get(name) != new.get(name)]


def _have(names: Sequence[str]) -> str:
    return "has" if len(names) == 1 else "have"


# -- settings


def _digest_settings(stage: Stage) -> dict[str, str]:
    """Return the digest of each setting; of secrets only the names count, and passwords in URLs do not."""
    values = {one.name: getattr(stage, one.name) for one in fields(stage)}
    del values["hosts"], values["recipes"], values["pending"], values["deploy_file"]
    # Neither a question nor the files that `doit setup` uploads change anything of a flow.
    del values["confirm"], values["linked_sources"], values["linked_places"]
    values |= values.pop("transfer_settings")
    for host in stage.hosts:
        values |= {f"{name}{OF}{host.name}": value for name, value in _settings_of(host).items()}
    return {name: _digest(mask_url_passwords(repr(value))) for name, value in values.items()}


def _settings_of(host: HostConfig) -> dict[str, object]:
    host = replace(host, ssh_config=_read_text(host.ssh_config))
    values = {one.name: getattr(host, one.name) for one in fields(host)}
    deploy_to, env = values.pop("layout"), values.pop("env")
    del values["pending"]
    return {**values, "deploy_to": deploy_to, "default_env": sorted(env.items())}


# -- code


def _list_hooks(tasks: Iterable[FlowTask], declared: Declarations) -> list[Hook]:
    called = [task.hook for task in tasks if task.hook]
    return [*called, *declared.failed, *declared.environments, *declared.probes_and_guards]


def _digest_files(hooks: Iterable[Hook]) -> dict[str, str]:
    files = {file for hook in hooks for file in _find_files(hook.function)}
    contents: dict[str, str] = {}
    for file in sorted(files):
        name = _name_file(Path(file))
        contents[name] = contents.get(name, "") + _read_text(file)
    return {name: _digest(content) for name, content in contents.items()}


def _name_file(file: Path) -> str:
    """Return the path of a file in the project, or of any other file its folder and name."""
    is_of_project = file.is_relative_to(Path.cwd())
    return str(file.relative_to(Path.cwd())) if is_of_project else f"{file.parent.name}/{file.name}"


def _find_files(function: Callable[..., object]) -> list[str]:
    """Return all files that a function may use; none for a function without a file, such as a built-in."""
    with contextlib.suppress(TypeError):
        return _related_files(Path(inspect.getfile(function)).absolute())
    return []


def _related_files(file: Path) -> list[str]:
    """Return a file, the files next to it with its name or a private name, and the loaded modules of its folder."""
    folder = file.parent
    named = [*folder.glob(f"{file.stem}.*"), *folder.glob("_*")]
    loaded = (Path(getattr(module, "__file__", None) or "") for module in [*sys.modules.values()])
    used = [one for one in loaded if one.is_relative_to(folder) and "site-packages" not in one.parts]
    return sorted({str(one) for one in [file, *named, *used] if one.is_file()})


def _read_code(function: Callable[..., object]) -> str:
    """Return the source of a function; empty for a function without one."""
    with contextlib.suppress(OSError, TypeError):
        return inspect.getsource(function)
    return ""


def _read_text(file: str | None) -> str:
    """Return the content of a file; empty for none, and for a file that cannot be read."""
    with contextlib.suppress(OSError):
        return Path(file).read_text(encoding="utf-8", errors="surrogateescape") if file else ""
    return ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
