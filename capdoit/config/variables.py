"""The variables of the command line: ``doit rollback rollback_release=…``.

Capistrano's names in capitals work too, on the command line and in the environment.

A new variable is one field of `Variables`, which holds its reader, the tasks that heed it, and its other properties.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any

from capdoit.config.host_addresses import split_address
from capdoit.config.rules import RULES_OF_HOSTS_AND_STAGES, RULES_OF_STAGES
from capdoit.config.stages import HostConfig, Stage
from capdoit.errors import ConfigError
from capdoit.text import join_names, suggest_name

VariableReader = Callable[[str, str], Any]

# Names that other tools use. As variables of the project they would be ignored, and the task would do something else.
OTHER_TOOLS_NAMES = {
    **dict.fromkeys(("release", "to", "to_release", "rollback", "rollback_to"), "rollback_release"),
    **dict.fromkeys(("ref", "rev", "revision", "commit", "sha"), "branch"),
    **dict.fromkeys(("dry", "dryrun", "noop"), "dry_run"),
    **dict.fromkeys(("host", "only", "limit"), "hosts"),
    "msg": "message",
    "role": "roles",
}
# Settings whose names no project would give to its own variables.
SETTING_NAMES = {"confirm", *(name for name in (*RULES_OF_HOSTS_AND_STAGES, *RULES_OF_STAGES) if "_" in name)}
YES_OR_NO = ("yes", "no")
DRY_RUNS = ("yes", "scripts", "no")
ANSWERS = ("1", "yes", "0", "no")
MIGRATIONS = ("keep", "back")
DEPTHS = ("quick", "full")


# -- readers: each takes name and value as typed, and raises ConfigError if the value is wrong


def _read_text(name: str, value: str) -> str:
    if not value:
        raise ConfigError(f"{name}= is empty")
    return value


def _read_choice(name: str, value: str, choices: Sequence[str]) -> str:
    if _read_text(name, value) not in choices:
        raise ConfigError(f"{name}={value}: expected {' or '.join(choices)}{suggest_name(value, choices)}")
    return value


def _read_yes_or_no(name: str, value: str) -> bool:
    return _read_choice(name, value, YES_OR_NO) == "yes"


def _read_dry_run(name: str, value: str) -> str:
    chosen = _read_choice(name, value, DRY_RUNS)
    return "" if chosen == "no" else chosen


def _read_answer(name: str, value: str) -> str:
    """Read the answer to a question; return it as commands repeat it, or an empty text for no."""
    return "1" if _read_choice(name, value, ANSWERS) in ("1", "yes") else ""


def _read_names(name: str, value: str) -> tuple[str, ...]:
    names = tuple(word.strip() for word in _read_text(name, value).split(","))
    if not all(names):
        raise ConfigError(f"{name}={value}: expected names with commas between them")
    return names


def _read_seconds(name: str, value: str) -> int:
    if not _read_text(name, value).isdecimal() or len(value) > 6:
        raise ConfigError(f"{name}={value}: expected a number of seconds")
    return int(value)


# -- the variables


@dataclass(frozen=True)
class VariableRule:
    """The properties of one variable.

    Attributes:
        read: reader of its value.
        tasks: the tasks that heed it; others refuse it.
        is_repeated: whether a command that capdoit advises repeats it.
        capistrano_name: name that Capistrano reads from the environment; empty for none.
        choices: the possible values, for completion; empty if there are too many to list.
    """

    read: VariableReader
    tasks: tuple[str, ...]
    is_repeated: bool
    capistrano_name: str
    choices: tuple[str, ...]


ON_DEMAND = "task on demand"
TASKS = ("deploy", "rollback", "check", "drill")
ALL_TASKS = (*TASKS, "setup", ON_DEMAND)
DEPLOYS = ("deploy", "check")
ROLLBACKS = ("rollback", "drill")
FLOW_TASKS = ("deploy", "rollback")


def _variable(
    read: VariableReader,
    default: Any = None,
    tasks: tuple[str, ...] = TASKS,
    is_repeated: bool = True,
    capistrano_name: str = "",
    choices: tuple[str, ...] = (),
) -> Any:
    rule = VariableRule(read, tasks, is_repeated, capistrano_name, choices)
    return field(default=default, metadata={"rule": rule})


@dataclass(frozen=True)
class Variables:
    """The variables of one run; None means not set.

    Attributes:
        stage: the stage for tasks with short names.
        branch: a branch, tag or commit.
        rollback_release: the release to roll back to.
        hosts: names of the only hosts to use.
        roles: use only hosts with one of these roles.
        skip: hooks that do not run, by the names of their tasks.
        migrations: ``keep`` or ``back``: whether a rollback reverts what its target release lacks.
        verify: ``quick`` or ``full``: how a release is compared with its manifest.
        force: whether a rollback may go to a damaged release.
        overwrite: whether a setup replaces linked files that differ.
        message: the reason, for the lock and the journal.
        dry_run: ``yes`` to show what would be done instead of doing it, ``scripts`` to show all scripts, too; or empty.
        plan: file to save a dry run in.
        apply: plan file to apply.
        report: file to write the report page to.
        wait: seconds to wait for the lock of another flow.
        yes: ``1`` if a stage with ``confirm`` asks nothing; or empty.
        custom: variables of recipes and of the project, by name.
        typed_names: names of the variables that are on the command line.
    """

    stage: str | None = _variable(_read_text, tasks=ALL_TASKS, is_repeated=False)
    branch: str | None = _variable(_read_text, tasks=DEPLOYS, capistrano_name="BRANCH")
    rollback_release: str | None = _variable(_read_text, tasks=ROLLBACKS, capistrano_name="ROLLBACK_RELEASE")
    hosts: tuple[str, ...] | None = _variable(_read_names, tasks=ALL_TASKS, capistrano_name="HOSTS")
    roles: tuple[str, ...] | None = _variable(_read_names, tasks=ALL_TASKS, capistrano_name="ROLES")
    skip: tuple[str, ...] = _variable(_read_names, default=())
    migrations: str | None = _variable(partial(_read_choice, choices=MIGRATIONS), tasks=ROLLBACKS, choices=MIGRATIONS)
    verify: str | None = _variable(partial(_read_choice, choices=DEPTHS), choices=DEPTHS)
    force: bool = _variable(_read_yes_or_no, default=False, tasks=ROLLBACKS, choices=YES_OR_NO)
    overwrite: bool = _variable(_read_yes_or_no, default=False, tasks=("setup",), choices=YES_OR_NO)
    message: str | None = _variable(_read_text, tasks=ALL_TASKS)
    dry_run: str = _variable(_read_dry_run, default="", tasks=(*FLOW_TASKS, "setup"), choices=DRY_RUNS)
    plan: str | None = _variable(_read_text, tasks=FLOW_TASKS)
    apply: str | None = _variable(_read_text, tasks=FLOW_TASKS, is_repeated=False)
    report: str | None = _variable(_read_text, tasks=FLOW_TASKS)
    wait: int = _variable(_read_seconds, default=0, tasks=ALL_TASKS, is_repeated=False)
    yes: str = _variable(_read_answer, default="", tasks=FLOW_TASKS, is_repeated=False, choices=ANSWERS)
    custom: Mapping[str, str] = field(default_factory=dict)
    typed_names: frozenset[str] = frozenset()

    @property
    def as_arguments(self) -> str:
        """The arguments that repeat these variables in a command; each has a space in front."""
        values = {name: getattr(self, name) for name, rule in VARIABLES.items() if rule.is_repeated}
        values |= self.custom
        if self.apply:  # the plan file has all others
            values = {"apply": self.apply}
        texts = {name: _as_typed(value) for name, value in values.items() if value}
        return "".join(f" {shlex.quote(f'{name}={text}')}" for name, text in texts.items())

    def refuse_unheeded(self, task: str, stage: Stage) -> None:
        """Refuse variables on the command line that a task would ignore.

        Args:
            task: ``deploy``, ``rollback``, ``check``, ``drill``, ``setup`` or `ON_DEMAND`.
            stage: the stage of the task.

        Raises:
            ConfigError: there is such a variable.
        """
        for name in sorted(self.typed_names):
            is_part_of_settings = name == "branch" and stage.uses_branch
            if task not in VARIABLES[name].tasks and not is_part_of_settings:
                raise ConfigError(f"{name}= has no effect on a {task}; nothing was done")
        if self.stage not in (None, stage.name):
            raise ConfigError(f"which stage, {stage.name} or stage={self.stage}? Nothing was done")


VARIABLES: Mapping[str, VariableRule] = {one.name: one.metadata["rule"] for one in fields(Variables) if one.metadata}
CAPISTRANO_NAMES = {rule.capistrano_name: name for name, rule in VARIABLES.items() if rule.capistrano_name}


def _as_typed(value: Any) -> str:
    if value is True:
        return "yes"
    return ",".join(value) if isinstance(value, tuple) else str(value)


# -- reading the command line


def typed_variables(kept: Mapping[str, str] | None, arguments: Sequence[str]) -> dict[str, str]:
    """Return the variables on a command line that doit has read.

    Args:
        kept: variables by name as doit has read them; doit keeps the last of two values.
        arguments: the command line.

    Raises:
        ConfigError: a variable has two different values.
    """
    for name, value in (kept or {}).items():
        values = [word.partition("=")[2] for word in arguments if word.startswith(f"{name}=")]
        if set(values) - {value}:
            raise ConfigError(f"{name}= is given twice: {join_names(values)}; separate several names with commas")
    return dict(kept or {})


def read_variables(
    typed: Mapping[str, str],
    environment: Mapping[str, str],
    recipes: Mapping[str, Sequence[str]] | None = None,
) -> Variables:
    """Return the variables of a run.

    Args:
        typed: values on the command line, by name; unknown names belong to the project.
        environment: environment of the controller.
        recipes: variables of recipes by name, with their possible values.

    Raises:
        ConfigError: a name is almost that of a known variable, a variable has two values, or a value is wrong.
    """
    values, custom = _named_values(typed, recipes or {})
    from_environment = {
        name: environment[theirs] for theirs, name in CAPISTRANO_NAMES.items() if environment.get(theirs)
    }
    texts = from_environment | values
    found = {name: VARIABLES[name].read(name, text) for name, text in texts.items()}
    if "plan" in found:
        found["dry_run"] = found.get("dry_run") or "yes"
    return Variables(**found, custom=custom, typed_names=frozenset(values))


def _named_values(
    typed: Mapping[str, str], recipes: Mapping[str, Sequence[str]]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the values of the known variables, and those of recipes and the project."""
    values: dict[str, str] = {}
    custom: dict[str, str] = {}
    for typed_name, value in typed.items():
        name = CAPISTRANO_NAMES.get(typed_name, typed_name)
        if name not in VARIABLES:
            custom[typed_name] = _custom_value(typed_name, value, recipes)
        elif values.setdefault(name, value) != value:
            raise ConfigError(f"{name} is given twice: {values[name]} and {value}")
    return values, custom


