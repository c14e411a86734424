"""What is wrong, and what is worth knowing: pure judgement of what was found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from capdoit.config.origins import Setting
from capdoit.doctor.host_condition import Clock, Condition
from capdoit.doctor.ssh_route import KNOWN, REVOKED, Leading
from capdoit.text import listed
from capdoit.units import size

LEAST_KIB = 100 * 1024
LEAST_INODES = 1000
FULL = 0.05  # so little left is worth knowing
CLOSE = 5.0  # seconds; clocks nearer than this count as the same
UTF_8 = ("utf-8", "utf8")


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        where: a host, a place in deploy.yml, or ``controller``.
        text: what it is, and what would help.
        is_problem: whether a flow would fail at it, or lose something; else it is worth knowing.
    """

    where: str
    text: str
    is_problem: bool = True


def of_controller(lacking: Iterable[str]) -> list[Finding]:
    """The programs that the controller has to have."""
    return [Finding("controller", f"{program} is not installed") for program in lacking]


def of_condition(condition: Condition) -> list[Finding]:
    """What is wrong on a host."""
    host = condition.host
    problems = [f"{tool} is not installed" for tool in condition.no_tools]
    problems += [*_rights(condition), *_full(condition), *_clock(condition.clock)]
    remarks = [*_nearly_full(condition), *_locale(condition)]
    return [*(Finding(host, text) for text in problems), *(Finding(host, text, False) for text in remarks)]


def of_leading(leading: Leading, reached: bool) -> list[Finding]:
    """What is wrong with how ssh leads to a host.

    Args:
        leading: how it does.
        reached: whether it did; then a key that we do not find is known to ssh some other way.
    """
    strict = leading.strict == "yes"
    found = [Finding(leading.host, text, strict and not reached) for text in _key(leading, strict, reached)]
    return [*found, *(Finding(leading.host, text, False) for text in _loose(leading, strict))]


def of_settings(
    settings: Iterable[Setting], unused: Iterable[tuple[Setting, str]], environment: Mapping[str, str]
) -> list[Finding]:
    """Secrets without a value, and settings that nothing uses."""
    unset = [setting for setting in settings if setting.secret and setting.secret not in environment]
    return [
        *(Finding(s.place, f"{_full_name(s)}: the environment variable {s.secret} is not set") for s in unset),
        *(Finding(s.place, f"{_full_name(s)} is not used: {why}", False) for s, why in unused),
    ]


def sorted_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Problems first; each once."""
    return sorted(dict.fromkeys(findings), key=lambda finding: not finding.is_problem)


def lines(findings: Iterable[Finding], problems: bool) -> list[str]:
    """The problems, a line each; or the remarks, where one line says what is true of several hosts."""
    places: dict[str, list[str]] = {}
    for finding in findings:
        if finding.is_problem == problems:
            places.setdefault(finding.text, []).append(finding.where)
    if problems:
        return [f"{where}: {text}" for text, wheres in places.items() for where in wheres]
    return [f"{listed(wheres)}: {text}" for text, wheres in places.items()]


def summary(findings: Sequence[Finding]) -> str:
    """How many lines of each there are."""
    problems, remarks = len(lines(findings, True)), len(lines(findings, False))
    return f"{_number(problems, 'problem')}, {_number(remarks, 'remark')}"


def _number(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


def _full_name(setting: Setting) -> str:
    return f"{setting.name} of {setting.host}" if setting.host else setting.name


# -- a host


def _rights(condition: Condition) -> list[str]:
    if not condition.deploy_to:
        return []
    missing = "" if condition.exists else f"{condition.deploy_to} does not exist, and "
    if not condition.is_directory:
        return [f"{missing}{condition.place} is no directory"]
    whose = f"{condition.mode} of {condition.owner}" if condition.owner else "its rights are not known"
    return [
        f"{missing}{path} cannot be written to and entered by {condition.user}"
        + (f" ({whose})" if path == condition.place else "")
        for path in condition.closed
    ]


def _full(condition: Condition) -> list[str]:
    disk, inodes = condition.disk, condition.inodes
    full = [f"{size(disk.free)} free at {condition.place}"] if disk and disk.free < LEAST_KIB else []
    if inodes and inodes.free < LEAST_INODES:
        full.append(f"{inodes.free} inodes free at {condition.place}")
    return full


def _nearly_full(condition: Condition) -> list[str]:
    rooms = {"of the disk": condition.disk, "of the inodes": condition.inodes}
    low = {what: room for what, room in rooms.items() if room and room.share < FULL}
    if _full(condition):
        return []
    return [f"{room.share:.1%} {what} free at {condition.place}" for what, room in low.items()]


def _clock(clock: Clock | None) -> list[str]:
    if clock is None or abs(clock.offset) - clock.uncertainty <= CLOSE:
        return []
    way = "ahead of" if clock.offset > 0 else "behind"
    return [f"its clock is {seconds(clock)} {way} the controller's"]


def _locale(condition: Condition) -> list[str]:
    said = condition.charmap or condition.locale.rpartition(".")[2]
    if said.lower() in UTF_8:
        return []
    locale = condition.locale or "not set"
    characters = f" ({condition.charmap})" if condition.charmap else ""
    return [f"its locale is {locale}{characters}, not UTF-8; default_env: {{LANG: C.UTF-8}} would set one"]


def seconds(clock: Clock) -> str:
    """How far a clock is off, with no more digits than are known."""
    digits = 0 if clock.uncertainty >= 1 else 1 if clock.uncertainty >= 0.1 else 2
    return f"{abs(clock.offset):.{digits}f} s ± {clock.uncertainty:.{max(digits, 1)}f}"


# -- how ssh leads there


def _key(leading: Leading, strict: bool, reached: bool) -> list[str]:
    if leading.key == KNOWN or (reached and strict and leading.key != REVOKED):
        return []
    names, files = leading.key_names[0], listed(leading.key_files) or "no file"
    if leading.key == REVOKED:
        return [f"a key of {names} is revoked in {files}"]
    return [f"its host key is not known: {names} is not in {files}{_and_then(leading)}"]


def _and_then(leading: Leading) -> str:
    if leading.gateway:
        return ""
    host, _, port = leading.address.partition("@")[2].rpartition(":")
    return f"; `ssh-keyscan -p {port} {host}` shows it, for you to compare"


def _loose(leading: Leading, strict: bool) -> list[str]:
    said = [] if strict else [f"StrictHostKeyChecking is {leading.strict}: another machine could pass for it"]
    if leading.forwards_agent:
        said.append("ForwardAgent is on: whoever is root there can use your keys")
    if not leading.keepalive:
        said.append("ServerAliveInterval is 0: a connection that is lost is noticed late")
    return said
