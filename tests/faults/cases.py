"""Faults, the moments of a flow at which they happen, and the cases of the fault matrix."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

HOSTS = ("web1", "web2", "web3")
FLIP = ".capdoit/next/current"
WARNING_STEPS = {"finishing", "finishing_rollback", "finished"}


@dataclass(frozen=True)
class Moment:
    """A moment of a flow.

    Attributes:
        flow: ``deploy`` or ``rollback``.
        step: the step.
        when: ``before`` or ``after`` the step, in a hook; ``in`` its script, before the first use of a program;
            ``behind`` that use; ``as`` the step begins, when the lock is taken.
        tool: name of the program.
        argument: text in the arguments of the program.
        is_target_archived: True if the target of the rollback exists only as an archive.
        is_published: True if the release of the flow is live at that moment.
        is_repeated: True if the flow gives up a part of its reserve and runs the program again when it fails.
    """

    flow: str
    step: str
    when: str
    tool: str = ""
    argument: str = ""
    is_target_archived: bool = False
    is_published: bool = False
    is_repeated: bool = False

    @property
    def name(self) -> str:
        """The name of the moment in the id of a case."""
        return "-".join(filter(None, (self.flow, self.when, self.step, self.tool)))

    @property
    def only_warns(self) -> bool:
        """True if a failure at that moment is only a warning."""
        return self.when == "in" and self.step in WARNING_STEPS


MOMENTS = (
    Moment("deploy", "starting", "before"),
    Moment("deploy", "starting", "as"),
    Moment("deploy", "started", "after"),
    Moment("deploy", "updating", "in", "git", "fetch"),
    Moment("deploy", "updating", "in", "mkdir"),
    Moment("deploy", "updating", "in", "tar"),
    Moment("deploy", "updating", "in", "ln"),
    Moment("deploy", "updated", "after"),
    Moment("deploy", "publishing", "in", "ln", is_repeated=True),
    Moment("deploy", "publishing", "in", "mv", FLIP),
    Moment("deploy", "publishing", "behind", "mv", FLIP),
    Moment("deploy", "published", "after", is_published=True),
    Moment("deploy", "finishing", "in", "rm", is_published=True),
    Moment("deploy", "finishing", "after", is_published=True),
    Moment("deploy", "finished", "in", "tail", is_published=True),
    Moment("deploy", "finished", "after", is_published=True),
    Moment("rollback", "starting", "before"),
    Moment("rollback", "starting", "as"),
    Moment("rollback", "started", "after"),
    Moment("rollback", "reverting", "in", "tar", is_target_archived=True),
    Moment("rollback", "reverting", "in", "mv", is_target_archived=True),
    Moment("rollback", "reverted", "after"),
    Moment("rollback", "publishing", "in", "ln", is_repeated=True),
    Moment("rollback", "publishing", "in", "mv", FLIP),
    Moment("rollback", "publishing", "behind", "mv", FLIP),
    Moment("rollback", "published", "after", is_published=True),
    Moment("rollback", "finishing_rollback", "in", "tar", is_published=True),
    Moment("rollback", "finishing_rollback", "after", is_published=True),
    Moment("rollback", "finished", "in", "tail", is_published=True),
    Moment("rollback", "finished", "after", is_published=True),
)


@dataclass(frozen=True)
class Fault:
    """A fault of a host, a connection or the controller.

    Attributes:
        name: part of the id of a case.
        strike: sh that causes the fault. Its variables: ``$deploy_to``, ``$listener`` and ``$port`` (pid and port of
            the host's sshd), ``$controller`` (pid of doit), ``$down`` (a file; creating it cuts the power of the host),
            ``$relay`` (pid of the relay of its network; stopping it loses the network), ``$refused`` (a file; creating
            it ends the connections of the host, which refuses new ones for 3 s), ``$session`` (the session of the
            script), ``$first`` (not empty on the first host with the fault), ``$python`` and ``$occupy_logins``
            (programs).
        then: sh that runs after the fault, before the interrupted script continues.
        repair: sh that repairs the host.
        affects: ``controller``, ``host``, ``disk``, ``removal`` or ``script``.
        is_shared: whether the operator shares a connection (ControlMaster) without keep-alive with each host.
        tmpfs: mount options of deploy_to; empty for a plain directory.
    """

    name: str
    strike: str
    then: str = ":"
    repair: str = ":"
    affects: str = "host"
    is_shared: bool = False
    tmpfs: str = ""

    @property
    def needs_root(self) -> bool:
        """True if the fault mounts a file system, or makes a file immutable."""
        return self.affects in ("disk", "removal")

    def is_possible_at(self, moment: Moment) -> bool:
        """Return True if the fault can happen at a moment; no script runs on a host as `starting` begins."""
        return moment.when != "as" or not (self.affects == "script" or "$session" in self.strike)


# A fault that happens after the processes of the session have ended must not be one of them.
APART = 'setsid sh -c "sleep {after}; kill -{signal} $controller" </dev/null >/dev/null 2>&1 9>&- &'
LONG = "sleep 60"
FREEZE = 'pids=$(ps -o pid= -s "$session"); setsid kill -STOP $pids 2>/dev/null'


def _signal(name: str, strike: str) -> Fault:
    return Fault(name, f'if [ "$first" ]; then {strike}\nfi', LONG, affects="controller")


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
        repair='rm -f "$deploy_to/filler"',
        affects="disk",
        tmpfs="size=8m",
    ),
    Fault(
        "no_inodes",
        'mkdir "$deploy_to/filler"; (cd "$deploy_to/filler" && seq 600 | xargs touch 2>/dev/null)',
        repair='rm -rf "$deploy_to/filler"',
        affects="disk",
        tmpfs="nr_inodes=600",
    ),
    # The lock of the session is open for writing, so a remount is refused. A bind mount is read-only for every
    # process that enters the directory from now on, root included.
    Fault(
        "read_only",
        'mount --bind "$deploy_to" "$deploy_to"; mount -o remount,bind,ro "$deploy_to"',
        repair='mountpoint -q "$deploy_to" && umount -l "$deploy_to"; :',
        affects="disk",
    ),
    # The releases that are there cannot be removed any more.
    Fault(
        "immutable_files",
        'chattr +i "$deploy_to"/releases/*/app.txt 2>/dev/null',
        repair='chattr -R -i "$deploy_to"/releases "$deploy_to"/.capdoit 2>/dev/null; :',
        affects="removal",
    ),
    Fault("killed", ":", "kill -KILL $$", affects="script"),
    Fault(
        "left_git_locks",
        "for name in config HEAD packed-refs shallow refs/heads/main objects/maintenance; do\n"
        '    : >"$deploy_to/repo/$name.lock"\n'
        "done",
        "kill -KILL $$",
        affects="script",
    ),
    Fault(
        "endless",
        f'if [ "$first" ]; then {APART.format(after=0.2, signal="INT")}\nfi',
        'trap "" TERM INT HUP; while :; do sleep 0.5; done',
        affects="script",
    ),
    Fault(
        "max_startups",  # the connection is lost, and others try to log in so often that sshd drops new logins
        'env -i $python $occupy_logins $port 3; pkill -KILL -P $listener -f "^sshd.*@notty"',
        LONG,
    ),
    Fault("connection_refused", ': >"$refused"', LONG),
    Fault("network_lost", "kill -STOP $relay", LONG, repair="kill -CONT $relay"),
    Fault("shared_network_lost", "kill -STOP $relay", LONG, repair="kill -CONT $relay", is_shared=True),
    Fault("session_frozen", FREEZE, LONG),
)


@dataclass(frozen=True)
class Case:
    """A fault at a moment on some hosts.

    Attributes:
        moment: the moment.
        fault: the fault.
        hosts: one of the three hosts, or all.
    """

    moment: Moment
    fault: Fault
    hosts: tuple[str, ...]

    @property
    def id(self) -> str:
        """The id in the output of pytest."""
        return f"{self.moment.name}-{self.fault.name}-{_named(self.hosts)}"

    @property
    def must_fail(self) -> bool:
        """True if the flow cannot succeed. With a full disk it can, when it needs no space; removals only warn."""
        if self.fault.affects == "controller" or self.fault.name == "endless":
            return True
        if self.fault.affects == "script" and self.moment.is_repeated:
            return False
        return self.fault.affects not in ("disk", "removal") and not self.moment.only_warns and self.moment.when != "as"

    @property
    def must_succeed(self) -> bool:
        """True if the flow cannot fail: a rollback needs no room, unless its target is an archive."""
        is_full = self.fault.name in ("disk_full", "no_inodes")
        return is_full and self.moment.flow == "rollback" and not self.moment.is_target_archived

    @property
    def is_reachable_again(self) -> bool:
        """True if a host with the fault, which this flow has locked, must be asked again until it answers."""
        return self.fault.name == "max_startups" and self.moment.step != "starting"

    @property
    def may_die(self) -> bool:
        """True if the controller may end without a report."""
        return self.fault.name in ("sigkill", "sigint_twice")


@dataclass(frozen=True)
class ProgramFault:
    """A program that is missing, or a clock that is wrong, from the start of a flow.

    Attributes:
        flow: ``deploy`` or ``rollback``.
        tool: name of the program.
        clock: the time that ``date`` prints; empty if the program is missing.
        hosts: one of the three hosts, or all.
    """

    flow: str
    tool: str
    clock: str
    hosts: tuple[str, ...]

    @property
    def id(self) -> str:
        """The id in the output of pytest."""
        return f"{self.flow}-{self.clock.replace('-', '') or 'no'}-{self.tool}-{_named(self.hosts)}"

    @property
    def instead(self) -> str:
        """The script that replaces the program."""
        return f'exec /bin/date -d {self.clock} "$@"' if self.clock else ""


TOOLS = (
    *("git", "tar", "cat", "ln", "mkdir", "mv", "rm", "rmdir", "sync", "touch"),  # of the flows
    *("cut", "dd", "find", "readlink", "sed", "tail", "tr"),  # of the survey
)
CLOCKS = ("2001-01-01", "2037-01-01")


def cases() -> Iterator[Case]:
    """Yield all cases; those with one host take the hosts in turn.

    In each step each fault happens on one host and on all hosts. The moments of a step take turns, except in
    `publishing` and where a step has only one moment for the fault: there each moment has both.
    """
    for (_, step), group in itertools.groupby(MOMENTS, lambda moment: (moment.flow, moment.step)):
        moments = list(group)
        for number, fault in enumerate(FAULTS):
            fitting = [moment for moment in moments if fault.is_possible_at(moment)]
            both = step == "publishing" or len(fitting) == 1
            for turn, moment in enumerate(fitting, number):
                if both or turn % 2:
                    yield Case(moment, fault, (HOSTS[(turn + MOMENTS.index(moment)) % 3],))
                if both or not turn % 2:
                    yield Case(moment, fault, HOSTS)


def container_cases() -> Iterator[Case]:
    """Yield a case for each moment, on hosts that are PID namespaces; the faults take turns, and so do the hosts.

    Faults that must know processes outside of the host, or that mount file systems, are not possible there.
    """
    faults = [fault for fault in FAULTS if fault.name in ("power_cut", "killed")]
    for number, moment in enumerate(MOMENTS):
        fitting = [fault for fault in faults if fault.is_possible_at(moment)]
        yield Case(moment, fitting[number % len(fitting)], (HOSTS[number % 3],) if number % 2 else HOSTS)


def program_faults() -> Iterator[ProgramFault]:
    """Yield each program missing in both flows, on one host or on all (git and tar: both), and wrong clocks."""
    for shift, flow in enumerate(("deploy", "rollback")):
        for number, tool in enumerate(TOOLS):
            both, turn = tool in ("git", "tar"), (number + shift) % 2
            if both or turn:
                yield ProgramFault(flow, tool, "", (HOSTS[number % 3],))
            if both or not turn:
                yield ProgramFault(flow, tool, "", HOSTS)
        for number, clock in enumerate(CLOCKS):
            for hosts in ((HOSTS[number],), HOSTS):
                yield ProgramFault(flow, "date", clock, hosts)


def _named(hosts: tuple[str, ...]) -> str:
    return "all" if hosts == HOSTS else hosts[0]
