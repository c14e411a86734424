"""Where faults strike, what they do to a host or to the controller, and which of them make a case."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

HOSTS = ("web1", "web2", "web3")
FLIP = ".capdoit/next/current"
WARNING_STEPS = {"finishing", "finishing_rollback", "finished"}


@dataclass(frozen=True)
class Point:
    """A moment of a flow.

    Attributes:
        flow: ``deploy`` or ``rollback``.
        step: the step that it is in, or beside.
        when: ``before`` and ``after`` the step, in a hook; ``in`` its script, at the first use of a tool;
            ``behind`` that use; ``as`` it begins, which is seen from the lock.
        tool: the tool.
        given: a text that is among its arguments.
        archived: whether the release to go to is only an archive.
        published: whether the flow's release is live by then.
    """

    flow: str
    step: str
    when: str
    tool: str = ""
    given: str = ""
    archived: bool = False
    published: bool = False

    @property
    def name(self) -> str:
        """For the case's id."""
        return "-".join(filter(None, (self.flow, self.when, self.step, self.tool)))

    @property
    def only_warns(self) -> bool:
        """Whether what fails there is a warning."""
        return self.when == "in" and self.step in WARNING_STEPS


POINTS = (
    Point("deploy", "starting", "before"),
    Point("deploy", "starting", "as"),
    Point("deploy", "started", "after"),
    Point("deploy", "updating", "in", "git"),
    Point("deploy", "updating", "in", "mkdir"),
    Point("deploy", "updating", "in", "tar"),
    Point("deploy", "updating", "in", "ln"),
    Point("deploy", "updated", "after"),
    Point("deploy", "publishing", "in", "ln"),
    Point("deploy", "publishing", "in", "mv", FLIP),
    Point("deploy", "publishing", "behind", "mv", FLIP),
    Point("deploy", "published", "after", published=True),
    Point("deploy", "finishing", "in", "rm", published=True),
    Point("deploy", "finishing", "after", published=True),
    Point("deploy", "finished", "in", "tail", published=True),
    Point("deploy", "finished", "after", published=True),
    Point("rollback", "starting", "before"),
    Point("rollback", "starting", "as"),
    Point("rollback", "started", "after"),
    Point("rollback", "reverting", "in", "tar", archived=True),
    Point("rollback", "reverting", "in", "mv", archived=True),
    Point("rollback", "reverted", "after"),
    Point("rollback", "publishing", "in", "ln"),
    Point("rollback", "publishing", "in", "mv", FLIP),
    Point("rollback", "publishing", "behind", "mv", FLIP),
    Point("rollback", "published", "after", published=True),
    Point("rollback", "finishing_rollback", "in", "tar", published=True),
    Point("rollback", "finishing_rollback", "after", published=True),
    Point("rollback", "finished", "in", "tail", published=True),
    Point("rollback", "finished", "after", published=True),
)


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong.

    Attributes:
        name: for the case's id.
        strike: sh that does it; it knows ``$deploy_to``, ``$listener`` (the pid of the host's sshd),
            ``$controller`` (doit's pid), ``$down`` (a file: cut this host's power) and ``$first`` (is
            this the first of the hosts that are struck).
        stay: sh after that, in the script that was struck: the tool goes on when it ends.
        lift: sh that mends the host.
        hits: ``controller``, ``host``, ``disk`` or ``script``.
        tmpfs: how deploy_to is mounted for it; a plain directory when empty.
    """

    name: str
    strike: str
    stay: str = ":"
    lift: str = ":"
    hits: str = "host"
    tmpfs: str = ""

    @property
    def needs_root(self) -> bool:
        """Whether it mounts something."""
        return self.hits == "disk"

    def fits(self, point: Point) -> bool:
        """Whether it can strike there: nothing of ours runs as `starting` begins, so no script is struck."""
        return point.when != "as" or self.hits != "script"


# What strikes after the session's own processes were ended must not be one of them.
APART = 'setsid sh -c "sleep {after}; kill -{signal} $controller" </dev/null >/dev/null 2>&1 9>&- &'
LONG = "sleep 60"


def _signal(name: str, strike: str) -> Fault:
    return Fault(name, f'if [ "$first" ]; then {strike}\nfi', LONG, hits="controller")


FAULTS = (
    _signal("sigint", "kill -INT $controller"),
    _signal("sigint_twice", "kill -INT $controller; " + APART.format(after=0.1, signal="INT")),
    _signal("sigterm", "kill -TERM $controller"),
    _signal("sighup", "kill -HUP $controller"),
    _signal("sigkill", "kill -KILL $controller"),
    Fault("connection_dropped", "pkill -KILL -P $listener", LONG),
    Fault("power_cut", ': >"$down"', LONG),
    Fault(
        "disk_full",
        'head -c 100M /dev/zero >"$deploy_to/filler" 2>/dev/null',
        lift='rm -f "$deploy_to/filler"',
        hits="disk",
        tmpfs="size=8m",
    ),
    Fault(
        "no_inodes",
        'mkdir "$deploy_to/filler"; (cd "$deploy_to/filler" && seq 600 | xargs touch 2>/dev/null)',
        lift='rm -rf "$deploy_to/filler"',
        hits="disk",
        tmpfs="nr_inodes=600",
    ),
    # The session's lock is open for writing, so a real remount is refused: from here on, whoever comes to
    # the directory finds it read-only. Root is also stopped by it, as a mere user is by permissions.
    Fault(
        "read_only",
        'mount --bind "$deploy_to" "$deploy_to"; mount -o remount,bind,ro "$deploy_to"',
        lift='mountpoint -q "$deploy_to" && umount -l "$deploy_to"; :',
        hits="disk",
    ),
    Fault("killed", ":", "kill -KILL $$", hits="script"),
    Fault(
        "endless",
        f'if [ "$first" ]; then {APART.format(after=0.2, signal="INT")}\nfi',
        'trap "" TERM INT HUP; while :; do sleep 0.5; done',
        hits="script",
    ),
)


@dataclass(frozen=True)
class Case:
    """A fault that strikes at a point on some hosts.

    Attributes:
        point: where.
        fault: what.
        hosts: one of three, or all.
    """

    point: Point
    fault: Fault
    hosts: tuple[str, ...]

    @property
    def id(self) -> str:
        """For pytest."""
        return f"{self.point.name}-{self.fault.name}-{_named(self.hosts)}"

    @property
    def must_fail(self) -> bool:
        """Whether the flow cannot end well; a disk without room may have no need of any."""
        if self.fault.hits == "controller" or self.fault.name == "endless":
            return True
        return self.fault.hits != "disk" and not self.point.only_warns and self.point.when != "as"

    @property
    def dies(self) -> bool:
        """Whether the controller may end without a word."""
        return self.fault.name in ("sigkill", "sigint_twice")


@dataclass(frozen=True)
class Want:
    """A host that lacks a tool, or has a wrong one, from the first moment of a flow.

    Attributes:
        flow: ``deploy`` or ``rollback``.
        tool: the tool.
        clock: what the time is for it when it is ``date``; the tool is missing when empty.
        hosts: one of three, or all.
    """

    flow: str
    tool: str
    clock: str
    hosts: tuple[str, ...]

    @property
    def id(self) -> str:
        """For pytest."""
        return f"{self.flow}-{self.clock.replace('-', '') or 'no'}-{self.tool}-{_named(self.hosts)}"

    @property
    def instead(self) -> str:
        """Sh that stands for the tool."""
        return f'exec /bin/date -d {self.clock} "$@"' if self.clock else ""


TOOLS = (
    *("git", "tar", "cat", "ln", "mkdir", "mv", "rm", "rmdir", "touch"),  # of the flows
    *("cut", "dd", "find", "readlink", "sed", "tail", "tr"),  # of the survey
)
CLOCKS = ("2001-01-01", "2037-01-01")


def cases() -> Iterator[Case]:
    """The whole matrix; the one host is another one from case to case.

    In each step each fault strikes one host, and all of them: at the step's points in turn, and at both where what is
    live changes or where the step has no second point for that fault.
    """
    for (_, step), group in itertools.groupby(POINTS, lambda point: (point.flow, point.step)):
        points = list(group)
        for number, fault in enumerate(FAULTS):
            fitting = [point for point in points if fault.fits(point)]
            both = step == "publishing" or len(fitting) == 1
            for turn, point in enumerate(fitting, number):
                if both or turn % 2:
                    yield Case(point, fault, (HOSTS[(turn + POINTS.index(point)) % 3],))
                if both or not turn % 2:
                    yield Case(point, fault, HOSTS)


def wants() -> Iterator[Want]:
    """Every tool missing in both flows, on one host and on all (in turn, but for git and tar), and clocks far off."""
    for shift, flow in enumerate(("deploy", "rollback")):
        for number, tool in enumerate(TOOLS):
            both, turn = tool in ("git", "tar"), (number + shift) % 2
            if both or turn:
                yield Want(flow, tool, "", (HOSTS[number % 3],))
            if both or not turn:
                yield Want(flow, tool, "", HOSTS)
        for number, clock in enumerate(CLOCKS):
            for hosts in ((HOSTS[number],), HOSTS):
                yield Want(flow, "date", clock, hosts)


def _named(hosts: tuple[str, ...]) -> str:
    return "all" if hosts == HOSTS else hosts[0]
