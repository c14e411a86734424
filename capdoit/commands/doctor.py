"""`doit cap doctor`: what deploys of a stage depend on, problems first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from capdoit.commands.command_request import CommandRequest
from capdoit.commands.exit_statuses import ALL_WELL, INCOMPLETE, NO_ANSWER, NO_HOST_ANSWERED
from capdoit.commands.json_values import known_values
from capdoit.commands.schema import SCHEMA_FILE, has_outdated_schema
from capdoit.commands.settings_table import HEAD, make_settings_rows, setting_json
from capdoit.commands.subcommand import JSON, SELECTION, Subcommand
from capdoit.doctor.diagnosis import Diagnosis, diagnose
from capdoit.doctor.findings import Finding, count_findings, describe_offset, format_findings
from capdoit.doctor.host_condition import SHOWN_TOOLS, Condition
from capdoit.doctor.ssh_route import SshRoute
from capdoit.doit_tasks import Cap
from capdoit.errors import ConfigError
from capdoit.output.console import Tone
from capdoit.text import fit_table, format_table
from capdoit.units import Capacity, format_size

TOOLS_HEAD = ("host", *SHOWN_TOOLS, "sh")
STATE_HEAD = ("host", "clock", "disk free", "deploy_to of", "user", "locale", "inodes free")
ROUTE_HEAD = ("host", "key", "strict", "keepalive", "agent", "address", "by way of")


def print_diagnosis(request: CommandRequest) -> int:
    """Print the problems of a stage, then the state of controller, hosts, ssh, recipes and settings."""
    stage, cap = request.select_stage(), request.load_project()
    recipes, broken = _recipe_versions(cap, stage.name)
    more = [*broken, *_judge_schema(cap.config.file.parent)]
    diagnosis = diagnose(stage, cap.config, request.events, more)
    if request.has(JSON):
        request.print_json(_json(diagnosis, recipes))
    else:
        _print(request, diagnosis, recipes)
    if not diagnosis.conditions_found:
        return NO_ANSWER
    return INCOMPLETE if diagnosis.has_problems else ALL_WELL


def _recipe_versions(cap: Cap, stage: str) -> tuple[Mapping[str, str], list[Finding]]:
    """Return the versions of the recipes of a stage, or the findings if recipes cannot be loaded."""
    try:
        return cap.declarations_by_stage[stage].versions, []
    except ConfigError as error:
        return {}, [Finding("recipes", mistake) for mistake in error.mistakes]


def _judge_schema(project: Path) -> list[Finding]:
    """Return a remark if editors check deploy.yml with the settings of another capdoit or of other recipes."""
    if not has_outdated_schema(project):
        return []
    text = f"capdoit or a recipe has changed since it was written; to renew it: doit cap schema >{SCHEMA_FILE}"
    return [Finding(SCHEMA_FILE, text, is_problem=False)]


# -- for people


def _print(request: CommandRequest, diagnosis: Diagnosis, recipes: Mapping[str, str]) -> None:
    for part in _parts(diagnosis, recipes, request.console.table_width):
        request.console.write_table(f"{part}\n")
    tone = Tone.BAD if diagnosis.has_problems else Tone.GOOD
    request.console.write(f"{diagnosis.stage}: {count_findings(diagnosis.findings)}", tone)


def _parts(diagnosis: Diagnosis, recipes: Mapping[str, str], width: float) -> Iterable[str]:
    for head, is_problem in (("Problems", True), ("Remarks", False)):
        if found := format_findings(diagnosis.findings, is_problem):
            yield "\n".join([f"{head}:", *(f"  {line}" for line in found)])
    programs = [(name, "not installed" if v is None else v) for name, v in diagnosis.controller.items()]
    yield f"Controller:\n{fit_table(None, programs, width)}"
    if conditions := diagnosis.conditions_found:
        yield f"Programs of the hosts:\n{fit_table(TOOLS_HEAD, map(_tools_row, conditions), width)}"
        yield f"State of the hosts:\n{fit_table(STATE_HEAD, map(_state_row, conditions), width)}"
    if routes := diagnosis.routes_found:
        yield f"Connections by ssh:\n{fit_table(ROUTE_HEAD, map(_route_row, routes), width)}"
    if recipes:
        yield f"Recipes:\n{fit_table(None, recipes.items(), width)}"
    settings = [setting for setting in diagnosis.settings if setting.place or not setting.is_unset]
    yield f"Settings of {diagnosis.stage}:\n{format_table(HEAD, make_settings_rows(settings))}"


def _tools_row(condition: Condition) -> tuple[str, ...]:
    versions = ("-" if tool not in condition.tools else condition.tools[tool] or "?" for tool in SHOWN_TOOLS)
    return condition.host, *versions, condition.sh


def _state_row(condition: Condition) -> tuple[str, ...]:
    clock = condition.clock
    sign = "-" if clock and clock.offset < 0 else "+"
    owner = condition.owner if condition.exists else "not there yet"
    return (
        condition.host,
        f"{sign}{describe_offset(clock)}" if clock else "?",
        format_size(condition.disk.free) if condition.disk else "?",
        owner if condition.deploy_to else "gets no code",
        condition.user,
        condition.charmap or condition.locale or "not set",
        _share(condition.inodes),
    )


def _share(room: Capacity | None) -> str:
    return f"{room.share:.0%}" if room else "?"


def _route_row(route: SshRoute) -> tuple[str, ...]:
    keepalive = f"{route.keepalive} s x {route.lost_after}" if route.keepalive else "off"
    agent = "forwarded" if route.forwards_agent else "stays"
    return route.host, route.key, route.strict, keepalive, agent, route.address, route.gateway or "-"


# -- for programs


def _json(diagnosis: Diagnosis, recipes: Mapping[str, str]) -> dict[str, Any]:
    return {
        "stage": diagnosis.stage,
        "problems": [_finding_json(f) for f in diagnosis.findings if f.is_problem],
        "remarks": [_finding_json(f) for f in diagnosis.findings if not f.is_problem],
        "controller": dict(diagnosis.controller),
        "hosts": [_host_json(diagnosis, outcome.host, outcome.error) for outcome in diagnosis.conditions],
        "recipes": dict(recipes),
        "settings": [setting_json(setting) for setting in diagnosis.settings],
    }


def _finding_json(finding: Finding) -> dict[str, str]:
    return {"where": finding.where, "text": finding.text}


def _host_json(diagnosis: Diagnosis, host: str, error: BaseException | None) -> dict[str, Any]:
    condition = next((asdict(one) for one in diagnosis.conditions_found if one.host == host), None)
    route = next((asdict(one) for one in diagnosis.routes_found if one.host == host), None)
    return {"host": host, "error": error and str(error), **known_values({"condition": condition, "ssh": route})}


COMMAND = Subcommand(
    name="doctor",
    help="check what deploys depend on, and show problems first",
    description=(
        "It checks the programs, clocks, locales, rights and free space of controller and hosts, ssh connections, "
        "recipes, the origin of each setting, and settings that nothing uses. It changes nothing."
    ),
    run=print_diagnosis,
    words=("[STAGE]",),
    options=(JSON,),
    variables=SELECTION,
    exit_statuses=(NO_HOST_ANSWERED, (INCOMPLETE, "there are problems")),
)