def _custom_value(name: str, value: str, recipes: Mapping[str, Sequence[str]]) -> str:
    """Return the value of a variable of a recipe or of the project."""
    if name in recipes:
        return _read_choice(name, value, recipes[name])
    if name.lower() in SETTING_NAMES:
        raise ConfigError(f"{name}= is not a variable of capdoit, but a setting of deploy.yml; nothing was done")
    if suggestion := _suggestion(name.lower(), [*VARIABLES, *recipes]):
        raise ConfigError(f"{name}= is not a variable of capdoit{suggestion}")
    return value


def is_meant_as_variable(name: str) -> bool:
    """Return True if NAME=VALUE is a variable of capdoit, or probably a misspelled one."""
    return name in VARIABLES or name in CAPISTRANO_NAMES or bool(_suggestion(name.lower(), [*VARIABLES]))


def _suggestion(name: str, known: Sequence[str]) -> str:
    """Suggest the known variable that was probably meant; projects have variables such as tag= and image=."""
    if name in OTHER_TOOLS_NAMES:
        return f"; did you mean {OTHER_TOOLS_NAMES[name]}?"
    anagrams = [one for one in known if one[0] == name[:1] and sorted(one) == sorted(name)]
    return suggest_name(name, known, 0.8) or suggest_name(name, anagrams, 0)


