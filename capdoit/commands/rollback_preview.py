"""The release that a rollback would go to, or the reason why it would be refused, as read-only commands show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from capdoit.commands.command_request import CommandRequest
from capdoit.commands.inspection import Inspection
from capdoit.config.stages import Stage
from capdoit.decisions.candidates import find_candidates
from capdoit.decisions.readiness import find_rollback_problems
from capdoit.decisions.rollback_target import RollbackTarget, choose_rollback_target
from capdoit.errors import CapdoitError, HostsFailed, NotReady, ReleaseNotChosen, TimedOut
from capdoit.hooks.hook import DEFAULT_TIMEOUTS
from capdoit.hosts.connection import Connection
from capdoit.operations.integrity import compare_and_refuse_damage, describe_unreadable
from capdoit.output.command_line import CommandLine
from capdoit.output.console import Tone
from capdoit.output.error_text import render_advice
from capdoit.records.facts import Facts
from capdoit.records.fleet_state import agree_on_live
from capdoit.text import group_names

COMPARISON_TIMEOUT_SECONDS = DEFAULT_TIMEOUTS["probe"]


@dataclass(frozen=True)
class RollbackPreview:
    """A rollback that was not started.

    Attributes:
        target: the release that it would go to; None if it would be refused, or if no host answered.
        error: the reason of the refusal; None without one.
        remarks: what of the target could not be compared with its manifest, by host; no reason to refuse it.
    """

    target: RollbackTarget | None = None
    error: CapdoitError | None = None
    remarks: Mapping[str, str] = field(default_factory=dict)

    @property
    def release(self) -> str | None:
        """The name of the target; None without one."""
        return self.target.release if self.target else None

    @property
    def damaged_on(self) -> tuple[str, ...]:
        """The hosts on which the target is not as it was shipped."""
        return tuple(outcome.host for outcome in self.error.failed) if isinstance(self.error, HostsFailed) else ()

    @property
    def refusal(self) -> str:
        """The reason of the refusal in one line; empty without one."""
        if isinstance(self.error, NotReady):
            return str(self.error.problems[0])
        return str(self.error or "")

    @property
    def warnings(self) -> list[str]:
        """The remarks, each with its hosts."""
        return [f"{hosts}: {remark}" for remark, hosts in group_names(self.remarks.items()).items()]


def preview_rollback(facts: Sequence[Facts]) -> RollbackPreview:
    """Return what the default rollback of these hosts would do, as far as their facts tell."""
    if not facts:
        return RollbackPreview()
    if problems := find_rollback_problems(facts):
        return RollbackPreview(error=NotReady(*problems))
    try:
        return RollbackPreview(choose_rollback_target(facts))
    except ReleaseNotChosen as error:
        return RollbackPreview(error=error)


def preview_verified_rollback(inspection: Inspection, stage: Stage, facts: Sequence[Facts]) -> RollbackPreview:
    """Return what the default rollback would do, and compare its target with its manifest as the rollback will.

    A comparison that takes too long is given up: a read-only command must end when a disk of a host stalls.
    """
    preview = preview_rollback(facts)
    target = preview.target
    if target is None:
        return preview

    def compare(connection: Connection) -> str:
        release = target.names[connection.name]
        try:
            found = compare_and_refuse_damage(connection, stage, release, "quick", COMPARISON_TIMEOUT_SECONDS)
        except TimedOut:
            return f"{release} was not compared: took longer than {COMPARISON_TIMEOUT_SECONDS:g} s"
        return describe_unreadable(release, found)

    holders = {one.host for one in facts} - target.archived
    outcomes = inspection.ask_each(compare, [one for one in inspection.connections if one.name in holders])
    remarks = {outcome.host: outcome.answer for outcome in outcomes if outcome.answer}
    if not all(outcomes):
        return RollbackPreview(error=HostsFailed(outcomes), remarks=remarks)
    return replace(preview, remarks=remarks)


def advise_rollback(preview: RollbackPreview, request: CommandRequest, stage: Stage) -> list[str]:
    """Return the commands that help after a refusal, a line each; none if no release is possible."""
    error = preview.error
    is_advisable = isinstance(error, HostsFailed) or (isinstance(error, ReleaseNotChosen) and _has_candidates(error))
    command = CommandLine("rollback", stage.name, request.variables)
    return render_advice(error, command).splitlines() if error and is_advisable else []


def print_refusal(preview: RollbackPreview, request: CommandRequest, stage: Stage) -> None:
    """Print why a rollback would be refused, and the commands that help."""
    request.console.write_sentence(f"A rollback is refused: {preview.refusal}", Tone.DOUBTFUL)
    for line in advise_rollback(preview, request, stage):
        request.console.write(f"  {line}")


def advise_agreement(
    preview: RollbackPreview, facts: Sequence[Facts], request: CommandRequest, stage: Stage
) -> list[str]:
    """Return the line with the commands that bring all hosts to one release; empty if they agree.

    The commands after a refusal of the default rollback are those of `advise_rollback`.
    """
    if not facts or agree_on_live(facts) or advise_rollback(preview, request, stage):
        return []
    command = CommandLine("rollback", stage.name, request.variables)
    releases = find_candidates(facts).releases
    rollback = f"{command.roll_back_to(releases[0])}, or " if releases else ""
    return [f"To bring all hosts to one release: {rollback}{command.deploy()}"]


def _has_candidates(error: ReleaseNotChosen) -> bool:
    return error.candidates is not None and bool(error.candidates.releases)
