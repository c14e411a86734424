"""`doit cap doctor`: what a deploy stands on, problems first."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from capdoit.commands.request import AGREED, DISAGREED, UNREACHED, Asked
from capdoit.config.origins import Setting
from capdoit.doctor.diagnosis import Diagnosis, diagnose
from capdoit.doctor.findings import Finding, lines, seconds, summary
from capdoit.doctor.host_condition import SHOWN, Condition
from capdoit.doctor.ssh_route import Leading
from capdoit.errors import ConfigError
from capdoit.output.console import Tone
from capdoit.text import fitted
from capdoit.units import Room, size

TOOLS = ("host", *SHOWN, "sh")
STATE = ("host", "clock", "disk free", "deploy_to of", "user", "locale", "inodes free")
LEADING = ("host", "key", "strict", "keepalive", "agent", "address", "by way of")


def doctor(asked: Asked) -> int:
    """Controller, hosts, ssh, recipes and settings of a stage."""
    stage, cap = asked.stage(), asked.load()
    try:
        recipes, broken = cap.everything[stage.name].versions, []
    except ConfigError as error:
        recipes, broken = {}, [Finding("recipes", mistake) for mistake in error.mistakes]
    diagnosis = diagnose(stage, cap.config, asked.console, broken)
    if asked.json:
        asked.say_json(_json(diagnosis, recipes))
    else:
        for part in _parts(diagnosis, recipes, asked.console.width):
            asked.console.say_table(f"{part}\n")
        meant = Tone.BAD if diagnosis.has_problems else Tone.GOOD
        asked.console.say(f"{stage.name}: {summary(diagnosis.findings)}", meant)
    if not diagnosis.reached:
        return UNREACHED
    return DISAGREED if diagnosis.has_problems else AGREED


# -- for people


def _parts(diagnosis: Diagnosis, recipes: Mapping[str, str], width: int) -> Iterable[str]:
    for head, problems in (("Problems", True), ("Remarks", False)):
        if found := lines(diagnosis.findings, problems):
            yield "\n".join([f"{head}:", *(f"  {line}" for line in found)])
    programs = [(name, "not installed" if v is None else v) for name, v in diagnosis.controller.items()]
    yield f"Controller:\n{fitted(None, programs, width)}"
    if diagnosis.reached:
        yield f"Programs of the hosts:\n{fitted(TOOLS, map(_tools, diagnosis.reached), width)}"
        yield f"State of the hosts:\n{fitted(STATE, map(_state, diagnosis.reached), width)}"
    if diagnosis.led:
        yield f"How ssh leads there:\n{fitted(LEADING, map(_leading, diagnosis.led), width)}"
    if recipes:
        yield f"Recipes:\n{fitted(None, recipes.items(), width)}"
    rows = [_setting(setting) for setting in diagnosis.settings]
    yield f"Settings of {diagnosis.stage}:\n{fitted(None, rows, width, least=4)}"


def _tools(condition: Condition) -> tuple[str, ...]:
    versions = ("-" if tool not in condition.tools else condition.tools[tool] or "?" for tool in SHOWN)
    return condition.host, *versions, condition.sh


def _state(condition: Condition) -> tuple[str, ...]:
    clock = condition.clock
    sign = "-" if clock and clock.offset < 0 else "+"
    owner = condition.owner if condition.exists else "not there yet"
    return (
        condition.host,
        f"{sign}{seconds(clock)}" if clock else "?",
        size(condition.disk.free) if condition.disk else "?",
        owner if condition.deploy_to else "gets no code",
        condition.user,
        condition.charmap or condition.locale or "not set",
        _share(condition.inodes),
    )


def _share(room: Room | None) -> str:
    return f"{room.share:.0%}" if room else "?"


def _leading(leading: Leading) -> tuple[str, ...]:
    keepalive = f"{leading.keepalive} s x {leading.lost_after}" if leading.keepalive else "off"
    agent = "forwarded" if leading.forwards_agent else "stays"
    return leading.host, leading.key, leading.strict, keepalive, agent, leading.address, leading.gateway or "-"


def _setting(setting: Setting) -> tuple[str, ...]:
    state = "" if not setting.secret else " (set)" if setting.secret in os.environ else " (not set)"
    return setting.place, setting.host or setting.level, setting.name, f"{setting.value}{state}"


# -- for programs


def _json(diagnosis: Diagnosis, recipes: Mapping[str, str]) -> dict[str, Any]:
    return {
        "stage": diagnosis.stage,
        "problems": [_finding(f) for f in diagnosis.findings if f.is_problem],
        "remarks": [_finding(f) for f in diagnosis.findings if not f.is_problem],
        "controller": dict(diagnosis.controller),
        "hosts": [_host(diagnosis, outcome.host, outcome.error) for outcome in diagnosis.conditions],
        "recipes": dict(recipes),
        "settings": [asdict(setting) for setting in diagnosis.settings],
    }


def _finding(finding: Finding) -> dict[str, str]:
    return {"where": finding.where, "text": finding.text}


def _host(diagnosis: Diagnosis, host: str, error: BaseException | None) -> dict[str, Any]:
    condition = next((asdict(one) for one in diagnosis.reached if one.host == host), None)
    leading = next((asdict(one) for one in diagnosis.led if one.host == host), None)
    return {"host": host, "error": error and str(error), "condition": condition, "ssh": leading}