# -- selecting hosts


def select_release_hosts(stage: Stage, variables: Variables) -> Stage:
    """Return the stage with the hosts that ``hosts=`` and ``roles=`` select; at least one of them gets code.

    Raises:
        ConfigError: a host or role is unknown, no host is selected, or none of them gets code.
    """
    stage = select_hosts(stage, variables)
    if all(host.no_release for host in stage.hosts):
        names = [host.name for host in stage.hosts]
        raise ConfigError(f"none of these hosts gets code (no_release): {join_names(names)}")
    return stage


def select_hosts(stage: Stage, variables: Variables) -> Stage:
    """Return the stage with the hosts that ``hosts=`` and ``roles=`` select.

    Raises:
        ConfigError: a host or role is unknown, or no host is selected.
    """
    typed = [find_host_name(text, stage.hosts) for text in variables.hosts or ()]
    _check_known("host", typed, [host.name for host in stage.hosts], stage)
    _check_known("role", variables.roles or (), stage.roles, stage)
    hosts = tuple(
        host
        for host in stage.hosts
        if (variables.hosts is None or host.name in typed)
        and (variables.roles is None or {*variables.roles} & {*host.roles})
    )
    if not hosts:
        wanted = f"hosts={join_names(variables.hosts or ())} roles={join_names(variables.roles or ())}"
        raise ConfigError(f"no host of {stage.name} has both: {wanted}")
    return stage.only(hosts)


def find_host_name(typed: str, hosts: Sequence[HostConfig]) -> str:
    """Return the name of the only host with an address such as ``deploy@web1:2222``; else the text as typed."""
    user, name, port = split_address(typed) or ("", typed, "")
    found = [
        host.name
        for host in hosts
        if name in (host.name, host.hostname) and user in ("", host.user) and port in ("", str(host.port))
    ]
    return found[0] if len(found) == 1 else typed


def _check_known(kind: str, names: Iterable[str], known: set[str] | list[str], stage: Stage) -> None:
    for name in names:
        if name not in known:
            there_are = f"there are {join_names(sorted(known)) or 'none'}{suggest_name(name, known)}"
            raise ConfigError(f"no {kind} {name} in stage {stage.name}; {there_are}")
