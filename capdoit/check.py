"""Looking at the hosts outside of a flow: for `check`, and for `doit cap status` and its like."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

from capdoit import decide, manifest, steps, transfer
from capdoit.config import Stage
from capdoit.console import Console, Tone
from capdoit.errors import NotReady, Outcome
from capdoit.hooks import Declared
from capdoit.host import Host
from capdoit.journal import Note
from capdoit.manifest import MANIFEST, Change, Comparison
from capdoit.run import Run, begin
from capdoit.session import Request
from capdoit.steps.asking import ask_facts
from capdoit.steps.guarding import note_of
from capdoit.steps.verifying import compare
from capdoit.survey import Facts
from capdoit.transfer import git
from capdoit.variables import Variables

LIST = Path(steps.__file__).with_name("list.sh")


@dataclass(frozen=True)
class Verified:
    """A release, looked at on every host.

    Attributes:
        release: the one that was asked about; empty when no host answered.
        outcomes: for each host, with its `Comparison`, or what it has instead of the release.
        differences: what the hosts were not shipped alike.
    """

    release: str
    outcomes: Sequence[Outcome]
    differences: Sequence[Change] = ()

    @property
    def is_well(self) -> bool:
        """Whether each host that answered has it as it was shipped, and all have the same."""
        found = [outcome.answer for outcome in self.outcomes if outcome]
        return not self.differences and all(isinstance(one, Comparison) and one.is_as_shipped for one in found)


def survey(stage: Stage, variables: Variables, console: Console) -> list[Outcome]:
    """The facts of every selected host; takes no lock and changes nothing.

    Returns:
        An outcome for each host whose answer is its `Facts`, or which says why there are none.
    """
    return look(stage, variables, console, ask_facts)


def look(stage: Stage, variables: Variables, console: Console, ask: Callable[[Run, Host], object]) -> list[Outcome]:
    """Ask something of every selected host; an outcome for each."""
    run = begin("rollback", stage, variables, console)
    with closing(run.fleet):
        return run.fleet.each(partial(ask, run), together=False)


def survey_and_tip(stage: Stage, variables: Variables, console: Console) -> tuple[list[Outcome], str]:
    """The facts of every selected host, and the commit that the git transfer would bring now; changes nothing.

    Returns:
        An outcome for each host, and the commit as the first host that answered sees it; empty when none did.

    Raises:
        NotReady: the host does not know the branch.
        HostError: it cannot ask the repository.
    """
    run = begin("deploy", stage, variables, console)
    with closing(run.fleet):
        outcomes = run.fleet.each(partial(ask_facts, run), together=False)
        answered = [host for host, o in zip(run.fleet.release_hosts, outcomes, strict=True) if o]
        return outcomes, git.tip(run, answered[0]) if answered else ""


def last_notes(stage: Stage, variables: Variables, console: Console) -> tuple[list[Outcome], Note | None]:
    """What the hosts note of the last release that became live; changes nothing.

    Returns:
        An outcome for each host, and the note with the latest release.
    """
    run = begin("rollback", stage, variables, console)
    with closing(run.fleet):
        outcomes = run.fleet.each(note_of, together=False)
    notes = [outcome.answer for outcome in outcomes if isinstance(outcome.answer, Note)]
    return outcomes, max(notes, key=lambda note: note.release, default=None)


def verify(stage: Stage, variables: Variables, console: Console, wanted: str | None) -> Verified:
    """Compare a release on every selected host with its manifest, and the hosts with each other; changes nothing.

    Args:
        stage: with all its hosts.
        variables: what the command line says; contents are read unless ``verify=quick`` was said.
        console: where its words go.
        wanted: the release; the live one when not given.

    Raises:
        NoTarget, FleetDisagrees: there is no such release, or not one that is live.
    """
    run = begin("rollback", stage, variables, console)
    run.verify = variables.verify or "full"
    with closing(run.fleet):
        surveyed = run.fleet.each(partial(ask_facts, run), together=False)
        run.facts = {o.host: o.answer for o in surveyed if isinstance(o.answer, Facts)}
        if not run.facts:
            return Verified("", surveyed)
        run.release = decide.to_look_at(list(run.facts.values()), wanted, stage.name)
        hosts = [host for host in run.fleet.release_hosts if host.name in run.facts]
        compared = run.fleet.each(partial(_compare, run), hosts, together=False)
        differences = _between(run, [host for host, o in zip(hosts, compared, strict=True) if o])
    return Verified(run.release, [*compared, *(o for o in surveyed if not o)], differences)


def _compare(run: Run, host: Host) -> Comparison | str:
    """What was found, or what there is instead of the release."""
    state = run.facts[host.name].state(run.release)
    return compare(run, host) if run.release in run.facts[host.name].releases else state


def _between(run: Run, hosts: Sequence[Host]) -> list[Change]:
    """What hosts were shipped differently; everything is sent only if their digests say so."""
    hosts = [host for host in hosts if run.release in run.facts[host.name].releases]
    if len(hosts) < 2 or len(set(run.fleet.all(partial(_list, run, True), hosts).values())) == 1:
        return []
    lists = run.fleet.all(partial(_list, run, False), hosts)
    return manifest.between(
        {h: manifest.parse_listing(str(text).removesuffix("\n").split("\n")) for h, text in lists.items()}
    )


def _list(run: Run, digest: bool, host: Host) -> str:
    script = run.script(host, "verify", [MANIFEST, LIST], verify=run.verify, digest=digest)
    return host.checked(Request(script, capture=True)).text


def check(stage: Stage, variables: Variables, console: Console, declared: Declared) -> None:
    """Make the directories of a deploy on every host, and say all that a deploy would lack.

    Raises:
        NotReady: with every lack of every host, and the hosts that could not be asked.
        ConfigError: what was asked for makes no sense; nothing was touched.
    """
    variables.refuse_meaningless("check", stage.name)
    run = begin("deploy", stage, variables, console, declared)
    with closing(run.fleet):
        answers = run.fleet.each(partial(ask_facts, run, make_dirs=True), together=False)
        facts = [answer.answer for answer in answers if isinstance(answer.answer, Facts)]
        reached = [host for host in run.fleet.release_hosts if host.is_connected]
        source = run.fleet.each(partial(transfer.of(stage).check, run), reached, together=False)
    if stage.drill_max_age is not None:
        for sentence in decide.overdue_drills(facts, stage.drill_max_age, datetime.now(timezone.utc)):
            console.say(f"   warning: {sentence}; doit drill:{stage.name} rehearses one", Tone.DOUBTFUL)
    problems = [*decide.problems(facts, run.stage), *(str(o.error) for o in source if o.error)]
    problems += [str(outcome.error) for outcome in answers if outcome.error]
    if problems:
        raise NotReady("\n".join(["a deploy would fail:", *(f"  {problem}" for problem in problems)]))
    console.say(f"   {stage.name}: {len(facts)} host(s) are ready for a deploy", Tone.GOOD)
