"""Findings: problems and remarks about the controller, the hosts, ssh and settings. All functions are pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from capdoit.config.origins import Setting
from capdoit.config.short_path import describe_short_path, is_short_path
from capdoit.decisions.directory_conflicts import find_directory_conflicts
from capdoit.doctor.host_condition import Clock, Condition
from capdoit.doctor.ssh_route import KNOWN, REVOKED, SshRoute
from capdoit.redaction import SHORTEST_SECRET, is_too_short
from capdoit.text import group_names, join_names
from capdoit.units import format_size

LEAST_KIB = 100 * 1024
LEAST_INODES = 1000
LOW_SHARE = 0.05  # of a disk
LARGEST_OFFSET_SECONDS = 5.0  # between two clocks
UTF_8 = ("utf-8", "utf8")
# NixOS has its programs in the last one.


@dataclass(frozen=True)
class Finding:
    """A problem or a remark.

    Attributes:
        where: a host, a stage, a place in deploy.yml, or ``controller``.
        text: what was found, and what would help.
        is_problem: whether a flow would fail or lose something because of it. Anything else is a remark.
    """

    where: str
    text: str
    is_problem: bool = True


def judge_controller(missing: Iterable[str]) -> list[Finding]:
    """Return a problem for each program that is missing on the controller."""
    return [Finding("controller", f"{program} is not installed") for program in missing]


def judge_condition(condition: Condition) -> list[Finding]:
    """Return the findings about a host."""
    problems = [f"{tool} is not installed" for tool in condition.no_tools]
    problems += [*_judge_rights(condition), *_judge_full_disk(condition), *_judge_clock(condition.clock)]
    remarks = [*_judge_lock(condition), *_judge_low_disk(condition), *_judge_locale(condition)]
    return [
        *(Finding(condition.host, text) for text in problems),
        *(Finding(condition.host, text, is_problem=False) for text in remarks),
    ]


def judge_directories(conditions: Sequence[Condition], stage: str) -> list[Finding]:
    """Return a problem for each directory that is the deploy_to of several hosts of a stage."""
    paths = {one.host: one.deploy_to for one in conditions}
    shared = find_directory_conflicts({one.host: one.directory_id for one in conditions}, paths)
    return [Finding(f"stage {stage}", problem.text) for problem in shared]


def judge_ssh_route(route: SshRoute, is_reached: bool) -> list[Finding]:
    """Return the findings about the route of ssh to a host.

    Args:
        route: the route.
        is_reached: whether the host answered. If it did, ssh knows the key in a way that capdoit does not see.
    """
    is_strict = route.strict == "yes"
    is_problem = is_strict and not is_reached
    return [
        *(Finding(route.host, text, is_problem) for text in _judge_key(route, is_strict, is_reached)),
        *(Finding(route.host, text, is_problem=False) for text in _judge_options(route, is_strict)),
    ]


def judge_settings(
    settings: Iterable[Setting], unused: Iterable[tuple[Setting, str]], environment: Mapping[str, str]
) -> list[Finding]:
    """Return the findings about settings: secrets without a value or too short, a short PATH, unused settings.

    Args:
        settings: all settings of a stage.
        unused: settings that nothing uses, each with the reason.
        environment: the controller's environment variables.
    """
    settings = list(settings)
    unset = [setting for setting in settings if not setting.is_set]
    short = [one for one in settings if one.is_secret and is_too_short(environment.get(one.variable, ""))]
    return [
        *(Finding(s.place, _describe_short_secret(s), is_problem=False) for s in short),
        *(
            Finding(one.place, f"{_full_name(one)} {describe_short_path(one)}", is_problem=False)
            for one in settings
            if is_short_path(one)
        ),
        *(Finding(s.place, f"{_full_name(s)}: the environment variable {s.variable} is not set") for s in unset),
        *(Finding(s.place, f"{_full_name(s)} is not used: {why}", is_problem=False) for s, why in unused),
    ]


def _describe_short_secret(setting: Setting) -> str:
    return f"{_full_name(setting)}: {setting.variable} is too short to be masked ({SHORTEST_SECRET} characters)"


def sort_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings without duplicates, problems first."""
    return sorted(dict.fromkeys(findings), key=lambda finding: not finding.is_problem)


def format_findings(findings: Iterable[Finding], is_problem: bool) -> list[str]:
    """Return the lines for all problems, or for all remarks, grouped by text.

    Each problem has a separate line. An equal remark about several hosts has one line.
    """
    chosen = [finding for finding in findings if finding.is_problem == is_problem]
    if not is_problem:
        texts = group_names((finding.where, finding.text) for finding in chosen)
        return [f"{where}: {text}" for text, where in texts.items()]
    order = list(dict.fromkeys(finding.text for finding in chosen))
    return [f"{one.where}: {one.text}" for one in sorted(chosen, key=lambda finding: order.index(finding.text))]


