"""The plan file: a saved dry run that ``apply=`` carries out, and the differences since it was made."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from capdoit.config.variables import Variables
from capdoit.errors import ConfigError
from capdoit.records.facts import Facts
from capdoit.records.flows_since import describe_flows_since
from capdoit.text import join_names

VERSION = 8
TEXTS = ("branch", "rollback_release", "message", "migrations", "verify")
LISTS = ("hosts", "roles", "skip")
SAVED_VARIABLES = (*TEXTS, *LISTS, "force", "custom")


@dataclass(frozen=True)
class RecordedScript:
    """A script that a step would have run.

    Attributes:
        step: name of the step.
        host: name of the host.
        name: purpose of the script, for people.
        given: the assignments that it begins with; without secrets.
        body: the rest of it.
    """

    step: str
    host: str
    name: str
    given: str
    body: str


@dataclass(frozen=True)
class PlanFile:
    """A dry run as it is saved.

    Attributes:
        flow: ``deploy`` or ``rollback``.
        stage: name of the stage.
        tasks: names of the steps and hooks, in order.
        variables: the variables that it was made with.
        release: the release that was chosen.
        revision: its revision.
        reverts: names that a rollback would revert before the flip, by recipe.
        facts: fingerprint of each host.
        last_entries: the last entry in the journal of each host; see `records.flows_since`.
        digests: digests of the project, by kind and name; see `state.project_digests`.
        scripts: the scripts that would run, in order.
    """

    flow: str
    stage: str
    tasks: Sequence[str] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    release: str = ""
    revision: str = ""
    reverts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    last_entries: Mapping[str, str] = field(default_factory=dict)
    digests: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    scripts: Sequence[RecordedScript] = ()

    def restore_variables(self, typed: Variables) -> Variables:
        """Return the variables of the plan, with ``wait=``, ``stage=`` and ``report=`` as they are typed now."""
        saved: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in self.variables.items()
        }
        now = {name: getattr(typed, name) for name in ("apply", "wait", "stage", "report")}
        return replace(Variables(**saved), **now)


def saved_variables(variables: Variables) -> dict[str, Any]:
    """Return the variables that a plan file keeps, by name."""
    return {name: getattr(variables, name) for name in SAVED_VARIABLES}


# -- the file


def save_plan(plan: PlanFile, file: Path) -> None:
    """Write a plan file, which only its owner can read.

    Raises:
        ConfigError: the file cannot be written.
    """
    try:
        with open(file, "w", encoding="utf-8", opener=_open_private) as target:
            target.write(json.dumps({"version": VERSION, **asdict(plan)}, indent=2) + "\n")
    except OSError as error:
        raise ConfigError(f"plan={file}: {error.strerror}") from None


def _open_private(path: str, flags: int) -> int:
    """Open a file that only its owner can read, whatever the umask, and whoever could read it before."""
    descriptor = os.open(path, flags, 0o600)
    with contextlib.suppress(PermissionError):  # another user owns the file, and lets this user write to it
        os.fchmod(descriptor, 0o600)
    return descriptor


def load_plan(file: Path) -> PlanFile:
    """Read a plan file.

    Raises:
        ConfigError: the file cannot be read or is not a plan.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        if found.pop("version") != VERSION:
            raise ConfigError(f"apply={file}: was made by another version of capdoit; make it again with plan={file}")
        plan = PlanFile(**{**found, "scripts": [RecordedScript(**one) for one in found["scripts"]]})
    except OSError as error:
        raise ConfigError(f"apply={file}: {error.strerror}; plan={file} makes one") from None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        plan = PlanFile("", "")
    if not _is_complete(plan):
        raise ConfigError(f"apply={file}: is not a plan file, which plan=FILE makes")
    return plan


def refuse_to_overwrite(file: Path) -> None:
    """Refuse to write a plan over a file that is not a plan, or into a directory that does not exist.

    Raises:
        ConfigError: the plan must not or cannot be written there.
    """
    if file.exists():
        try:
            load_plan(file)
        except ConfigError:
            raise ConfigError(f"plan={file}: exists and is not a plan file; nothing was done") from None
    elif not file.parent.is_dir():
        raise ConfigError(f"plan={file}: there is no directory {file.parent}; nothing was done")


