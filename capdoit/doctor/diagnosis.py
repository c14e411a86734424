"""The diagnosis of a stage: everything that is found about it. Hosts that do not answer are part of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from capdoit.config.deploy_file import Config
from capdoit.config.origins import Setting, effective_settings, find_unused_settings, read_written_settings
from capdoit.config.stages import Stage
from capdoit.doctor import controller, findings
from capdoit.doctor.findings import Finding
from capdoit.doctor.host_condition import Condition, examine_host
from capdoit.doctor.ssh_route import SshRoute, find_ssh_route
from capdoit.errors import Outcome, answers
from capdoit.event_bus import EventBus
from capdoit.operations.connections import compute_settings, make_fleet, without_unknown_secrets
from capdoit.text import get_first_line


@dataclass(frozen=True)
class Diagnosis:
    """Everything that was found about a stage.

    Attributes:
        stage: the stage's name.
        controller: versions by program; None for a program that is not installed.
        conditions: an outcome for each host.
        routes: an outcome for each host that is reached by ssh.
        settings: all settings of the stage.
        findings: problems first.
    """

    stage: str
    controller: Mapping[str, str | None]
    conditions: Sequence[Outcome[Condition]]
    routes: Sequence[Outcome[SshRoute]]
    settings: Sequence[Setting]
    findings: Sequence[Finding]

    @property
    def conditions_found(self) -> list[Condition]:
        """The conditions of the hosts that answered."""
        return answers(self.conditions)

    @property
    def routes_found(self) -> list[SshRoute]:
        """The routes that ssh knows."""
        return answers(self.routes)

    @property
    def has_problems(self) -> bool:
        """True if at least one finding is a problem."""
        return any(finding.is_problem for finding in self.findings)


def diagnose(stage: Stage, config: Config, events: EventBus, more: Sequence[Finding] = ()) -> Diagnosis:
    """Examine the controller, deploy.yml and the selected hosts. Changes nothing and takes no lock.

    Args:
        stage: with the selected hosts.
        config: all of deploy.yml.
        events: bus for what happens meanwhile; it masks the secrets of the stage from now on.
        more: findings from elsewhere.

    Raises:
        ConfigError: deploy.yml cannot be read any more.
    """
    written = read_written_settings(config, os.environ)
    settings = effective_settings(written, config, stage.name)
    events.redactor.add(os.environ.get(s.variable, "") for s in settings if s.is_secret)
    programs = controller.find_versions()
    routes, conditions = _examine_hosts(stage, events, has_ssh=programs["ssh"] is not None)
    unused = find_unused_settings(written, config, stage.name)
    found = [
        *more,
        *findings.judge_controller(controller.missing_programs(programs, stage)),
        *findings.judge_settings(settings, unused, os.environ),
        *findings.judge_directories(answers(conditions), stage.name),
        *_judge_hosts(routes, conditions),
    ]
    return Diagnosis(stage.name, programs, conditions, routes, settings, findings.sort_findings(found))


def _examine_hosts(
    stage: Stage, events: EventBus, has_ssh: bool
) -> tuple[list[Outcome[SshRoute]], list[Outcome[Condition]]]:
    stage = compute_settings(stage, is_deploy=False)
    fleet = make_fleet(without_unknown_secrets(stage), events)
    with closing(fleet):
        by_ssh = [host for host in fleet.connections if has_ssh and host.config.transport == "ssh"]
        routes = fleet.each(lambda host: find_ssh_route(host.config), by_ssh, stop_on_failure=False)
        return routes, fleet.each(partial(examine_host, stage), fleet.connections, stop_on_failure=False)


def _judge_hosts(routes: Sequence[Outcome[SshRoute]], conditions: Sequence[Outcome[Condition]]) -> list[Finding]:
    routes_by_host = {outcome.host: outcome for outcome in routes}
    found: list[Finding] = []
    for condition in conditions:
        found += findings.judge_condition(condition.answer) if condition.answer else [_judge_error(condition)]
        route = routes_by_host.get(condition.host)
        if route is not None:  # an outcome with an error is false
            is_reached = condition.error is None
            found += findings.judge_ssh_route(route.answer, is_reached) if route.answer else [_judge_error(route)]
    return found


def _judge_error(outcome: Outcome[Condition] | Outcome[SshRoute]) -> Finding:
    return Finding(outcome.host, get_first_line(outcome.error).removeprefix(f"{outcome.host}: "))
