"""The decisions for the whole fleet, made from the facts of its hosts and from nothing else."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from capdoit import layout
from capdoit.config.stages import Stage
from capdoit.errors import ConfigError, FleetDisagrees, NoTarget, NotReady
from capdoit.layout import Layout, is_release
from capdoit.records.facts import Facts
from capdoit.records.journal import DEPLOY, Entry, parse_log
from capdoit.text import listed, near, printable, table

MOST_SHOWN = 8
TARGETS = ("ready", "retired", "bad", "live")
WRITTEN = (".", ".capdoit", ".capdoit/lock", ".capdoit/journal")  # by both flows
WRITTEN_BY_DEPLOYS = (*WRITTEN, "releases", "shared", "repo")
WHY_NOT = {
    "building": "its deploy was cut short while it was made",
    "failed": "its deploy failed, or it has no REVISION",
    "live": "it is live there, but has no REVISION or is not there",
    "missing": "it is not there",
    "unknown": "neither the journal nor revisions.log says that it was ever finished",
}


@dataclass(frozen=True)
class Target:
    """Where a rollback goes.

    Attributes:
        release: on every host the same.
        revision: of a host that has the release; empty when all have to unpack it.
        archived: the hosts that have to unpack it first.
    """

    release: str
    revision: str
    archived: frozenset[str]


def release_name(now: datetime, facts: Sequence[Facts]) -> str:
    """The name of a new release: later than every one that any host holds or remembers.

    Args:
        now: the controller's time, which may be wrong.
        facts: of every host.

    Raises:
        ConfigError: a host holds a release after which there is no name.
    """
    name = layout.release_name(now)
    last, host = max(((seen, one.host) for one in facts for seen in _remembered(one)), default=("", ""))
    if name > last:
        return name
    try:
        return layout.next_name(last)
    except OverflowError:
        raise ConfigError(
            f"{host}: no release can have a name after {last}; remove that release there, its archive, "
            "and its lines in revisions.log and .capdoit/journal"
        ) from None


def planned_name(planned: object, now: str, facts: Sequence[Facts]) -> str:
    """The name that a plan has for its release: one that a deploy could have chosen since.

    Args:
        planned: the name, as the plan's file has it.
        now: what it would be called without a plan.
        facts: of every host.

    Raises:
        NotReady: it is no release's name, not later than all that are known, or later than now.
    """
    last = max((seen for one in facts for seen in _remembered(one)), default="")
    if not isinstance(planned, str) or not layout.is_release(planned) or not last < planned <= now:
        raise NotReady(f"the plan's release, {printable(str(planned))}, cannot be made now; make the plan anew")
    return planned


def problems(facts: Sequence[Facts], stage: Stage) -> list[str]:
    """Why a deploy to these hosts would fail, a sentence each; all of them, not the first."""
    layouts = _layouts(stage)
    found = (_deploy_problems(one, layouts[one.host], stage.linked_files) for one in facts)
    return [problem for problems_of_host in found for problem in problems_of_host]


def rollback_problems(facts: Sequence[Facts], stage: Stage) -> list[str]:
    """Why a rollback on these hosts would fail, a sentence each; linked files are none of its business."""
    layouts = _layouts(stage)
    return [problem for one in facts for problem in _rollback_problems(one, layouts[one.host])]


def no_longer_live(facts: Sequence[Facts], release: str) -> list[str]:
    """Why a release is not to be undone by itself, a sentence for each host; none while it is live on all."""
    others = [one for one in facts if one.current != release]
    return [
        f"{one.host}: {one.live or 'nothing'} is live, no longer {release}: another flow was at work" for one in others
    ]


def rollback_target(facts: Sequence[Facts], wanted: str | None, scope: str) -> Target:
    """The release that all hosts go back to.

    Args:
        facts: of every host.
        wanted: the release asked for; None for the one that was live before.
        scope: the stage, and what selects its hosts, as one types it behind ``rollback:``.

    Raises:
        NoTarget: there is no such release, or no host can go to it.
        FleetDisagrees: some hosts can go to it, others cannot, or to another of that name.
    """
    if wanted is None:
        release = _live_before_on_all(facts, scope)
    else:
        release = wanted
        _check_wanted(facts, release, scope)
    _check_revision(facts, release, scope)
    return Target(
        release=release,
        revision=next(iter(_revisions(facts, release).values()), ""),
        archived=frozenset(one.host for one in facts if release not in one.releases),
    )


def way_back(facts: Sequence[Facts], release: str, scope: str) -> str | None:
    """Where a rollback will go once a new release is live; None when it will be refused.

    Args:
        facts: of every host, from before.
        release: the new one, made by a deploy.
        scope: the stage, and what selects its hosts, as one types it behind ``rollback:``.
    """
    try:
        return rollback_target([_once_live(one, release) for one in facts], None, scope).release
    except (NoTarget, FleetDisagrees):
        return None


def live_release(facts: Sequence[Facts], scope: str) -> tuple[str, str]:
    """The release that is live on all hosts, and its revision.

    Args:
        facts: of every host.
        scope: the stage, and what selects its hosts, as one types it behind ``rollback:``.

    Raises:
        NoTarget: nothing is live.
        FleetDisagrees: not every host has the same release live.
    """
    live = {one.current for one in facts}
    if len(live) > 1:
        raise FleetDisagrees(_refusal(facts, scope, "the hosts do not have the same release live"))
    release = live.pop()
    if release is None:
        raise NoTarget("nothing was touched: nothing is live, and a hook by itself works on what is")
    return release, next(iter(_revisions(facts, release).values()), "")


def to_look_at(facts: Sequence[Facts], wanted: str | None, stage: str) -> str:
    """The release that was asked about; the live one when none was named.

    Args:
        facts: of every host that answered.
        wanted: the release asked about.
        stage: the stage's name.

    Raises:
        NoTarget: no host has it, or nothing is live.
        FleetDisagrees: none was named, and the hosts do not have the same one live.
    """
    held = sorted({name for one in facts for name in _held(one)})
    if wanted and wanted not in held:
        raise NoTarget(f"no host has a release {printable(wanted)}{near(wanted, held)}")
    live = {one.current for one in facts}
    if not wanted and len(live) > 1:
        which = listed(f"{one.host}: {one.live or 'nothing'}" for one in facts)
        raise FleetDisagrees(f"the hosts do not have the same release live ({which}); name one")
    release = wanted or live.pop()
    if release is None:
        raise NoTarget(f"nothing is live in {stage}; name a release")
    return release


def removals(facts: Facts, keep: int, live: str, everyone: Sequence[Facts] = ()) -> list[str]:
    """The releases that a host gives up after a deploy.

    Args:
        facts: of the host, from before the publish.
        keep: how many complete releases stay.
        live: the release that was published.
        everyone: of all hosts, from before the publish.

    Returns:
        sorted names; never the live one, nor the one that a rollback of this host, or of all, would now go to, nor
        the last one that all hosts were given.
    """
    complete = sorted({live, *filter(facts.complete, facts.releases)})
    oldest = complete[-keep] if len(complete) >= keep else ""
    now = _once_live(facts, live)
    together = _live_before(now, live, [_once_live(one, live) for one in everyone])
    spared = {live, _live_before(now, live), together, _given_to_all(now, live)}
    return [
        name
        for name in sorted(facts.releases)
        if name not in spared and (name < oldest or (name < live and _half_made(facts, name)))
    ]


# -- names


def _remembered(facts: Facts) -> Iterable[str]:
    journal = (name for entry in facts.entries for name in (entry.release, entry.left))
    log = (publish.release for publish in map(parse_log, facts.log) if publish)
    return filter(is_release, [*facts.releases, *facts.archives, facts.current or "", *journal, *log])


def _half_made(facts: Facts, release: str) -> bool:
    # What Capistrano had live counts as made, even without a REVISION.
    was_live = release in facts.lineage.stack or release in facts.lineage.bad
    return not was_live and not facts.complete(release)


# -- problems


def _layouts(stage: Stage) -> dict[str, Layout]:
    return {host.name: host.layout for host in stage.hosts}


def _deploy_problems(facts: Facts, paths: Layout, linked_files: Sequence[str]) -> list[str]:
    if paths.deploy_to in facts.not_made and not facts.exists:
        return [f"{facts.host}: {paths.deploy_to} could not be made by {facts.user}"]
    numbers = facts.no_files if facts.exists else range(len(linked_files))
    missing = [path for number, path in enumerate(linked_files) if number in numbers]
    full = facts.disk is not None and not facts.disk.free
    return [
        *([f"{facts.host}: no space is left in {paths.deploy_to}"] if full else []),
        *_unusable(facts, paths, WRITTEN_BY_DEPLOYS),
        *(f"{facts.host}: {path} could not be made" for path in facts.not_made),
        *(f"{facts.host}: linked file {path} does not exist in {paths.shared}" for path in missing),
    ]


def _rollback_problems(facts: Facts, paths: Layout) -> list[str]:
    absent = f"{facts.host}: {paths.deploy_to} does not exist, or {facts.user} cannot enter it"
    return [*([] if facts.exists else [absent]), *_unusable(facts, paths, WRITTEN)]


def _unusable(facts: Facts, paths: Layout, written: Iterable[str]) -> list[str]:
    said = [f"{tool} is not installed" for tool in facts.no_tools]
    said += [f"{paths.deploy_to}/{name} is a link; it has to be a directory" for name in facts.links]
    if facts.out_of_bounds and not facts.links:
        said.append(facts.out_of_bounds)
    closed = (posixpath.normpath(f"{paths.deploy_to}/{name}") for name in facts.not_writable if name in written)
    said += [f"{path} cannot be written to by {facts.user}" for path in closed]
    if facts.current_is_no_link:
        said.append(f"{paths.current} is no link; move it away")
    return [f"{facts.host}: {problem}" for problem in said]


# -- the target of a rollback


def _once_live(facts: Facts, release: str) -> Facts:
    """A host's facts when a deploy has made a release live."""
    made = Entry(event="live", flow=DEPLOY, release=release, left=facts.current or "", run="now")
    return replace(facts, current=release, releases={**facts.releases, release: ""}, entries=(*facts.entries, made))


