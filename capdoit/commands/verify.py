"""`doit cap verify`: what was changed by hand in a release since it was shipped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from capdoit.commands.request import DISAGREED, Asked, exit_status, say_unreached
from capdoit.config.stages import Stage
from capdoit.config.variables import Variables
from capdoit.decisions.live_release import choose_release_to_verify
from capdoit.errors import ConfigError, Outcome, answers
from capdoit.hosts.connection import Connection
from capdoit.hosts.request import Request
from capdoit.operations.integrity import compare
from capdoit.operations.survey import ask_facts
from capdoit.output.console import Console, Tone
from capdoit.records import manifest
from capdoit.records.manifest import Change, Comparison, shown
from capdoit.state.run import Run, begin
from capdoit.text import listed

MOST_SHOWN = 20  # of a host's changes
HOW = {"full": "contents and all", "quick": "by sizes, modes and links alone"}


@dataclass(frozen=True)
class Verified:
    """A release, looked at on every host.

    Attributes:
        release: the one that was asked about; empty when no host answered.
        outcomes: for each host, with its `Comparison`, or what it has instead of the release.
        differences: what the hosts were not shipped alike.
    """

    release: str
    outcomes: Sequence[Outcome[Any]]
    differences: Sequence[Change] = ()

    @property
    def is_well(self) -> bool:
        """Whether each host has it as it was shipped, and all have the same."""
        found = [outcome.answer for outcome in self.outcomes]
        return not self.differences and all(isinstance(one, Comparison) and one.is_as_shipped for one in found)


def verify(asked: Asked) -> int:
    """What is not as it was shipped, for each host, and what the hosts do not have alike."""
    asked, wanted = _release(asked)
    stage, how = asked.stage(), asked.variables.verify or "full"
    found = compare_all(stage, asked.variables, asked.console, wanted)
    if asked.json:
        asked.say_json({"stage": stage.name, "verify": how, **_json(found)})
    else:
        _say(asked.console, found, how)
    if found.release and not any(found.outcomes):  # hosts were reached, but none of them could compare
        return DISAGREED
    return exit_status(found.outcomes, found.is_well)


def _release(asked: Asked) -> tuple[Asked, str | None]:
    """The release among the words, and what else was asked."""
    releases = [word for word in asked.words if word.isdecimal()]
    if len(releases) > 1:
        raise ConfigError(f"expected at most one release, found {listed(releases)}")
    others = [word for word in asked.words if word not in releases]
    return replace(asked, words=others), releases[0] if releases else None


def compare_all(stage: Stage, variables: Variables, console: Console, wanted: str | None) -> Verified:
    """Compare a release on every selected host with its manifest, and the hosts with each other; changes nothing.

    Args:
        stage: with all its hosts.
        variables: what the command line says; contents are read unless ``verify=quick`` was said.
        console: where its words go.
        wanted: the release; the live one when not given.

    Raises:
        NoTarget, FleetDisagrees: there is no such release, or not one that is live.
        HostsFailed: a host could not tell what it was shipped, to compare it with the others.
        ConfigError: the selection of hosts makes no sense.
    """
    run = begin("", stage, replace(variables, verify=variables.verify or "full"), console)
    with closing(run.fleet):
        surveyed = run.fleet.each(partial(ask_facts, run), stop_on_failure=False)
        run.facts = {one.host: one for one in answers(surveyed)}
        if not run.facts:
            return Verified("", surveyed)
        run.release = choose_release_to_verify(list(run.facts.values()), wanted)
        hosts = [host for host in run.fleet.release_connections if host.name in run.facts]
        compared = run.fleet.each(partial(_compare, run), hosts, stop_on_failure=False)
        differences = _between(run, [host for host, o in zip(hosts, compared, strict=True) if o])
    return Verified(run.release, [*compared, *(o for o in surveyed if not o)], differences)


def _compare(run: Run, host: Connection) -> Comparison | str:
    """What was found, or what there is instead of the release."""
    state = run.facts[host.name].state(run.release)
    return compare(run, host) if run.release in run.facts[host.name].releases else state


def _between(run: Run, hosts: Sequence[Connection]) -> list[Change]:
    """What hosts were shipped differently; everything is sent only if their digests say so."""
    hosts = [host for host in hosts if run.release in run.facts[host.name].releases]
    if len(hosts) < 2 or len(set(run.fleet.all(partial(_list, run, True), hosts).values())) == 1:
        return []
    lists = run.fleet.all(partial(_list, run, False), hosts)
    return manifest.between(
        {h: manifest.parse_listing(str(text).removesuffix("\n").split("\n")) for h, text in lists.items()}
    )


def _list(run: Run, digest: bool, host: Connection) -> str:
    script = run.script(
        host, "verify", "operations/integrity_list", verify=run.variables.verify or "quick", only_checksum=digest
    )
    return host.checked(Request(script, capture=True)).text


# -- how it is shown


def _say(console: Console, found: Verified, how: str) -> None:
    if not found.release:
        say_unreached(console, found.outcomes)
        return
    console.say(f"Release {found.release}, compared with what was shipped, {HOW[how]}:")
    for outcome in found.outcomes:
        console.say("\n".join(_host(outcome)), Tone.BAD if outcome.error else None)
    if found.differences:
        console.say("\n".join(["The hosts do not have it alike:", *_lines(found.differences, "  ")]))


def _host(outcome: Outcome[Any]) -> list[str]:
    compared = outcome.answer
    if outcome.error:
        return [f"  {line}" for line in str(outcome.error).splitlines()]
    if not isinstance(compared, Comparison):
        return [f"  {outcome.host}: does not have it ({compared})"]
    if not compared.has_manifest:
        return [f"  {outcome.host}: has no manifest of it, so nobody knows what was shipped"]
    return [f"  {outcome.host}: {compared.summary() or 'as shipped'}", *_lines(compared.changes, "    ")]


def _lines(changes: Sequence[Change], indent: str) -> Iterable[str]:
    return (indent + line for line in shown(changes, MOST_SHOWN))


def _json(found: Verified) -> dict[str, Any]:
    return {
        "release": found.release or None,
        "well": bool(found.release) and found.is_well,
        "hosts": [_host_json(outcome) for outcome in found.outcomes],
        "differences": [_change_json(change) for change in found.differences],
    }


def _host_json(outcome: Outcome[Any]) -> dict[str, Any]:
    compared = outcome.answer
    if not isinstance(compared, Comparison):
        return {"host": outcome.host, "state": compared, "error": str(outcome.error) if outcome.error else None}
    return {
        "host": outcome.host,
        "manifest": compared.has_manifest,
        "changes": [_change_json(change) for change in compared.changes],
        "more": compared.cut,
        "error": None,
    }


def _change_json(change: Change) -> dict[str, Any]:
    return {"what": change.what, "path": change.path, "how": list(change.how)}
