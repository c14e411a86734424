"""The condition of one host: what ``host_condition.sh`` prints. A hostile host cannot do harm by what it prints."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from capdoit.config.stages import Stage
from capdoit.hosts.connection import Connection
from capdoit.hosts.request import Request
from capdoit.operations.lock import flock_request
from capdoit.operations.survey import SURVEY_TIMEOUT_SECONDS
from capdoit.operations.tools import tools_for_both_flows
from capdoit.records.fact_lines import FactLines, parse_fact_lines, parse_room
from capdoit.records.journal import Entry
from capdoit.records.lock_state import LOCK_KEYS, describe_holder, parse_is_held
from capdoit.script import Value
from capdoit.text import cut
from capdoit.units import Capacity

SHOWN_TOOLS = ("git", "tar", "rsync", "flock", "sha256sum")
OF_HOST = {"clock", "locale", "charmap", "user", "shell", "shell_version"}
OF_PLACE = {"place", "no_directory", "rights", "disk", "inodes", "directory_id"} | LOCK_KEYS
ONCE = OF_HOST | OF_PLACE | {"end"}
OFTEN = {"tool", "no_tool", "closed"}
MOST_VALUES = 100  # programs, or paths; an honest host has fewer
LONGEST_VALUE = 1000  # characters
VERSION = re.compile(r"[0-9]+(\.[0-9]+)+")
CLOCK = re.compile(r"([0-9]{1,12})(?: ([0-9]{9}))?(?: .*)?")
RIGHTS = re.compile(r"(\S{10})\S?\s+[0-9]+\s+(\S+)\s+(\S+)\s")


@dataclass(frozen=True)
class Clock:
    """The difference between a host's clock and the controller's clock.

    Attributes:
        offset: seconds; negative if the host's clock is behind.
        uncertainty: seconds by which the offset may be wrong: half the time between question and answer,
            including the login of a new connection.
    """

    offset: float
    uncertainty: float


@dataclass(frozen=True)
class Condition:
    """The condition of one host.

    Attributes:
        host: the host's name.
        clock: compared with the controller's; None if the host did not tell the time.
        locale: the locale that is set; empty if none is.
        charmap: the character set that ``locale charmap`` prints; empty without that program.
        user: the user that capdoit works as.
        sh: the program behind sh, and its version if it prints one.
        tools: versions by program; empty for a program that does not print its version.
        no_tools: programs that the stage needs and that are not installed.
        deploy_to: the setting; empty if the host gets no releases.
        place: deploy_to, or the nearest parent directory that exists.
        owner: the owner of the place: ``user:group``.
        mode: the mode of the place, as ls prints it.
        is_directory: whether the place is a directory.
        closed: paths that the user cannot write to or enter: the place, and capdoit's own paths in it.
        lock_holder: the flow or process that holds the lock, or the flow that left it behind; empty if it is free.
        disk: KiB at the place.
        inodes: inodes at the place; None also if its file system does not count any.
        directory_id: identity of deploy_to, equal for two names of one directory; empty if it is not known.
    """

    host: str
    clock: Clock | None = None
    locale: str = ""
    charmap: str = ""
    user: str = ""
    sh: str = ""
    tools: Mapping[str, str] = field(default_factory=dict)
    no_tools: tuple[str, ...] = ()
    deploy_to: str = ""
    place: str = ""
    owner: str = ""
    mode: str = ""
    is_directory: bool = True
    closed: tuple[str, ...] = ()
    lock_holder: str = ""
    disk: Capacity | None = None
    inodes: Capacity | None = None
    directory_id: str = ""

    @property
    def exists(self) -> bool:
        """True if deploy_to exists."""
        return self.place == self.deploy_to


def examine_host(stage: Stage, host: Connection) -> Condition:
    """Return the condition of a host. One round trip; changes nothing.

    Raises:
        HostError: the host could not answer.
    """
    gets_code = not host.config.no_release
    tools = tools_for_both_flows(stage) if gets_code else ()
    values: dict[str, Value] = {"version_tools": SHOWN_TOOLS, "tools": tools}
    values["deploy_to"] = host.path_value() if gets_code else ""
    request = Request(
        host.script("doctor", "doctor/host_condition", values), capture=True, timeout=SURVEY_TIMEOUT_SECONDS
    )
    sent = time.time()
    flock, answer = host.ask([flock_request(), request])
    if answer.status:
        raise host.failure(answer, request.name)
    condition = parse_condition(host.name, host.deploy_to if gets_code else "", answer.text, sent, time.time())
    if not gets_code or not flock.status:
        return condition
    return replace(condition, no_tools=(*condition.no_tools, "flock"))


def parse_condition(host: str, deploy_to: str, text: str, sent: float, received: float) -> Condition:
    """Return the condition in the answer of a host.

    Args:
        host: the host's name.
        deploy_to: its deploy_to; empty if the host gets no releases.
        text: the stdout of ``host_condition.sh``.
        sent: the time of the question, by the controller's clock.
        received: the time of the answer.

    Raises:
        HostError: the text is not what ``host_condition.sh`` prints.
    """
    facts = parse_fact_lines(host, text, ONCE, OFTEN, "doctor")
    once = {key: cut("".join(facts[key]), LONGEST_VALUE) for key in ONCE}
    condition = Condition(
        host=host,
        clock=_parse_clock(once["clock"], sent, received),
        locale=once["locale"],
        charmap=once["charmap"],
        user=once["user"],
        deploy_to=deploy_to,
        lock_holder=describe_holder(Entry.parse(once["lock"]), parse_is_held(facts), once["lock_process"]),
    )
    return _with_place(_with_programs(condition, facts, once), facts, once)


def _with_programs(condition: Condition, facts: FactLines, once: Mapping[str, str]) -> Condition:
    tools = dict(_parse_tool(tool) for tool in facts["tool"])
    return replace(
        condition,
        sh=f"{once['shell'].rpartition('/')[2]} {_find_version(once['shell_version'])}".strip(),
        tools={tool: version for tool, version in tools.items() if tool in SHOWN_TOOLS},
        no_tools=_limit(facts["no_tool"]),
    )


def _with_place(condition: Condition, facts: FactLines, once: Mapping[str, str]) -> Condition:
    mode, owner = _parse_rights(once["rights"])
    return replace(
        condition,
        place=once["place"],
        owner=owner,
        mode=mode,
        is_directory=not once["no_directory"],
        closed=_limit(facts["closed"]),
        disk=parse_room(once["disk"]),
        inodes=parse_room(once["inodes"]),
        directory_id=once["directory_id"],
    )


def _parse_clock(text: str, sent: float, received: float) -> Clock | None:
    """Return a clock: the host read it between the two times. A clock without fractions rounds down."""
    match = CLOCK.fullmatch(text)
    if not match:
        return None
    seconds, fraction = match.groups()
    earliest = int(seconds) + int(fraction or 0) / 1e9
    latest = earliest + (0 if fraction else 1)
    return Clock((earliest + latest - sent - received) / 2, (latest - earliest + received - sent) / 2)


def _limit(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(cut(value, LONGEST_VALUE) for value in values[:MOST_VALUES])


def _parse_tool(text: str) -> tuple[str, str]:
    name, _, line = text.partition(" ")
    return name, _find_version(line)


def _find_version(line: str) -> str:
    """Return the version in a line such as ``tar (GNU tar) 1.34``; busybox is part of it, as it can do less."""
    found = VERSION.search(line)
    busybox = "busybox " if "busybox" in line.lower() else ""
    return f"{busybox}{found[0]}" if found else ""


def _parse_rights(line: str) -> tuple[str, str]:
    match = RIGHTS.match(line)
    return (match[1], f"{match[2]}:{match[3]}") if match else ("", "")
