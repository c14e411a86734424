"""The condition of one host: what ``host_condition.sh`` prints, read with suspicion."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from capdoit.config.stages import Stage
from capdoit.hosts.connection import Connection
from capdoit.hosts.request import Request
from capdoit.operations.lock import flock_request
from capdoit.operations.survey import LONGEST, NEEDED, NEEDED_TO_GO_BACK, needed_to_deploy
from capdoit.records.facts import facts_said, parse_room
from capdoit.script import Value
from capdoit.units import Room

# By the survey, and what ends a flow.
NEEDED_TO_ASK = ("cut", "dd", "find", "readlink", "sed", "tail", "tr")
SHOWN = ("git", "tar", "rsync", "flock", "sha256sum")
HOST = {"clock", "locale", "charmap", "user", "shell", "shell_version"}
PLACE = {"place", "no_directory", "rights", "disk", "inodes"}
ONCE = HOST | PLACE | {"end"}
OFTEN = {"tool", "no_tool", "closed"}
MOST = 100  # programs, or paths; there are fewer
LONGEST_FACT = 1000
VERSION = re.compile(r"[0-9]+(\.[0-9]+)+")
CLOCK = re.compile(r"([0-9]{1,12})(?: ([0-9]{9}))?(?: .*)?")
RIGHTS = re.compile(r"(\S{10})\S?\s+[0-9]+\s+(\S+)\s+(\S+)\s")


@dataclass(frozen=True)
class Clock:
    """How far a host's clock is ahead of the controller's.

    Attributes:
        offset: in seconds; negative when it is behind.
        uncertainty: by so much it may be more or less: half the time that passed between question and
            answer, a new connection's login included.
    """

    offset: float
    uncertainty: float


@dataclass(frozen=True)
class Condition:
    """The condition of one host.

    Attributes:
        host: the host's name.
        clock: against the controller's; None when it was not told.
        locale: the one that is set; empty for none.
        charmap: its characters, as ``locale charmap`` has it; empty where there is no such program.
        user: who capdoit is there.
        sh: which program that is, with its version if it tells.
        tools: versions of programs that are there; empty for one that does not tell.
        no_tools: the programs that the stage needs and that are not there.
        deploy_to: where it is deployed; empty for a host that gets no code.
        place: deploy_to, or the nearest directory above it that is there.
        owner: of that, as ``user:group``.
        mode: of that, as ls shows it.
        is_directory: whether that is one.
        closed: what of that, and of capdoit's own in it, the user may not write or enter.
        disk: KiB there.
        inodes: inodes there; None also where a file system has none to count.
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
    disk: Room | None = None
    inodes: Room | None = None

    @property
    def exists(self) -> bool:
        """Whether deploy_to is there."""
        return self.place == self.deploy_to


def examine(stage: Stage, host: Connection) -> Condition:
    """The condition of a host, asked in one round trip; changes nothing.

    Raises:
        HostError: it cannot be asked.
    """
    gets_code = not host.config.no_release
    deploy_to = host.deploy_to if gets_code else ""
    values: dict[str, Value] = {
        "version_tools": SHOWN,
        "tools": needed(stage) if gets_code else (),
        "deploy_to": deploy_to,
    }
    request = Request(host.script("doctor", "doctor/host_condition", values), capture=True, timeout=LONGEST)
    sent = time.time()
    flock, answer = host.ask([flock_request(), request])
    if answer.status:
        raise host.failure(answer, request.name)
    received = time.time()
    condition = parse(host.name, deploy_to, answer.text, sent, received)
    if not gets_code or not flock.status:
        return condition
    return replace(condition, no_tools=(*condition.no_tools, "flock"))


def needed(stage: Stage) -> tuple[str, ...]:
    """The programs that hosts need for both flows of a stage."""
    return tuple(dict.fromkeys([*needed_to_deploy(stage), *NEEDED_TO_GO_BACK, *NEEDED_TO_ASK, *NEEDED]))


def parse(host: str, deploy_to: str, text: str, sent: float, received: float) -> Condition:
    """The condition in what a host answered.

    Args:
        host: the host's name.
        deploy_to: its directory; empty when it gets no code.
        text: what ``host_condition.sh`` printed.
        sent: when it was asked, by the controller's clock.
        received: when it had answered.

    Raises:
        HostError: it is not what ``host_condition.sh`` prints.
    """
    said = facts_said(host, text, ONCE, OFTEN, "doctor")
    once = {key: "".join(said[key])[:LONGEST_FACT] for key in ONCE}
    mode, owner = _rights(once["rights"])
    tools = dict(_tool(tool) for tool in said["tool"])
    return Condition(
        host=host,
        clock=_clock(once["clock"], sent, received),
        locale=once["locale"],
        charmap=once["charmap"],
        user=once["user"],
        sh=f"{once['shell'].rpartition('/')[2]} {_version(once['shell_version'])}".strip(),
        tools={tool: version for tool, version in tools.items() if tool in SHOWN},
        no_tools=_few(said["no_tool"]),
        deploy_to=deploy_to,
        place=once["place"],
        owner=owner,
        mode=mode,
        is_directory=not once["no_directory"],
        closed=_few(said["closed"]),
        disk=parse_room(once["disk"]),
        inodes=parse_room(once["inodes"]),
    )


def _clock(said: str, sent: float, received: float) -> Clock | None:
    """The host looked at its clock at some moment between the two; a clock without fractions cuts them off."""
    match = CLOCK.fullmatch(said)
    if not match:
        return None
    seconds, fraction = match.groups()
    earliest = int(seconds) + int(fraction or 0) / 1e9
    latest = earliest + (0 if fraction else 1)
    return Clock((earliest + latest - sent - received) / 2, (latest - earliest + received - sent) / 2)


def _few(said: Sequence[str]) -> tuple[str, ...]:
    return tuple(fact[:LONGEST_FACT] for fact in said[:MOST])


def _tool(said: str) -> tuple[str, str]:
    name, _, line = said.partition(" ")
    return name, _version(line)


def _version(line: str) -> str:
    """The number in a line such as ``tar (GNU tar) 1.34``; busybox's programs know less than others."""
    found = VERSION.search(line)
    busybox = "busybox " if "busybox" in line.lower() else ""
    return f"{busybox}{found[0]}" if found else ""


def _rights(line: str) -> tuple[str, str]:
    match = RIGHTS.match(line)
    return (match[1], f"{match[2]}:{match[3]}") if match else ("", "")