def _live_before(facts: Facts, live: str | None, everyone: Sequence[Facts] = ()) -> str | None:
    """The release that was live before another one and can be live again, on all of these hosts, too."""
    hosts = (facts, *everyone)
    good = (r for r in reversed(facts.lineage.stack) if r != live)
    return next((r for r in good if all(r in one.lineage.stack and one.complete(r) for one in hosts)), None)


def _given_to_all(facts: Facts, live: str) -> str | None:
    """The last good release that all hosts were given: those that are not asked now may have nothing newer."""
    partly = {
        entry.release for entry in facts.entries if entry.event == "live" and entry.flow == DEPLOY and entry.partly
    }
    good = (r for r in reversed(facts.lineage.stack) if r != live and facts.complete(r))
    return next((release for release in good if release not in partly), None)


def _live_before_on_all(facts: Sequence[Facts], scope: str) -> str:
    before = {one.host: _live_before(one, one.current) for one in facts}
    shown = {host: release or "nothing" for host, release in before.items()}
    first, *others = set(before.values())
    if others:
        what = "the hosts would not go back to the same release"
        raise FleetDisagrees(_refusal(facts, scope, what, "would go to", shown))
    if first is None:
        what = "there are no older releases to roll back to, that were live and are good and complete"
        raise NoTarget(_refusal(facts, scope, what))
    return first


