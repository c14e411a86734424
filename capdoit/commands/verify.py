"""`doit cap verify`: the changes in a release since it was shipped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from capdoit.commands.command_request import CommandRequest
from capdoit.commands.exit_statuses import INCOMPLETE, NO_HOST_ANSWERED, choose_exit_status
from capdoit.commands.inspection import Inspection
from capdoit.commands.subcommand import JSON, SELECTION, Subcommand
from capdoit.commands.unreached_hosts import print_unreached_hosts
from capdoit.config.stages import Stage
from capdoit.decisions.live_release import choose_release_to_verify
from capdoit.errors import ConfigError, Outcome, answers
from capdoit.hosts.connection import Connection
from capdoit.operations.integrity import list_release
from capdoit.output.console import Console, Tone
from capdoit.records import manifest
from capdoit.records.facts import Facts
from capdoit.records.manifest import Change, Comparison, format_changes
from capdoit.text import join_names, join_values

MOST_SHOWN = 20  # changes of one host
SHIPPED_DIFFERENTLY = (
    "Remark: files differ between the hosts as they were shipped, as hooks and build tools can make them:"
)
COMPARED = {"full": "contents included", "quick": "by size, mode and symlink target, without contents"}


@dataclass(frozen=True)
class Verification:
    """A release, compared with its manifest on every host.

    Attributes:
        releases: name of the release by host: hosts may have the live revision in releases of different names.
            Empty if no host answered.
        outcomes: one for each host: a `Comparison`, or the state of the release where its directory is not there.
        differences: what was shipped differently to the hosts.
    """

    releases: Mapping[str, str]
    outcomes: Sequence[Outcome[Comparison | str]]
    differences: Sequence[Change] = ()

    @property
    def release(self) -> str:
        """The newest name of the release; empty if no host answered."""
        return max(self.releases.values(), default="")

    @property
    def is_well(self) -> bool:
        """True if every host has the release as it was shipped there; hooks may ship files that differ."""
        found = [outcome.answer for outcome in self.outcomes]
        return all(isinstance(one, Comparison) and one.is_as_shipped for one in found)


def verify_release(request: CommandRequest) -> int:
    """Print the changes in a release on each host since it was shipped, and what differs between hosts."""
    request, wanted = _take_release(request)
    stage, depth = request.select_stage(), request.variables.verify or "full"
    found = compare_on_all_hosts(stage, request, wanted)
    if request.has(JSON):
        request.print_json({"stage": stage.name, "verify": depth, **_json(found)})
    else:
        _print(request.console, found, depth)
    if found.release and not any(found.outcomes):  # hosts answered the survey, but none could compare
        return INCOMPLETE
    return choose_exit_status(found.outcomes, found.is_well)


def _take_release(request: CommandRequest) -> tuple[CommandRequest, str | None]:
    """Return the release among the positional words, and the request without it."""
    releases = [word for word in request.words if word.isdecimal()]
    if len(releases) > 1:
        raise ConfigError(f"expected at most one release, found {join_names(releases)}")
    others = [word for word in request.words if word not in releases]
    return request.with_words(*others), releases[0] if releases else None


def compare_on_all_hosts(stage: Stage, request: CommandRequest, wanted: str | None) -> Verification:
    """Compare a release on each selected host with its manifest, and the hosts with one another.

    Args:
        stage: with all its hosts.
        request: contents are read unless it holds ``verify=quick``.
        wanted: the release; None for the live one.

    Raises:
        NoTarget: no host has that release, or nothing is live.
        FleetDisagrees: ``wanted`` is None, and the hosts have neither one release nor one revision live.
        HostsFailed: a host could not list what was shipped to it.
        ConfigError: no host that gets releases is selected.
    """
    depth = request.variables.verify or "full"
    with Inspection(stage, request) as inspection:
        surveyed = inspection.ask_each(inspection.survey)
        unreached: list[Outcome[Comparison | str]] = [Outcome(o.host, error=o.error) for o in surveyed if o.error]
        facts = {one.host: one for one in answers(surveyed)}
        if not facts:
            return Verification({}, unreached)
        releases = choose_release_to_verify(list(facts.values()), wanted)
        outcomes = _compare(inspection, facts, releases)

        def list_manifest(host: Connection, *, only_checksum: bool) -> str:
            return list_release(host, releases[host.name], depth, only_checksum)

        compared = {outcome.host for outcome in outcomes if isinstance(outcome.answer, Comparison)}
        hosts = [host for host in inspection.connections if host.name in compared]
        return Verification(releases, [*outcomes, *unreached], _compare_hosts(inspection, hosts, list_manifest))


def _compare(
    inspection: Inspection, facts: Mapping[str, Facts], releases: Mapping[str, str]
) -> list[Outcome[Comparison | str]]:
    def compare_or_name_state(host: Connection) -> Comparison | str:
        release = releases[host.name]
        if release in facts[host.name].releases or not facts[host.name].can_read(release):  # then the error says so
            return inspection.compare_with_manifest(host, release)
        return facts[host.name].state_of(release)

    return inspection.ask_each(compare_or_name_state, [host for host in inspection.connections if host.name in facts])


def _compare_hosts(
    inspection: Inspection, hosts: Sequence[Connection], list_manifest: Callable[..., str]
) -> list[Change]:
    """Return what was shipped differently to hosts. They send their manifests only if the digests differ."""
    if len(hosts) < 2 or len(set(inspection.ask_all(partial(list_manifest, only_checksum=True), hosts).values())) == 1:
        return []
    texts = inspection.ask_all(partial(list_manifest, only_checksum=False), hosts)
    return manifest.compare_listings(
        {host: manifest.parse_listing(text.removesuffix("\n").split("\n")) for host, text in texts.items()}
    )


# -- for people


def _print(console: Console, found: Verification, depth: str) -> None:
    if not found.release:
        print_unreached_hosts(console, found.outcomes)
        return
    console.write(f"Release {join_values(found.releases)}, compared with what was shipped, {COMPARED[depth]}:")
    for outcome in found.outcomes:
        console.write("\n".join(_describe_host(outcome)), Tone.BAD if outcome.error else None)
    if found.differences:
        console.write("\n".join([SHIPPED_DIFFERENTLY, *_list_changes(found.differences, "  ")]))


def _describe_host(outcome: Outcome[Comparison | str]) -> list[str]:
    compared = outcome.answer
    if outcome.error:
        return [f"  {line}" for line in str(outcome.error).splitlines()]
    if not isinstance(compared, Comparison):
        return [f"  {outcome.host}: does not have it ({compared})"]
    if not compared.has_manifest:
        return [f"  {outcome.host}: has no manifest of it, so what was shipped is not known"]
    return [f"  {outcome.host}: {compared.count_changes() or 'as shipped'}", *_list_changes(compared.changes, "    ")]


def _list_changes(changes: Sequence[Change], indent: str) -> Iterable[str]:
    return (indent + line for line in format_changes(changes, MOST_SHOWN))


# -- for programs


def _json(found: Verification) -> dict[str, Any]:
    return {
        "release": found.release or None,
        "releases": found.releases,
        "well": bool(found.release) and found.is_well,
        "hosts": [_host_json(outcome) for outcome in found.outcomes],
        "differences": [_change_json(change) for change in found.differences],
    }


def _host_json(outcome: Outcome[Comparison | str]) -> dict[str, Any]:
    compared, error = outcome.answer, str(outcome.error) if outcome.error else None
    host = {"host": outcome.host, "state": None, "manifest": None, "changes": None, "more": None, "error": error}
    if not isinstance(compared, Comparison):
        return {**host, "state": compared}
    changes = [_change_json(change) for change in compared.changes]
    return {**host, "manifest": compared.has_manifest, "changes": changes, "more": compared.is_cut}


def _change_json(change: Change) -> dict[str, Any]:
    return {"what": change.kind, "path": change.path, "how": list(change.details)}


COMMAND = Subcommand(
    name="verify",
    help="show what changed in a release since it was shipped",
    description=("RELEASE is the live release unless you name one. The command also compares the hosts."),
    run=verify_release,
    words=("[STAGE]", "[RELEASE]"),
    options=(JSON,),
    variables=(*SELECTION, "verify"),
    exit_statuses=(
        NO_HOST_ANSWERED,
        (INCOMPLETE, "some hosts did not answer, or the release is not as it was shipped, or that is not known"),
    ),
)
