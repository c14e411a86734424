"""The typed events of a flow or command.

Everything that a person may see is made from these events. Steps, operations and connections emit them and know
none of the listeners; a listener (the console, a log file, a report page) decides what to show of an event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from capdoit.output.drill_report import DrillReport
    from capdoit.output.dry_run_summary import DryRunSummary
    from capdoit.output.failure_report import FailureReport
    from capdoit.records.facts import Facts
    from capdoit.state.decision import Decision


LONGEST_LOGGED_OUTPUT = 1 << 16  # characters of captured stdout in an event; a survey's answer is far shorter


@dataclass(frozen=True)
class Event:
    """Something that happened once. Text in its fields has no secrets when a listener gets it.

    Attributes:
        run: id of the flow, check or drill that it belongs to; the bus sets it, and two events that differ only in it
            are equal. Empty outside of them.
    """

    run: str = field(default="", kw_only=True, compare=False, repr=False)


@dataclass(frozen=True)
class RunStarted(Event):
    """A flow, a drill, a check, a setup, a task on demand or a command began; no host was touched yet.

    Attributes:
        stage: name of the stage.
        hosts: names of the selected hosts.
        operator: user who started it.
    """

    stage: str
    hosts: tuple[str, ...]
    operator: str


@dataclass(frozen=True)
class Output(Event):
    """Lines of output of a command on a host that arrived together: one, or thousands. Their secrets are masked.

    Attributes:
        host: name of the host.
        stream: ``out`` or ``err``.
        lines: printable, without their line ends, but with their colors: `capdoit.text.strip_colors` removes these.
    """

    host: str
    stream: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class HostOutput(Output):
    """Output for the operator."""


@dataclass(frozen=True)
class HiddenOutput(Output):
    """Output that nobody asked to show, such as a remark of a program in the survey; for the log."""


@dataclass(frozen=True)
class TransferProgress(Event):
    """The state of a file on its way to a host, or from it; at most about ten a second for one file.

    Attributes:
        host: name of the host.
        name: name of the request that sends or gets the file.
        sent_bytes: size of the part that was sent.
        total_bytes: size of the file; of a directory that is downloaded, an estimate.
    """

    host: str
    name: str
    sent_bytes: int
    total_bytes: int


@dataclass(frozen=True)
class WorkStarted(Event):
    """A host began its part of a step or hook. A step may have several parts, one after the other.

    Attributes:
        host: name of the host.
    """

    host: str


@dataclass(frozen=True)
class WorkFinished(Event):
    """A host came to the end of its part of a step or hook.

    Attributes:
        host: name of the host.
        seconds: duration.
        reason: why it failed, in one line; empty if it succeeded.
        is_cancelled: it did not fail itself, but was stopped because of another host or a signal.
    """

    host: str
    seconds: float
    reason: str = ""
    is_cancelled: bool = False


@dataclass(frozen=True)
class RequestSent(Event):
    """A script was sent to a host.

    Attributes:
        host: name of the host.
        name: name of the request in messages.
        verb: how the host runs the script, as in `hosts.request.Request`.
        values: the environment and the values of the script, as assignments of sh.
        body: the commands of the script.
        fed_file: path of the file that the script reads; empty for none, and for a file that only capdoit has.
        fed_bytes: size of what the script reads; None if it reads nothing.
    """

    host: str
    name: str
    verb: str
    values: str
    body: str
    fed_file: str = ""
    fed_bytes: int | None = None


@dataclass(frozen=True)
class RequestAnswered(Event):
    """A host answered a script.

    Attributes:
        host: name of the host.
        name: name of the request in messages.
        status: exit status.
        seconds: time from the request to its answer, or to the last answer of requests that were sent together.
        output: stdout, if the request captured it; not longer than `LONGEST_LOGGED_OUTPUT` characters.
    """

    host: str
    name: str
    status: int
    seconds: float
    output: str = ""


@dataclass(frozen=True)
class RequestFailed(Event):
    """A host did not answer: it could not be reached, was lost, or took too long.

    Attributes:
        host: name of the host.
        name: names of the requests that were sent together.
        reason: the error in one line.
        seconds: time from the request to the error.
    """

    host: str
    name: str
    reason: str
    seconds: float


# -- the flow


@dataclass(frozen=True)
class FlowStarted(RunStarted):
    """A deploy, a rollback, or the rollback inside a drill began.

    Attributes:
        flow: ``deploy`` or ``rollback``.
        branch: source of the code: a branch, or the path of an archive.
        message: the operator's reason; may be empty.
        unknown_variables: names of NAME=VALUE that only hooks or tasks of the project can use.
        is_drill: the flow only rehearses.
        tasks: names of the steps and hooks that the flow does, in order.
        is_dry_run: the flow changes nothing.
        elapsed_seconds: time since the request for the flow, which all durations of the flow begin with.
        undone_release: in an automatic rollback, the release whose deploy failed; else empty.
    """

    flow: str
    branch: str
    message: str
    unknown_variables: tuple[str, ...] = ()
    is_drill: bool = False
    tasks: tuple[str, ...] = ()
    is_dry_run: bool = False
    elapsed_seconds: float = 0.0
    undone_release: str = ""


@dataclass(frozen=True)
class StepStarted(Event):
    """A step or hook began."""

    name: str
    is_hook: bool


@dataclass(frozen=True)
class StepFinished(Event):
    """A step or hook was done on all its hosts, or was skipped."""

    name: str
    is_hook: bool
    seconds: float


@dataclass(frozen=True)
class StepSkipped(Event):
    """A hook was left out because ``skip=`` names it."""

    name: str


@dataclass(frozen=True)
class HooksOnly(Event):
    """The operator runs hooks without the steps before them: they work on the live release."""


@dataclass(frozen=True)
class StepFailed(Event):
    """A step or hook failed, or was interrupted; the flow ends with it.

    Attributes:
        name: name of the step or hook.
        interruption: the signal or wish that ended it; empty for a failure.
        reason: why it failed, in one line without secrets; empty for an interruption.
    """

    name: str
    interruption: str
    reason: str = ""


@dataclass(frozen=True)
class FlowFailed(Event):
    """A flow did not finish; hosts are cleaned up. doit prints the report, as that of a failed task.

    Attributes:
        report: data of the report for the operator.
    """

    report: FailureReport


@dataclass(frozen=True)
class FlowStopped(Event):
    """A flow ended after the last step that the operator asked for, and not at its end.

    Attributes:
        report: data of the report for the operator.
    """

    report: FailureReport


@dataclass(frozen=True)
class TeardownFailed(Event):
    """A flow failed while doit ended, when doit does not print errors any more.

    Attributes:
        text: the complete text for the operator.
    """

    text: str


@dataclass(frozen=True)
class FlowFinished(Event):
    """A flow came to its end.

    Attributes:
        name: flow and stage, such as ``deploy:production``.
        missing: names of hosts that could not be reached and were left out.
        warnings: number of warnings.
        seconds: duration.
        undo: the command that goes back to what was live before; empty if there is none.
    """

    name: str
    missing: tuple[str, ...]
    warnings: int
    seconds: float
    undo: str = ""


@dataclass(frozen=True)
class StopRequested(Event):
    """A signal asked the running flows to stop in order.

    Attributes:
        signal: its name for people: ``Ctrl-C``, ``SIGTERM``.
    """

    signal: str


@dataclass(frozen=True)
class AutomaticRollbackStarted(Event):
    """A deploy failed after its publish, and ``on_failure: rollback`` undoes it.

    Attributes:
        release: the release that is live and will be rolled back from.
    """

    release: str


@dataclass(frozen=True)
class AutomaticRollbackFinished(Event):
    """An automatic rollback came to its end; the report of the deploy that failed follows.

    Attributes:
        targets: the release that was rolled back to, by host; empty if none was chosen.
        has_failed: the rollback did not come to its end.
        seconds: its duration.
    """

    targets: Mapping[str, str]
    has_failed: bool
    seconds: float


@dataclass(frozen=True)
class Warned(Event):
    """Something went wrong, and the flow goes on.

    Attributes:
        text: the warning.
        host: name of the host that it concerns; empty when it concerns the fleet.
    """

    text: str
    host: str = ""


@dataclass(frozen=True)
class SecretsNotMasked(Event):
    """Some secrets are so short that they are not masked.

    Attributes:
        variables: the environment variables that hold them.
    """

    variables: tuple[str, ...]


# -- hosts


@dataclass(frozen=True)
class LoginRetried(Event):
    """An ssh server ended a connection before authentication, and the login is tried again.

    Attributes:
        host: name of the host.
        reason: what happened, in one line.
        timeout_seconds: longest time until the host counts as unreachable.
    """

    host: str
    reason: str
    timeout_seconds: float


@dataclass(frozen=True)
class LockTaken(Event):
    """The flow took the lock of a host."""

    host: str


@dataclass(frozen=True)
class LockReleased(Event):
    """The flow gave back the lock of a host before its end."""

    host: str


@dataclass(frozen=True)
class StaleLockTakenOver(Event):
    """The locks of hosts were left behind by a flow that died.

    Attributes:
        hosts: names of the hosts, in one text.
        holder: description of the flow that died.
    """

    hosts: str
    holder: str


@dataclass(frozen=True)
class LockAwaited(Event):
    """Another flow holds locks, and this flow waits for them (``wait=``).

    Attributes:
        holders: description of the holder, by host.
        timeout_seconds: longest time to wait.
    """

    holders: Mapping[str, str]
    timeout_seconds: int


@dataclass(frozen=True)
class HostSurveyed(Event):
    """A host answered the survey.

    Attributes:
        facts: its answer.
    """

    facts: Facts


@dataclass(frozen=True)
class HostLeftOut(Event):
    """A host could not be reached, and the deploy goes on without it (``max_failures``).

    Attributes:
        host: name of the host.
        reason: first line of the error.
    """

    host: str
    reason: str


# -- the release


@dataclass(frozen=True)
class Decided(Event):
    """The flow decided on its release, or learned more about it.

    Attributes:
        decision: the decision so far.
    """

    decision: Decision


@dataclass(frozen=True)
class ReleaseCreationStarted(Event):
    """From now on hosts may hold a half-made release."""


@dataclass(frozen=True)
class ProbeAnswered(Event):
    """A recipe's probe answered before a publish.

    Attributes:
        recipe: name of the recipe.
        names: its answer, such as the applied migrations.
    """

    recipe: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class EnvironmentFound(Event):
    """The recipes and the project have named the environment variables of hooks on a host.

    Attributes:
        host: name of the host.
        release: path of the release that the variables fit.
        variables: the variables by name.
    """

    host: str
    release: str
    variables: Mapping[str, str]


@dataclass(frozen=True)
class GuardFound(Event):
    """A recipe found something on a host that the target release does not know, and the rollback goes on.

    Attributes:
        recipe: name of the recipe.
        host: name of the host that was asked.
        release: the rollback target.
        reason: first line of the guard's docstring; empty for a comparison of probes.
        names: what was found, which ``migrations=back`` reverts.
    """

    recipe: str
    host: str
    release: str
    reason: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class GuardsNotAsked(Event):
    """A rollback with ``migrations=keep`` asks no recipe.

    Attributes:
        recipes: names of the recipes.
    """

    recipes: tuple[str, ...]


@dataclass(frozen=True)
class RecipeAskedNoHost(Event):
    """A recipe's probe and guard were not called: no host of the stage has their roles."""

    recipe: str
    roles: tuple[str, ...]