def _check_wanted(facts: Sequence[Facts], release: str, scope: str) -> None:
    held = {name for one in facts for name in _held(one)}
    if release not in held:
        what = f"no host has a release {printable(release)}{near(release, sorted(held))}"
        raise NoTarget(_refusal(facts, scope, what))
    why_not = {one.host: _why_not(one, release) for one in facts}
    shown = {host: f"no: {why}" if why else "yes" for host, why in why_not.items()}
    if all(why_not.values()):
        what = f"release {release} cannot be rolled back to"
        raise NoTarget(_refusal(facts, scope, what, f"can go to {release}", shown))
    if any(why_not.values()):
        what = f"not every host can go to {release}"
        raise FleetDisagrees(_refusal(facts, scope, what, f"can go to {release}", shown))
    if _live_on_all(facts, release):
        raise NoTarget(f"{release} is already live on all hosts; nothing to do")


def _check_revision(facts: Sequence[Facts], release: str, scope: str) -> None:
    revisions = _revisions(facts, release)
    if len(set(revisions.values())) > 1:
        what = f"release {release} is not of the same revision on all hosts"
        shown = {one.host: revisions.get(one.host, "in its archive") for one in facts}
        raise FleetDisagrees(_refusal(facts, scope, what, f"revision of {release}", shown))