def _is_complete(plan: PlanFile) -> bool:
    """Return True if a plan that was read has every field, each of the right type."""
    texts = (plan.flow, plan.stage, plan.release, plan.revision)
    return (
        all(isinstance(text, str) and text.isprintable() for text in texts)
        and _are_texts(plan.tasks)
        and _are_variables(plan.variables)
        and _is_mapping_of(
            plan.digests, lambda digests: _is_mapping_of(digests, lambda digest: isinstance(digest, str))
        )
        and _is_mapping_of(plan.reverts, _are_texts)
        and bool(plan.facts)
        and _is_mapping_of(plan.facts, _is_fingerprint)
        and _is_mapping_of(plan.last_entries, lambda entry: isinstance(entry, str))
        and {*plan.last_entries} == {*plan.facts}
    )


def _are_variables(saved: object) -> bool:
    return (
        isinstance(saved, dict)
        and {*saved} == {*SAVED_VARIABLES}
        and all(saved[name] is None or isinstance(saved[name], str) for name in TEXTS)
        and all(saved[name] is None or _are_texts(saved[name]) for name in LISTS)
        and isinstance(saved["force"], bool)
        and _is_mapping_of(saved["custom"], lambda value: isinstance(value, str))
    )


def _is_fingerprint(value: object) -> bool:
    return isinstance(value, dict) and {*value} == {*fingerprint(Facts(""))}


def _are_texts(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _is_mapping_of(values: object, is_valid: Callable[[object], bool]) -> bool:
    return isinstance(values, dict) and all(isinstance(key, str) and is_valid(value) for key, value in values.items())


def fingerprint(facts: Facts) -> dict[str, Any]:
    """Return what must not change on a host between the plan and its application."""
    return {
        "current": facts.link,
        "releases": dict(facts.releases),
        "archives": sorted(facts.archives),
        "good releases": list(facts.lineage.stack),
        "bad releases": sorted(facts.lineage.bad),
    }


# -- differences


def find_changed_decisions(plan: PlanFile, release: str, reverts: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the differences between the planned rollback and a rollback now, a sentence each.

    Args:
        plan: the plan.
        release: the rollback target now.
        reverts: names that would be reverted now, by recipe.
    """
    found = [f"it would go to {release}, not to {plan.release}"] if plan.release != release else []
    for recipe in sorted({*plan.reverts, *reverts}):
        before, now = [*plan.reverts.get(recipe, ())], [*reverts.get(recipe, ())]
        if before != now:
            found.append(
                f"recipe {recipe} would revert {join_names(now) or 'nothing'}, not {join_names(before) or 'nothing'}"
            )
    return found


def find_changed_hosts(plan: PlanFile, facts: Sequence[Facts], now: datetime) -> list[str]:
    """Return what happened on the hosts since a plan was made, if that matters to the plan, a sentence each.

    These are the flows that the hosts have recorded. Without such a flow, the changes were made by hand, and are named.

    Args:
        plan: the plan.
        facts: facts of every selected host now.
        now: the time, with its time zone.
    """
    found = {one.host: fingerprint(one) for one in facts}
    if {*found} != {*plan.facts}:
        return [f"the plan is for {join_names(sorted(plan.facts))}, but this run is for {join_names(sorted(found))}"]
    changes = [
        f"{host}: {what} was {_shown(value)}, and is {_shown(found[host][what])}"
        for host, before in plan.facts.items()
        for what, value in before.items()
        if found[host][what] != value
    ]
    if not changes:
        return []
    flows = describe_flows_since(plan.last_entries, _known_releases(plan), facts, now)
    return flows or ["no host has a record of who changed this:", *changes]


def _known_releases(plan: PlanFile) -> set[str]:
    """Return the names of all releases that a plan knows."""
    return {name for one in plan.facts.values() for what, names in one.items() if what != "current" for name in names}


def _shown(value: object) -> str:
    return join_names(map(str, value)) or "nothing" if isinstance(value, (list, dict)) else str(value) or "nothing"
