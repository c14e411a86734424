"""What a dry run says of a step: what it would do, in sentences, and the scripts that would do it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from capdoit.decisions.cleanup import choose_removals
from capdoit.errors import HostError, Unreachable
from capdoit.hosts.connection import Connection
from capdoit.hosts.request import Request
from capdoit.records import fleet_state
from capdoit.shell_scripts import library_texts
from capdoit.state.plan_file import Plan
from capdoit.state.run import Run
from capdoit.steps.finishing import archived
from capdoit.text import listed
from capdoit.units import size

AS_ABOVE = "# … as above …\n"


def foresee(run: Run, step: str) -> list[str]:
    """The lines for people.

    Args:
        run: a dry one.
        step: what has just been planned.

    Raises:
        HostsFailed: a host could not be asked how much room it has.
    """
    plan = run.plan
    assert plan is not None  # noqa: S101 - the run is dry
    sentences = SENTENCES.get(step, _nothing)(run)
    return [*sentences, *_scripts(plan, step)]


# -- the scripts


def _scripts(plan: Plan, step: str) -> Iterator[str]:
    """Yield the lines of a step's scripts, with the hosts that share each script; a library is shown once in a plan."""
    libraries = library_texts()
    earlier = [planned.body for planned in plan.scripts if planned.step != step]
    shown = {library for library in libraries if any(library in body for body in earlier)}
    first: dict[tuple[str, str], str] = {}
    for (name, body, given), hosts in _alike(plan, step).items():
        of_first = first.setdefault((name, body), given)
        text = given + _without(shown, body)
        shown.update(library for library in libraries if library in body)
        yield f"{listed(hosts)}: {name}"
        yield from _quoted(text if of_first is given else _instead(of_first, given))


def _without(shown: Iterable[str], body: str) -> str:
    """Return a script with a short line in place of the libraries that were shown before."""
    for library in shown:
        body = body.replace(library, AS_ABOVE)
    return re.sub(f"(?:{AS_ABOVE})+", AS_ABOVE, body)


def _alike(plan: Plan, step: str) -> dict[tuple[str, str, str], list[str]]:
    """The hosts of each script of a step, scripts of one name beside each other."""
    ours = [planned for planned in plan.scripts if planned.step == step]
    names = list(dict.fromkeys(planned.name for planned in ours))
    groups: dict[tuple[str, str, str], list[str]] = {}
    for planned in sorted(ours, key=lambda one: (names.index(one.name), one.host)):
        groups.setdefault((planned.name, planned.body, planned.given), []).append(planned.host)
    return groups


def _instead(first: str, given: str) -> str:
    """What a script is given otherwise than the same one of another host."""
    before = first.splitlines()
    return "".join(f"{line}\n" for line in given.splitlines() if line not in before) + AS_ABOVE


def _quoted(text: str) -> Iterator[str]:
    return (f"  | {line}" for line in text.splitlines() if line)


# -- what they do


def _nothing(_: Run) -> Iterator[str]:
    return iter(())


def _starting(run: Run) -> Iterator[str]:
    facts = list(run.facts.values())
    yield f"takes the lock of {listed(run.facts)}"
    for one in facts:
        if one.lock and one.lock.flow:
            yield f"{one.host}: its lock is now that of {one.holder}"
    yield from (f"the hosts differ: {difference}" for difference in fleet_state.find_differences(facts))
    for one in facts:
        if one.strays:
            yield f"the hosts differ: {one.host} has {listed(one.strays)} in releases/, which is no release"
    yield f"{'makes' if run.flow == 'deploy' else 'goes back to'} release {run.release}"
    for host, room in run.fleet.all(lambda host: _room(run, host)).items():
        yield f"{host}: {room}"


def _updating(run: Run) -> Iterator[str]:
    linked = listed([*run.stage.linked_files, *run.stage.linked_dirs]) or "nothing"
    yield f"{run.release} is of revision {run.revision} ({run.branch}); linked in it: {linked}"


def _reverting(run: Run) -> Iterator[str]:
    yield f"unpacks {run.release} on {listed(sorted(run.archived))}" if run.archived else "has nothing to do"


def _publishing(run: Run) -> Iterator[str]:
    for host in run.fleet.release_connections:
        yield f"{host.name}: current goes from {run.before(host.name) or 'nothing'} to {run.release}"


def _finishing(run: Run) -> Iterator[str]:
    for host, facts in run.facts.items():
        gone = choose_removals(facts, run.stage.keep_releases, run.release, [*run.facts.values()])
        yield f"{host}: removes {listed(gone) or 'nothing'}"


def _finishing_rollback(run: Run) -> Iterator[str]:
    for host in run.facts:
        yield f"{host}: archives and removes {archived(run, host) or 'nothing'}"


SENTENCES: dict[str, Callable[[Run], Iterator[str]]] = {
    "starting": _starting,
    "updating": _updating,
    "reverting": _reverting,
    "publishing": _publishing,
    "finishing": _finishing,
    "finishing_rollback": _finishing_rollback,
}


def _room(run: Run, host: Connection) -> str:
    script = host.script("room", "flow/dry_run_space", {})
    try:
        said = host.checked(Request(script, capture=True, timeout=60)).text.split()
    except Unreachable:
        raise
    except HostError:  # a tree of that size, perhaps
        said = []
    if not all(line.isdecimal() for line in said) or not said:
        return "does not say how much room it has"
    free, *taken = map(int, said)
    short = " - NOT ENOUGH for another one" if run.flow == "deploy" and taken and free < taken[0] else ""
    live = f", the live release takes {size(taken[0])}" if taken else ""
    return f"{size(free)} are free{live}{short}"
