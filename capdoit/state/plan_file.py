"""A dry run: what a flow would do, step by step and host by host, instead of doing it."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from capdoit.config.stages import Stage
from capdoit.config.variables import Variables
from capdoit.errors import ConfigError
from capdoit.hooks.hook import Declarations
from capdoit.records.facts import Facts
from capdoit.script import Script
from capdoit.sequence import FlowTask
from capdoit.text import listed

VERSION = 6
SAID_AS_TEXT = ("branch", "rollback_release", "message", "migrations", "verify")
SAID_AS_TEXTS = ("hosts", "roles", "skip")
KEPT = (*SAID_AS_TEXT, *SAID_AS_TEXTS, "force", "custom")


@dataclass(frozen=True)
class Planned:
    """A script that a step would run.

    Attributes:
        step: the step.
        host: the host.
        name: what the script does.
        given: the assignments that it begins with; no secret is in them.
        body: the rest.
    """

    step: str
    host: str
    name: str
    given: str
    body: str


@dataclass
class Plan:
    """What a flow would do, as far as it has come.

    Attributes:
        flow: ``deploy`` or ``rollback``.
        stage: the stage's name.
        acts: the steps and hooks, in order.
        said: the variables that it was made with.
        release, revision: the ones decided.
        unknown: what a rollback would take away before the flip, by recipe.
        facts: what each host had when it was made.
        settings: a digest of what deploy.yml said of the stage.
        code: of each hook, probe and guard a digest of the file that it stands in and of its options, by name.
        scripts: what would run, in order.
        step: the one that is being planned.
    """

    flow: str
    stage: str
    acts: Sequence[str] = ()
    said: Mapping[str, Any] = field(default_factory=dict)
    release: str = ""
    revision: str = ""
    unknown: Mapping[str, Sequence[str]] = field(default_factory=dict)
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    settings: str = ""
    code: Mapping[str, str] = field(default_factory=dict)
    scripts: list[Planned] = field(default_factory=list)
    step: str = ""

    def add(self, host: str, script: Script) -> None:
        """One more script, of the step that is being planned."""
        self.scripts.append(Planned(self.step, host, script.name, script.given, script.body))

    def save(self, file: Path) -> None:
        """Write it, for ``apply=``.

        Raises:
            ConfigError: the file cannot be written.
        """
        try:
            file.write_text(json.dumps({"version": VERSION, **asdict(self)}, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"plan={file}: {error.strerror}") from None

    def variables(self, now: Variables) -> Variables:
        """What was said when it was made, with what is said now of waiting."""
        said: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in self.said.items()
        }
        return replace(Variables(**said), apply=now.apply, wait=now.wait, stage=now.stage)


def kept(variables: Variables) -> dict[str, Any]:
    """What a plan remembers of the variables."""
    return {name: getattr(variables, name) for name in KEPT}


def differing(before: Iterable[str], now: Iterable[str]) -> Iterator[str]:
    """What changed in a list of names, a line each: ``+`` came, ``-`` went; moved names are both."""
    from difflib import ndiff

    return (line for line in ndiff([*before], [*now]) if line.startswith(("+ ", "- ")))


def refuse_to_overwrite(file: Path) -> None:
    """Refuse a file that is there and holds no plan, and one that cannot be made.

    Raises:
        ConfigError: it does.
    """
    if file.exists():
        try:
            load(file)
        except ConfigError:
            raise ConfigError(f"plan={file}: is there and is no plan; nothing was done") from None
    elif not file.parent.is_dir():
        raise ConfigError(f"plan={file}: there is no directory {file.parent}; nothing was done")


def load(file: Path) -> Plan:
    """The plan that a dry run saved.

    Raises:
        ConfigError: the file cannot be read or holds no plan.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        if found.pop("version") != VERSION:
            raise ConfigError(f"apply={file}: was made by another version of capdoit; make it anew with plan={file}")
        plan = Plan(**{**found, "scripts": [Planned(**one) for one in found["scripts"]]})
    except OSError as error:
        raise ConfigError(f"apply={file}: {error.strerror}; plan={file} makes one") from None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        plan = Plan("", "")
    if not _is_whole(plan):
        raise ConfigError(f"apply={file}: is no plan, as plan=FILE makes one")
    return plan


def _is_whole(plan: Plan) -> bool:
    """Whether a plan that was read has all that its writer put there, and nothing of another kind."""
    texts = (plan.flow, plan.stage, plan.release, plan.revision, plan.settings)
    said, facts = plan.said, plan.facts
    return (
        all(isinstance(text, str) and text.isprintable() for text in texts)
        and _are_texts(plan.acts)
        and isinstance(said, dict)
        and {*said} == {*KEPT}
        and all(said[name] is None or isinstance(said[name], str) for name in SAID_AS_TEXT)
        and all(said[name] is None or _are_texts(said[name]) for name in SAID_AS_TEXTS)
        and isinstance(said["force"], bool)
        and isinstance(said["custom"], dict)
        and _are_texts([*said["custom"], *said["custom"].values()])
        and isinstance(plan.code, dict)
        and _are_texts([*plan.code, *plan.code.values()])
        and isinstance(plan.unknown, dict)
        and all(map(_are_texts, plan.unknown.values()))
        and isinstance(facts, dict)
        and bool(facts)
        and all(isinstance(one, dict) and {*one} == {*fingerprint(Facts(""))} for one in facts.values())
    )