@dataclass(frozen=True)
class RevertStarted(Event):
    """A hook began to revert what the target release does not know, such as migrations."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class RevertFinished(Event):
    """The hook that reverts is done, or failed and the probe told how far it came.

    Attributes:
        names: names that are reverted.
    """

    names: tuple[str, ...]


@dataclass(frozen=True)
class FlipStarted(Event):
    """The hosts are about to flip: from now on the release may be live on any of them.

    Attributes:
        hosts: names of all hosts that will flip.
    """

    hosts: tuple[str, ...]


@dataclass(frozen=True)
class FlipUndone(Event):
    """The hosts flipped back, since not all of them confirmed the flip.

    Attributes:
        doubtful: names of the hosts that did not confirm the flip back.
    """

    doubtful: tuple[str, ...]


@dataclass(frozen=True)
class PublishDoubted(Event):
    """Hosts were lost before they acknowledged that the publish is complete, so they may have undone their flips.

    Attributes:
        doubtful: names of the hosts that could not be asked again; empty when all hosts have the release live.
    """

    doubtful: tuple[str, ...]


@dataclass(frozen=True)
class Published(Event):
    """The release is live on all hosts.

    Attributes:
        releases: its name by host.
        revision: its commit or checksum.
        branch: source of the code; empty in a rollback.
        seconds: time since the flow began.
        is_drill: the release is live in the shadow of a drill only.
    """

    releases: Mapping[str, str]
    revision: str
    branch: str
    seconds: float
    is_drill: bool = False


@dataclass(frozen=True)
class WarningsJournaled(Event):
    """The journals of the hosts have all warnings up to now."""


# -- hooks


@dataclass(frozen=True)
class HookNotCalled(Event):
    """A hook had no host to run on.

    Attributes:
        hook: name of the hook.
        roles: its roles, when no host of the stage has any of them.
        hosts: names of its hosts, when ``hosts=``, ``roles=`` or a failure left all of them out.
    """

    hook: str
    roles: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


# -- dry runs, drills and checks


@dataclass(frozen=True)
class HookPaused(Event):
    """A hook that runs on one group of hosts after the other waits before the next group.

    Attributes:
        hook: name of the hook.
        seconds: duration of the pause.
        next_hosts: names of the next hosts.
    """

    hook: str
    seconds: float
    next_hosts: tuple[str, ...]


@dataclass(frozen=True)
class HookPlanned(Event):
    """A dry run came to a hook that a real flow would call.

    Attributes:
        hook: name of the hook.
        place: file and line.
        hosts: names of its hosts.
        is_once: whether it is called once for all of them.
    """

    hook: str
    place: str
    hosts: tuple[str, ...]
    is_once: bool


@dataclass(frozen=True)
class StepPlanned(Event):
    """A dry run that shows scripts came to the end of a step.

    Attributes:
        step: name of the step.
        lines: the scripts that a real flow would send, by host.
    """

    step: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class DryRunFinished(Event):
    """A dry run is done; no host was changed.

    Attributes:
        summary: what a real flow would do.
        command: the command that carries out the saved plan; empty when no plan was saved.
        is_preview: the operator is asked next whether to run the flow (``confirm``).
    """

    summary: DryRunSummary
    command: str = ""
    is_preview: bool = False


@dataclass(frozen=True)
class QuestionAsked(Event):
    """The operator is asked whether to run the flow that the dry run showed (``confirm``).

    Attributes:
        text: the question.
    """

    text: str


@dataclass(frozen=True)
class QuestionAnswered(Event):
    """The operator answered the question.

    Attributes:
        is_yes: whether the flow goes on.
    """

    is_yes: bool


@dataclass(frozen=True)
class RollbackRehearsed(Event):
    """The short drill after a deploy found that a rollback works.

    Attributes:
        release: the rollback target, for people: with the hosts of each name if it has several.
    """

    release: str


@dataclass(frozen=True)
class DrillPhaseFinished(Event):
    """A phase of a drill is done.

    Attributes:
        name: name of the phase.
        seconds: its duration.
    """

    name: str
    seconds: float


@dataclass(frozen=True)
class DrillHookSkipped(Event):
    """A drill left out a hook that a real rollback calls.

    Attributes:
        hook: name of the hook.
        place: file and line.
        when: its place in the flow, such as ``after publishing``.
        reason: cause of the omission.
    """

    hook: str
    place: str
    when: str
    reason: str


@dataclass(frozen=True)
class DrillFinished(Event):
    """A drill found that a rollback works.

    Attributes:
        release: the rollback target, for people: with the hosts of each name if it has several.
        live: the release that is live and would be rolled back from, by host.
        archives: number of files in the archive that the rollback made, by host.
        seconds_to_flip: time until the release would be live.
        seconds: time until the rollback would be done.
        skipped_hooks: number of hooks that were left out.
    """

    release: str
    live: Mapping[str, str]
    archives: Mapping[str, str]
    seconds_to_flip: float
    seconds: float
    skipped_hooks: int


@dataclass(frozen=True)
class ShadowLeftBehind(Event):
    """A drill could not remove its shadow from a host.

    Attributes:
        host: name of the host.
        reason: the error.
    """

    host: str
    reason: str


@dataclass(frozen=True)
class DrillStarted(RunStarted):
    """A drill began. The rollback in it emits `FlowStarted` later."""


@dataclass(frozen=True)
class RehearsalFailed(Event):
    """A drill found that a rollback would not work, or did not come to its end.

    Attributes:
        report: data of the report for the operator.
    """

    report: DrillReport


@dataclass(frozen=True)
class CommandStarted(RunStarted):
    """A command of `doit cap` that may change hosts began.

    Attributes:
        name: name of the subcommand.
    """

    name: str


@dataclass(frozen=True)
class TaskStarted(RunStarted):
    """A task on demand began; its hosts are those that it runs on.

    Attributes:
        name: name of the task.
        is_interactive: its commands have the operator's terminal.
    """

    name: str
    is_interactive: bool = False


@dataclass(frozen=True)
class TaskFinished(Event):
    """A task on demand came to its end.

    Attributes:
        name: task and stage, such as ``cache_clear:production``.
        hosts: names of the hosts that it ran on.
        seconds: duration.
    """

    name: str
    hosts: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class CheckStarted(RunStarted):
    """A check of whether a deploy can begin started."""


@dataclass(frozen=True)
class CheckFailed(Event):
    """A check found that a deploy would fail.

    Attributes:
        problems: a sentence for each problem.
    """

    problems: tuple[str, ...]


@dataclass(frozen=True)
class CheckWarned(Event):
    """A check found something that does not stop a deploy.

    Attributes:
        text: the finding.
    """

    text: str


@dataclass(frozen=True)
class CheckPassed(Event):
    """A check found that a deploy can begin.

    Attributes:
        stage: name of the stage.
        hosts: number of hosts that answered.
        is_certain: false if a linked file is missing, and a hook before ``starting`` has to put it there.
    """

    stage: str
    hosts: int
    is_certain: bool = True


@dataclass(frozen=True)
class SetupStarted(RunStarted):
    """The setup of the hosts of a stage began."""


@dataclass(frozen=True)
class LinkedFileUploaded(Event):
    """A setup uploaded a linked file, or would upload it.

    Attributes:
        path: the path below ``shared``.
        source: the file on the controller, as people know it.
        hosts: names of the hosts that got it.
        is_new: false if another file was replaced.
        is_dry_run: whether it was only planned.
    """

    path: str
    source: str
    hosts: tuple[str, ...]
    is_new: bool
    is_dry_run: bool


@dataclass(frozen=True)
class LinkedFileDiffers(Event):
    """A setup found a linked file that is not equal to the file on the controller, and leaves it as it is.

    Attributes:
        path: the path below ``shared``.
        source: the file on the controller, as people know it.
        hosts: names of the hosts on which it differs in the same lines.
        lines: the differences, without the values in the files.
        command: the command that replaces the file.
    """

    path: str
    source: str
    hosts: tuple[str, ...]
    lines: tuple[str, ...]
    command: str


@dataclass(frozen=True)
class SetupAborted(Event):
    """A setup did not come to its end.

    Attributes:
        reason: cause in one line.
    """

    reason: str


@dataclass(frozen=True)
class SetupFinished(Event):
    """A setup is done.

    Attributes:
        stage: name of the stage.
        hosts: number of hosts.
        has_created: whether a directory was created.
        has_uploaded: whether a linked file was uploaded.
        has_differences: whether a linked file differs and stays as it is.
        is_dry_run: whether it was a dry run.
    """

    stage: str
    hosts: int
    has_created: bool
    has_uploaded: bool
    has_differences: bool
    is_dry_run: bool
