"""What was asked of `doit cap`, and what several of its answers have in common."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from capdoit.config import stages, variables
from capdoit.config.stages import Stage
from capdoit.config.variables import Variables
from capdoit.decisions.readiness import find_rollback_problems
from capdoit.decisions.rollback_target import choose_rollback_target
from capdoit.doit_tasks import Cap
from capdoit.errors import ConfigError, Outcome, ReleaseNotChosen
from capdoit.output.console import Console, Tone
from capdoit.records.facts import Facts
from capdoit.text import first_line, listed

SHORT = 12  # digits of a revision
AGREED, UNREACHED, DISAGREED = 0, 1, 3


@dataclass(frozen=True)
class Asked:
    """One call of the command.

    Attributes:
        words: what stands behind the subcommand.
        json: whether ``--json`` was said.
        diff: whether ``--diff`` was said.
        number: how many lines were asked for by ``-n``; None when that was not said.
        variables: NAME=VALUE, and the environment's.
        console: where the answer goes.
        dodo: the path of dodo.py.
        load: reads dodo.py and gives the `Cap` in it.
    """

    words: list[str]
    json: bool
    diff: bool
    number: int | None
    variables: Variables
    console: Console
    dodo: Path
    load: Callable[[], Cap]

    def word(self, what: str) -> str | None:
        """The only word, if there is one.

        Raises:
            ConfigError: there are more.
        """
        if len(self.words) > 1:
            raise ConfigError(f"expected at most one {what}, found {listed(self.words)}")
        return self.words[0] if self.words else None

    def stage(self) -> Stage:
        """The stage that is named, or is the default one, with the selected hosts.

        Raises:
            ConfigError: there is no such stage or host, or two stages are named.
        """
        named, said = self.word("stage"), self.variables.stage
        if named and said and named != said:
            raise ConfigError(f"which stage, {named} or stage={said}?")
        return variables.select_hosts(stages.choose_stage(self.load().config, named or said), self.variables)

    def say_json(self, answer: object) -> None:
        """The answer for programs; secrets are masked before JSON spells them its own way."""
        self.console.say_json(json.dumps(self._masked(answer), indent=2))

    def _masked(self, answer: object) -> object:
        if isinstance(answer, dict):
            return {self._masked(key): self._masked(value) for key, value in answer.items()}
        if isinstance(answer, (list, tuple)):
            return [self._masked(value) for value in answer]
        return self.console.redact(answer) if isinstance(answer, str) else answer


def live(facts: Facts) -> tuple[str, str]:
    """What is live, and its revision."""
    return facts.live, facts.releases.get(facts.current or "", "")


def way_back(facts: Sequence[Facts], stage: Stage) -> tuple[str | None, str]:
    """Where a rollback of these hosts would go, or why it would go nowhere."""
    if problems := find_rollback_problems(facts, stage):
        return None, str(problems[0])
    try:
        return (choose_rollback_target(facts).release, "") if facts else (None, "")
    except ReleaseNotChosen as error:
        return None, str(error)


def say_unreached(console: Console, outcomes: Iterable[Outcome[Any]]) -> None:
    """A line for each host that did not answer, with the last that it said itself."""
    for outcome in outcomes:
        if outcome.error:
            said = getattr(outcome.error, "lines", ())[-1:]
            console.say(f"  {': '.join([first_line(outcome.error), *said])}", Tone.BAD)


def errors(outcomes: Iterable[Outcome[Any]]) -> dict[str, str]:
    """Why hosts did not answer, by name of host, for programs."""
    return {outcome.host: str(outcome.error) for outcome in outcomes if outcome.error}


def exit_status(outcomes: Sequence[Outcome[Any]], agree: bool) -> int:
    """What tells programs whether hosts answered, and whether they agree about what is live."""
    if not any(outcomes):
        return UNREACHED
    return AGREED if agree and all(outcomes) else DISAGREED
