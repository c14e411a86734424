"""The messages of events: the lines that an operator sees while a flow or a subcommand runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from capdoit import events
from capdoit.events import Event
from capdoit.output.console import DEFAULT_WIDTH, GOOD_MARK, Console, Line, Tone
from capdoit.output.dry_run_summary import render_dry_run
from capdoit.output.failure_report import render_failure
from capdoit.redaction import SHORTEST_SECRET
from capdoit.text import count_hosts, fit_table, group_names, join_names, list_names, name_hosts, shorten_revision
from capdoit.units import format_seconds

# These begin at the left edge: with the name of a flow, or as a heading.
REPORTS = (
    events.TeardownFailed,
    events.FlowStopped,
    events.TaskFinished,
    events.DryRunFinished,
    events.AutomaticRollbackStarted,
    events.AutomaticRollbackFinished,
)


def write_message(console: Console, event: Event) -> None:
    """Write the table and the lines of an event that says something to the operator; nothing for any other event."""
    if isinstance(event, events.DrillFinished):
        console.write_table(_render_drill_table(event, console.table_width))
    indentation = "" if isinstance(event, REPORTS) else "   "
    for text, tone in render_message(event, console.width):
        console.write(f"{indentation}{text}", tone)


def render_message(event: Event, width: int = DEFAULT_WIDTH) -> Iterator[Line]:
    """Return the lines of an event that says something to the operator; none for any other event.

    Args:
        event: the event.
        width: number of characters in a line, for texts that are made to fit.
    """
    if isinstance(event, events.DryRunFinished):
        return _dry_run_finished(event, width)
    render = MESSAGES.get(type(event))
    return render(event) if render else iter(())


# -- the flow


def _flow_started(event: events.FlowStarted) -> Iterator[Line]:
    for name in event.unknown_variables:
        yield f"{name}= means nothing to capdoit; it is for hooks and tasks of the project", None


def _step_skipped(event: events.StepSkipped) -> Iterator[Line]:
    yield f"skipped: {event.name}", None


def _teardown_failed(event: events.TeardownFailed) -> Iterator[Line]:
    yield event.text, Tone.BAD


def _flow_stopped(event: events.FlowStopped) -> Iterator[Line]:
    yield render_failure(event.report), None


def _stop_requested(event: events.StopRequested) -> Iterator[Line]:
    yield f"{event.signal}: stopping in order; a second signal stops at once", None


def _automatic_rollback_started(event: events.AutomaticRollbackStarted) -> Iterator[Line]:
    yield "", None
    yield f"== Automatic rollback (on_failure): the deploy of {event.release} failed ==", Tone.HEAD


def _automatic_rollback_finished(event: events.AutomaticRollbackFinished) -> Iterator[Line]:
    live = "; ".join(f"{release} is live on {hosts}" for release, hosts in group_names(event.targets.items()).items())
    end, what = ("failed", "") if event.has_failed else ("done", f": {live}")
    yield f"== Automatic rollback {end} after {format_seconds(event.seconds)}{what} ==", Tone.HEAD
    yield "", None


def _warned(event: events.Warned) -> Iterator[Line]:
    yield f"warning: {event.text}", Tone.DOUBTFUL


def _secrets_not_masked(event: events.SecretsNotMasked) -> Iterator[Line]:
    short = f"{join_names(event.variables)}: a secret of fewer than {SHORTEST_SECRET} characters is not masked"
    yield f"warning: {short} in what is shown", Tone.DOUBTFUL


# -- hosts


def _login_retried(event: events.LoginRetried) -> Iterator[Line]:
    yield f"{event.host}: {event.reason}; trying again for up to {event.timeout_seconds:g} s", None


def _stale_lock_taken_over(event: events.StaleLockTakenOver) -> Iterator[Line]:
    yield f"{event.hosts}: took over the stale lock of {event.holder}: that flow died", None


def _lock_awaited(event: events.LockAwaited) -> Iterator[Line]:
    held = [f"\n  {hosts}: {holder}" for holder, hosts in group_names(event.holders.items()).items()]
    yield f"waiting up to {event.timeout_seconds} s: another flow holds the lock:{''.join(held)}", None


def _host_left_out(event: events.HostLeftOut) -> Iterator[Line]:
    yield f"going on without {event.reason}", Tone.DOUBTFUL


# -- the release


def _guard_found(event: events.GuardFound) -> Iterator[Line]:
    reason = f" ({event.reason})" if event.reason else ""
    yield f"recipe {event.recipe}: {event.host} has changes that release {event.release} does not know{reason}:", None
    for name in event.names:
        yield f"  {name}", None
    yield "migrations=back", None


def _guards_not_asked(event: events.GuardsNotAsked) -> Iterator[Line]:
    are = "is" if len(event.recipes) == 1 else "are"
    yield f"migrations=keep: recipe {join_names(event.recipes)} {are} not asked about changes", None


def _recipe_asked_no_host(event: events.RecipeAskedNoHost) -> Iterator[Line]:
    yield f"recipe {event.recipe} asks no host: none has the role {join_names(event.roles)}", None


def _published(event: events.Published) -> Iterator[Line]:
    if event.is_drill:
        return
    source = f", {event.branch}" if event.branch else ""
    revision = f"{shorten_revision(event.revision)}{source}"
    number = len(event.releases)
    live = "; ".join(
        f"{release} ({revision}) is live on {name_hosts(hosts, number)}"
        for release, hosts in list_names(event.releases.items()).items()
    )
    yield f"{live} after {format_seconds(event.seconds)}", Tone.GOOD


def _hook_not_called(event: events.HookNotCalled) -> Iterator[Line]:
    if event.roles:
        yield f"{event.hook} is called on no host: none has the role {join_names(event.roles)}", None
    else:
        yield f"{event.hook} was not called: none of its hosts was chosen ({join_names(event.hosts)})", None


# -- dry runs, drills and checks


def _step_planned(event: events.StepPlanned) -> Iterator[Line]:
    yield f"{event.step}:", Tone.HEAD
    yield from ((f"  {line}", None) for line in event.lines)


def _dry_run_finished(event: events.DryRunFinished, width: int) -> Iterator[Line]:
    title, *lines = render_dry_run(event.summary, width)
    yield title, Tone.HEAD
    yield from ((line, None) for line in lines)
    if not event.is_preview:
        yield "This was a dry run: nothing was changed on any host.", None
    if event.command:
        yield f"To do exactly this: {event.command}", None


def _rollback_rehearsed(event: events.RollbackRehearsed) -> Iterator[Line]:
    yield f"a rollback would go to {event.release}, which is complete on every host", None


def _drill_phase_finished(event: events.DrillPhaseFinished) -> Iterator[Line]:
    yield f"{event.name:24} {format_seconds(event.seconds):>7}", None


def _drill_hook_skipped(event: events.DrillHookSkipped) -> Iterator[Line]:
    yield f"skipped: {event.hook} ({event.place}), {event.when}: {event.reason}", None


def _render_drill_table(event: events.DrillFinished, width: float) -> str:
    rows = [
        (host, "works", live or "nothing", f"{event.archives[host]} members" if host in event.archives else "none")
        for host, live in event.live.items()
    ]
    return fit_table(("host", "a rollback", "leaves", "archive, listed"), rows, width)


def _drill_finished(event: events.DrillFinished) -> Iterator[Line]:
    skipped = f", without {event.skipped_hooks} hook(s) that were skipped" if event.skipped_hooks else ""
    times = f"live after {format_seconds(event.seconds_to_flip)}, done after {format_seconds(event.seconds)}"
    yield f"a rollback to {event.release} works: {times}{skipped}", Tone.GOOD


def _shadow_left_behind(event: events.ShadowLeftBehind) -> Iterator[Line]:
    left = "what may be left of its shadow, .capdoit/drill, is removed by the next flow"
    yield f"warning: {event.reason}\n{left}", Tone.DOUBTFUL


def _task_finished(event: events.TaskFinished) -> Iterator[Line]:
    yield (
        f"{GOOD_MARK} {event.name}: done on {join_names(event.hosts)} after {format_seconds(event.seconds)}",
        Tone.GOOD,
    )


def _check_warned(event: events.CheckWarned) -> Iterator[Line]:
    yield f"warning: {event.text}", Tone.DOUBTFUL


def _check_passed(event: events.CheckPassed) -> Iterator[Line]:
    ready = f"{event.stage}: {count_hosts(event.hosts)} {'is' if event.hosts == 1 else 'are'} ready for a deploy"
    if event.is_certain:
        yield ready, Tone.GOOD
    else:
        yield f"{ready} if hooks put the missing linked files there; see the warnings above", Tone.DOUBTFUL


# -- setups


def _linked_file_uploaded(event: events.LinkedFileUploaded) -> Iterator[Line]:
    verb = "uploaded" if event.is_new else "replaced"
    done = f"would be {verb}" if event.is_dry_run else verb
    where = "to" if event.is_new else "on"
    end = ":" if event.lines else ""
    yield f"shared/{event.path}: {done} {where} {join_names(event.hosts)}, from {event.source}{end}", Tone.GOOD
    yield from ((f"  {line}", None) for line in event.lines)


def _linked_file_differs(event: events.LinkedFileDiffers) -> Iterator[Line]:
    difference = f"shared/{event.path} differs from {event.source}, and stays as it is"
    yield f"warning: {join_names(event.hosts)}: {difference}:", Tone.DOUBTFUL
    yield from ((f"  {line}", None) for line in event.lines)
    yield f"To replace it: {event.command}", None


def _setup_finished(event: events.SetupFinished) -> Iterator[Line]:
    if event.is_dry_run:
        yield "This was a dry run: nothing was changed on any host.", None
        return
    there = "are" if event.has_created or event.has_uploaded else "were already"
    differ = "; those that differ stay as they are" if event.has_differences else ""
    tone = Tone.DOUBTFUL if event.has_differences else Tone.GOOD
    yield f"{event.stage}: all directories and linked files {there} on {count_hosts(event.hosts)}{differ}", tone


MESSAGES: dict[type[Event], Callable[[Any], Iterator[Line]]] = {
    events.FlowStarted: _flow_started,
    events.StepSkipped: _step_skipped,
    events.TeardownFailed: _teardown_failed,
    events.FlowStopped: _flow_stopped,
    events.StopRequested: _stop_requested,
    events.AutomaticRollbackStarted: _automatic_rollback_started,
    events.AutomaticRollbackFinished: _automatic_rollback_finished,
    events.Warned: _warned,
    events.LoginRetried: _login_retried,
    events.SecretsNotMasked: _secrets_not_masked,
    events.StaleLockTakenOver: _stale_lock_taken_over,
    events.LockAwaited: _lock_awaited,
    events.HostLeftOut: _host_left_out,
    events.GuardFound: _guard_found,
    events.GuardsNotAsked: _guards_not_asked,
    events.RecipeAskedNoHost: _recipe_asked_no_host,
    events.Published: _published,
    events.HookNotCalled: _hook_not_called,
    events.StepPlanned: _step_planned,
    events.RollbackRehearsed: _rollback_rehearsed,
    events.DrillPhaseFinished: _drill_phase_finished,
    events.DrillHookSkipped: _drill_hook_skipped,
    events.DrillFinished: _drill_finished,
    events.ShadowLeftBehind: _shadow_left_behind,
    events.TaskFinished: _task_finished,
    events.CheckWarned: _check_warned,
    events.CheckPassed: _check_passed,
    events.LinkedFileUploaded: _linked_file_uploaded,
    events.LinkedFileDiffers: _linked_file_differs,
    events.SetupFinished: _setup_finished,
}