def count_findings(findings: Sequence[Finding]) -> str:
    """Return the numbers of lines with problems and with remarks: ``2 problems, no remarks``."""
    counts = {noun: len(format_findings(findings, noun == "problem")) for noun in ("problem", "remark")}
    return join_names(f"{count or 'no'} {noun}{'' if count == 1 else 's'}" for noun, count in counts.items())


def _full_name(setting: Setting) -> str:
    return f"{setting.name} of {setting.host}" if setting.host else setting.name


# -- a host


def _judge_rights(condition: Condition) -> list[str]:
    if not condition.deploy_to:
        return []
    missing = "" if condition.exists else f"{condition.deploy_to} does not exist, and "
    if not condition.is_directory:
        return [f"{missing}{condition.place} is not a directory"]
    rights = f"{condition.mode} of {condition.owner}" if condition.owner else "its mode and owner are not known"
    return [
        f"{missing}{path} cannot be written to or entered by {condition.user}"
        + (f" ({rights})" if path == condition.place else "")
        for path in condition.closed
    ]


def _judge_full_disk(condition: Condition) -> list[str]:
    disk, inodes = condition.disk, condition.inodes
    full = [f"{format_size(disk.free)} free at {condition.place}"] if disk and disk.free < LEAST_KIB else []
    if inodes and inodes.free < LEAST_INODES:
        full.append(f"{inodes.free} inodes free at {condition.place}")
    return full


def _judge_low_disk(condition: Condition) -> list[str]:
    if _judge_full_disk(condition):
        return []
    rooms = {"of the disk": condition.disk, "of the inodes": condition.inodes}
    low = {noun: room for noun, room in rooms.items() if room and room.share < LOW_SHARE}
    return [f"{room.share:.1%} {noun} free at {condition.place}" for noun, room in low.items()]


def _judge_lock(condition: Condition) -> list[str]:
    return [f"locked by {condition.lock_holder}"] if condition.lock_holder else []


def _judge_clock(clock: Clock | None) -> list[str]:
    if clock is None or abs(clock.offset) - clock.uncertainty <= LARGEST_OFFSET_SECONDS:
        return []
    way = "ahead of" if clock.offset > 0 else "behind"
    return [f"its clock is {describe_offset(clock)} {way} the controller's clock"]


def _judge_locale(condition: Condition) -> list[str]:
    charmap = condition.charmap or condition.locale.rpartition(".")[2]
    if charmap.lower() in UTF_8:
        return []
    locale = condition.locale or "not set"
    known = f" ({condition.charmap})" if condition.charmap else ""
    return [f"its locale is {locale}{known}, not UTF-8; set one with default_env: {{LANG: C.UTF-8}}"]


def describe_offset(clock: Clock) -> str:
    """Return the offset of a clock, with no more digits than its uncertainty allows."""
    digits = 0 if clock.uncertainty >= 1 else 1 if clock.uncertainty >= 0.1 else 2
    return f"{abs(clock.offset):.{digits}f} s ± {clock.uncertainty:.{max(digits, 1)}f}"


# -- the route of ssh


def _judge_key(route: SshRoute, is_strict: bool, is_reached: bool) -> list[str]:
    if route.key == KNOWN or (is_reached and is_strict and route.key != REVOKED):
        return []
    name, files = route.key_names[0], join_names(route.key_files)
    if route.key == REVOKED:
        return [f"a key of {name} is revoked in {files}"]
    place = f"{name} is not in {files}" if files else f"ssh has no file with known keys, in which {name} could be"
    return [f"its host key is not known: {place}{_advise_keyscan(route)}"]


def _advise_keyscan(route: SshRoute) -> str:
    if route.gateway:
        return ""
    host, _, port = route.address.partition("@")[2].rpartition(":")
    return f"; `ssh-keyscan -p {port} {host}` prints the key, for you to compare"


def _judge_options(route: SshRoute, is_strict: bool) -> list[str]:
    found = []
    if not is_strict:
        found.append(f"StrictHostKeyChecking is {route.strict}: another machine could pretend to be this host")
    if route.forwards_agent:
        found.append("ForwardAgent is on: root on this host can use your keys")
    if not route.keepalive:
        found.append("ServerAliveInterval is 0: a lost connection is noticed late")
    return found
