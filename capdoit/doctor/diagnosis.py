"""All that is found about a stage, hosts that cannot be reached included."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

from capdoit.config.origins import Setting, effective_settings, find_unused_settings, read_written_settings
from capdoit.config.stages import Config, Stage
from capdoit.doctor import controller, findings
from capdoit.doctor.findings import Finding
from capdoit.doctor.host_condition import Condition, examine
from capdoit.doctor.ssh_route import Leading, leading
from capdoit.errors import Outcome, answers
from capdoit.output.console import Console
from capdoit.state.run import fleet_of, without_unset_secrets
from capdoit.text import first_line


@dataclass(frozen=True)
class Diagnosis:
    """What was found.

    Attributes:
        stage: the stage's name.
        controller: versions of its programs; None for one that is not there.
        conditions: an outcome for each host, whose answer is its `Condition`.
        leadings: an outcome for each host that ssh leads to, whose answer is its `Leading`.
        settings: those that hold for the stage.
        findings: problems first.
    """

    stage: str
    controller: Mapping[str, str | None]
    conditions: Sequence[Outcome[Condition]]
    leadings: Sequence[Outcome[Leading]]
    settings: Sequence[Setting]
    findings: Sequence[Finding]

    @property
    def reached(self) -> list[Condition]:
        """The hosts that answered."""
        return answers(self.conditions)

    @property
    def led(self) -> list[Leading]:
        """The hosts that ssh would lead to."""
        return answers(self.leadings)

    @property
    def has_problems(self) -> bool:
        """Whether something would fail."""
        return any(finding.is_problem for finding in self.findings)


def diagnose(stage: Stage, config: Config, console: Console, more: Sequence[Finding] = ()) -> Diagnosis:
    """Look at the controller, at deploy.yml and at the selected hosts; changes nothing and takes no lock.

    Args:
        stage: with the selected hosts.
        config: all of deploy.yml.
        console: which keeps the secrets from now on.
        more: what was found before.

    Raises:
        ConfigError: deploy.yml cannot be read any more.
    """
    written = read_written_settings(config.file)
    settings = effective_settings(written, config, stage.name)
    console.redactor.add(os.environ[s.secret] for s in settings if s.secret in os.environ)
    programs = controller.versions()
    leadings, conditions = _asked(stage, console, programs["ssh"] is not None)
    unused = find_unused_settings(written, config, stage.name)
    found = [
        *more,
        *findings.of_controller(controller.lacking(programs, stage)),
        *findings.of_settings(settings, unused, os.environ),
        *_of_hosts(leadings, conditions),
    ]
    return Diagnosis(stage.name, programs, conditions, leadings, settings, findings.sorted_findings(found))


def _asked(stage: Stage, console: Console, has_ssh: bool) -> tuple[list[Outcome[Leading]], list[Outcome[Condition]]]:
    fleet = fleet_of(stage.only(tuple(map(without_unset_secrets, stage.hosts))), console)
    with closing(fleet):
        led = [host for host in fleet.connections if has_ssh and host.config.transport == "ssh"]
        leadings = fleet.each(lambda host: leading(host.config), led, stop_on_failure=False)
        return leadings, fleet.each(partial(examine, stage), fleet.connections, stop_on_failure=False)


def _of_hosts(leadings: Sequence[Outcome[Leading]], conditions: Sequence[Outcome[Condition]]) -> list[Finding]:
    reached = {outcome.host for outcome in conditions if outcome}
    order = [outcome.host for outcome in conditions]
    found: list[Finding] = []
    outcomes: list[Outcome[Any]] = [*conditions, *leadings]
    for outcome in sorted(outcomes, key=lambda outcome: order.index(outcome.host)):
        if isinstance(outcome.answer, Condition):
            found += findings.of_condition(outcome.answer)
        elif isinstance(outcome.answer, Leading):
            found += findings.of_leading(outcome.answer, outcome.host in reached)
        else:
            found.append(Finding(outcome.host, first_line(outcome.error).removeprefix(f"{outcome.host}: ")))
    return found