def _are_texts(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def fingerprint(facts: Facts) -> dict[str, Any]:
    """What has to be the same of a host when a plan is carried out."""
    return {
        "current": facts.link,
        "releases": dict(facts.releases),
        "archives": sorted(facts.archives),
        "good releases": list(facts.lineage.stack),
        "bad releases": sorted(facts.lineage.bad),
    }


def settings_of(stage: Stage) -> str:
    """A digest of what deploy.yml and the file of its ssh_config say of a stage; of secrets it has the names alone."""
    hosts = tuple(replace(host, ssh_config=_text_of(host.ssh_config)) for host in stage.hosts)
    env = [sorted(host.env.items()) for host in hosts]  # it is in no repr of a host
    return _digest(f"{replace(stage, hosts=hosts, recipes=())!r}{env!r}")


def code_of(acts: Iterable[FlowTask], declared: Declarations) -> dict[str, str]:
    """A digest of the file and the options of each hook, probe and guard, by name."""
    hooks = {act.name: act.hook for act in acts if act.hook} | {hook.name: hook for hook in declared.failed}
    watching = (hook for watch in declared.rollback_checks for hook in (watch.probe, watch.guard) if hook)
    hooks |= {hook.name: hook for hook in watching}
    return {name: _digest(_source(hook.function) + repr(hook.options)) for name, hook in hooks.items()}


def _source(function: Callable[..., object]) -> str:
    """The text of the files that a function is made of; empty for one that stands in none, such as a built-in."""
    with contextlib.suppress(TypeError):
        return "".join(map(_text_of, _files(Path(inspect.getfile(function)).absolute())))
    return ""


def _files(file: Path) -> list[str]:
    """A file, what bears its name beside it, what is private there, and the modules of the project that it may use."""
    folder = file.parent
    named = [*folder.glob(f"{file.stem}.*"), *folder.glob("_*")]
    loaded = (Path(getattr(module, "__file__", None) or "") for module in [*sys.modules.values()])
    used = [one for one in loaded if one.is_relative_to(folder) and "site-packages" not in one.parts]
    return sorted({str(one) for one in [file, *named, *used] if one.is_file()})


def _text_of(file: str | None) -> str:
    """What a file says, wherever the project lies; empty for none, and for one that cannot be read."""
    with contextlib.suppress(OSError):
        return Path(file).read_text(encoding="utf-8", errors="surrogateescape") if file else ""
    return ""


def outdated(plan: Plan, stage: Stage, code: Mapping[str, str], names: Sequence[str]) -> list[str]:
    """What has changed in the project since a plan was made, a line each.

    Args:
        plan: the plan.
        stage: what deploy.yml says now.
        code: what `code_of` says of the flow as it is now.
        names: those of its acts that would be done.
    """
    if list(plan.acts) != list(names):
        return ["the flow has changed since:", *differing(plan.acts, names)]
    said = [name for name in {**plan.code, **code} if name not in (plan.said["skip"] or ())]
    changed = [name for name in said if plan.code.get(name) != code.get(name)]
    lines = [f"the code or the options of {listed(changed)} have changed since"] if changed else []
    if plan.settings != settings_of(stage):
        lines.append(f"what deploy.yml says of {stage.name} has changed since")
    return lines


def undecided(plan: Plan, release: str, unknown: Mapping[str, Sequence[str]]) -> list[str]:
    """What a rollback would do otherwise than it was planned, a sentence each.

    Args:
        plan: the plan.
        release: where it would go now.
        unknown: what it would take away now, by recipe.
    """
    found = [f"it would go to {release}, not to {plan.release}"] if plan.release != release else []
    for recipe in sorted({*plan.unknown, *unknown}):
        was, now = [*plan.unknown.get(recipe, ())], [*unknown.get(recipe, ())]
        if was != now:
            found.append(
                f"recipe {recipe} would take away {listed(now) or 'nothing'}, and not {listed(was) or 'nothing'}"
            )
    return found


def changes(before: Mapping[str, Mapping[str, Any]], now: Iterable[Facts]) -> list[str]:
    """What has changed on the hosts since a plan was made, a sentence each."""
    found = {facts.host: fingerprint(facts) for facts in now}
    if {*found} != {*before}:
        return [f"the plan is for {listed(sorted(before))}, but this is for {listed(sorted(found))}"]
    return [
        f"{host}: {what} was {_shown(was)}, and is {_shown(found[host][what])}"
        for host, all_of_it in before.items()
        for what, was in all_of_it.items()
        if found[host][what] != was
    ]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _shown(value: object) -> str:
    return listed(map(str, value)) or "nothing" if isinstance(value, (list, dict)) else str(value) or "nothing"
