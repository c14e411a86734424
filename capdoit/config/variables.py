"""The variables of the command line: ``doit rollback rollback_release=…``.

Capistrano's names in capitals are understood, too, there and in the environment.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any

from capdoit.config.stages import HostConfig, Stage
from capdoit.errors import ConfigError
from capdoit.text import listed, near

# What other tools call it. Taken for the project's own, it would not be heeded, and something else would happen.
MEANT = {
    **dict.fromkeys(("release", "to", "to_release", "rollback", "rollback_to"), "rollback_release"),
    **dict.fromkeys(("ref", "rev", "revision", "commit", "sha"), "branch"),
    **dict.fromkeys(("dry", "dryrun", "noop"), "dry_run"),
    **dict.fromkeys(("host", "only", "limit"), "hosts"),
    "msg": "message",
    "role": "roles",
}
CAPISTRANO = {"ROLLBACK_RELEASE": "rollback_release", "HOSTS": "hosts", "ROLES": "roles", "BRANCH": "branch"}


@dataclass(frozen=True)
class Variables:
    """What was said for this run; None is nothing.

    Attributes:
        stage: which stage the short names are for.
        branch: a branch, tag or commit.
        rollback_release: the release to go back to.
        hosts: only these, by name.
        roles: only hosts with one of these.
        message: why, for the lock and the journal.
        wait: seconds to wait for another flow's lock.
        skip: hooks that are not to run, by the names of their tasks.
        migrations: ``keep`` or ``back``: what a rollback does about what its release does not know.
        dry_run: whether to say what would be done instead of doing it.
        plan: the file to save that in.
        apply: the file with the plan that is to be carried out.
        verify: ``quick`` or ``full``: how a release is compared with its manifest.
        force: whether a rollback may go to a release that is not as it was shipped.
        others: the recipes' variables and the project's own.
        said: the names that stood on the command line.
    """

    stage: str | None = None
    branch: str | None = None
    rollback_release: str | None = None
    hosts: tuple[str, ...] | None = None
    roles: tuple[str, ...] | None = None
    message: str | None = None
    wait: int = 0
    skip: tuple[str, ...] = ()
    migrations: str | None = None
    dry_run: bool = False
    plan: str | None = None
    apply: str | None = None
    verify: str | None = None
    force: bool = False
    others: Mapping[str, str] = field(default_factory=dict)
    said: frozenset[str] = frozenset()

    @property
    def words(self) -> str:
        """What was said of what to do and where, as one would type it again; each word with a space before it."""
        values = {name: getattr(self, name) for name in AGAIN} | dict(self.others)
        if self.apply:  # the plan says all
            values = {"apply": self.apply}
        said = {name: value for name, value in values.items() if value}
        texts = {name: "yes" if v is True else ",".join(v) if isinstance(v, tuple) else v for name, v in said.items()}
        return "".join(f" {shlex.quote(f'{name}={text}')}" for name, text in texts.items())

    def refuse_meaningless(self, task: str, stage: str) -> None:
        """Refuse what was said and would not be heeded.

        Args:
            task: ``deploy``, ``rollback``, ``check`` or ``drill``.
            stage: whose task it is.

        Raises:
            ConfigError: names the variable.
        """
        for name in sorted(self.said.intersection(MEANINGLESS[task])):
            raise ConfigError(f"{name}= means nothing to a {task}; nothing was done")
        if self.stage not in (None, stage):
            raise ConfigError(f"which stage, {stage} or stage={self.stage}? Nothing was done")


AGAIN = (
    *("branch", "rollback_release", "hosts", "roles", "skip", "migrations", "verify", "force", "message"),
    *("dry_run", "plan"),
)
MEANINGLESS = {
    "deploy": ("rollback_release", "migrations", "force"),
    "rollback": ("branch",),
    "check": ("rollback_release", "migrations", "force", "dry_run", "plan", "apply"),
    "drill": ("branch", "dry_run", "plan", "apply"),
}
NAMES = tuple(f.name for f in fields(Variables) if f.name not in ("said", "others"))


def read(
    command_line: Mapping[str, str],
    environment: Mapping[str, str],
    recipes: Mapping[str, Sequence[str]] | None = None,
) -> Variables:
    """The variables of a run.

    Args:
        command_line: what stood there as NAME=VALUE; other names are the project's own.
        environment: the controller's.
        recipes: the variables of recipes, with the values that each can have.

    Raises:
        ConfigError: a name is nearly one that is known, one is said twice, or a value is empty or not possible.
    """
    values: dict[str, str] = {}
    others: dict[str, str] = {}
    for name, value in command_line.items():
        ours = CAPISTRANO.get(name, name)
        if ours not in NAMES:
            others[name] = _other(name, value, recipes or {})
            continue
        if values.get(ours, value) != value:
            raise ConfigError(f"{ours} is said twice: {values[ours]} and {value}")
        values[ours] = value
    said = frozenset(values)
    values = {ours: environment[name] for name, ours in CAPISTRANO.items() if environment.get(name)} | values
    found: dict[str, Any] = {name: READERS.get(name, _text)(name, value) for name, value in values.items()}
    if "plan" in found:
        found["dry_run"] = True
    return Variables(**found, others=others, said=said)


def on_command_line(kept: Mapping[str, str] | None, typed: Sequence[str]) -> dict[str, str]:
    """The variables that doit kept of a command line; of one that is said twice it keeps the last.

    Args:
        kept: by doit.
        typed: the words that were typed.

    Raises:
        ConfigError: one is said twice, and not the same.
    """
    for name, value in (kept or {}).items():
        values = [word.partition("=")[2] for word in typed if word.startswith(f"{name}=")]
        if set(values) - {value}:
            raise ConfigError(f"{name}= is said twice: {listed(values)}; several names have commas between them")
    return dict(kept or {})


def select(stage: Stage, variables: Variables) -> Stage:
    """The stage with the hosts that ``hosts=`` and ``roles=`` leave, for what is done with releases.

    Raises:
        ConfigError: a host or role is unknown, none is left, or none that gets code.
    """
    stage = chosen_hosts(stage, variables)
    if all(host.no_release for host in stage.hosts):
        names = [host.name for host in stage.hosts]
        raise ConfigError(f"none of these hosts gets code (no_release): {listed(names)}")
    return stage


def chosen_hosts(stage: Stage, variables: Variables) -> Stage:
    """The stage with the hosts that ``hosts=`` and ``roles=`` leave.

    Raises:
        ConfigError: a host or role is unknown, or none is left.
    """
    names = [host.name for host in stage.hosts]
    _all_known("host", variables.hosts or (), names, stage)
    _all_known("role", variables.roles or (), stage.roles, stage)
    hosts = tuple(host for host in stage.hosts if _is_selected(host, variables))
    if not hosts:
        wanted = f"hosts={listed(variables.hosts or ())} roles={listed(variables.roles or ())}"
        raise ConfigError(f"no host of {stage.name} has both: {wanted}")
    return stage.only(hosts)


def _is_selected(host: HostConfig, variables: Variables) -> bool:
    named = variables.hosts is None or host.name in variables.hosts
    return named and (variables.roles is None or bool(set(variables.roles) & set(host.roles)))


def _all_known(what: str, said: tuple[str, ...], known: set[str] | list[str], stage: Stage) -> None:
    for name in said:
        if name not in known:
            there_are = f"there are {listed(sorted(known)) or 'none'}{near(name, known)}"
            raise ConfigError(f"no {what} {name} in stage {stage.name}; {there_are}")


def _other(name: str, value: str, recipes: Mapping[str, Sequence[str]]) -> str:
    """The value of a variable that is not ours."""
    if name in recipes:
        return _choice(name, value, recipes[name])
    if suggestion := _suggestion(name.lower(), [*NAMES, *recipes]):
        raise ConfigError(f"{name}= is no variable of capdoit{suggestion}")
    return value


def _suggestion(name: str, known: Sequence[str]) -> str:
    """What was meant by a name that is nearer to a known one than elsewhere: projects have tag= and image=."""
    if name in MEANT:
        return f"; did you mean {MEANT[name]}?"
    anagrams = [one for one in known if one[0] == name[:1] and sorted(one) == sorted(name)]
    return near(name, known, 0.8) or near(name, anagrams, 0)


def _text(name: str, value: str) -> str:
    if not value:
        raise ConfigError(f"{name}= is empty")
    return value


def _choice(name: str, value: str, values: Sequence[str]) -> str:
    if _text(name, value) not in values:
        raise ConfigError(f"{name}={value}: expected {' or '.join(values)}{near(value, values)}")
    return value


def _yes(name: str, value: str) -> bool:
    return _choice(name, value, ("yes", "no")) == "yes"


def _names(name: str, value: str) -> tuple[str, ...]:
    names = tuple(word.strip() for word in _text(name, value).split(","))
    if not all(names):
        raise ConfigError(f"{name}={value}: expected names with commas between them")
    return names


def _seconds(name: str, value: str) -> int:
    if not _text(name, value).isdecimal() or len(value) > 6:
        raise ConfigError(f"{name}={value}: expected a number of seconds")
    return int(value)


# By names of variables; all others are texts.
READERS: Mapping[str, Callable[[str, str], Any]] = {
    **dict.fromkeys(("hosts", "roles", "skip"), _names),
    "wait": _seconds,
    "migrations": partial(_choice, values=("keep", "back")),
    "verify": partial(_choice, values=("quick", "full")),
    **dict.fromkeys(("dry_run", "force"), _yes),
}