def _why_not(facts: Facts, release: str) -> str:
    """Why a host cannot go to a release; empty when it can."""
    state = facts.state(release)
    if release not in facts.releases:
        return "" if release in facts.archives else WHY_NOT[state]
    return "" if facts.complete(release) and state in TARGETS else WHY_NOT[state]


def _live_on_all(facts: Sequence[Facts], release: str) -> bool:
    return all(one.current == release and release in one.releases for one in facts)


def _revisions(facts: Sequence[Facts], release: str) -> dict[str, str]:
    return {one.host: one.releases[release] for one in facts if release in one.releases}


def _held(facts: Facts) -> list[str]:
    """The releases of a host, archives too, newest first."""
    return sorted({*facts.releases, *facts.archives}, reverse=True)


# -- what people are shown


def _refusal(
    facts: Sequence[Facts], scope: str, what: str, head: str = "", cells: Mapping[str, str] | None = None
) -> str:
    """What is wrong, who has what, and what to type next."""
    extra = {head: cells} if cells else {}
    rows = ([one.host, one.live or "nothing", *(c[one.host] for c in extra.values()), _has(one)] for one in facts)
    shown = table(["host", "live", *extra, "has"], rows)
    return f"nothing was touched: {what}\n{shown}\n{_advice(facts, scope)}"


def _has(facts: Facts) -> str:
    held = _held(facts)
    more = [f"and {len(held) - MOST_SHOWN} more"] if len(held) > MOST_SHOWN else []
    return listed([*(f"{name} ({facts.state(name)})" for name in held[:MOST_SHOWN]), *more]) or "nothing"


def _advice(facts: Sequence[Facts], scope: str) -> str:
    possible = [name for name in _held(facts[0]) if _possible(facts, name)]
    good = [name for name in possible if not any(name in one.lineage.bad for one in facts)]
    good.sort(key=lambda name: not all(name in one.lineage.stack for one in facts))  # what was live everywhere first
    if not possible:
        return f"No other release is good on every host. Deploy one:\n  doit deploy:{scope}"
    which = (
        "Every host can go to"
        if good
        else "Every host can go to these, but they are bad (rolled back from, or their deploys failed)"
    )
    choice = good or possible
    return f"{which}: {listed(choice[:MOST_SHOWN])}. Name one:\n  doit rollback:{scope} rollback_release={choice[0]}"


def _possible(facts: Sequence[Facts], release: str) -> bool:
    able = not any(_why_not(one, release) for one in facts) and not _live_on_all(facts, release)
    return able and len(set(_revisions(facts, release).values())) <= 1
