"""The report of a drill that failed: the cause, the verdict for each host, and the command to type next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from capdoit.errors import LockHeld
from capdoit.output.command_line import CommandLine
from capdoit.output.error_text import render_advice, render_cause
from capdoit.output.failure_report import render_titled_cause
from capdoit.text import format_table

UNTOUCHED = "Nothing that is live was touched."


@dataclass(frozen=True)
class DrillReport:
    """Everything that the text about a failed drill is made from.

    Attributes:
        name: the drill: ``drill:production``.
        phase: the phase in which it failed.
        error: the cause.
        command: the command that the operator typed.
        interruption: the signal that stopped it; empty for a failure.
        is_published: the release became live in the shadow, and something failed after that.
        verdicts: whether a rollback fails, by host; None where that is not known.
        lacks_room: a disk had no room for the drill, which a rollback would not need.
    """

    name: str
    phase: str
    error: BaseException
    command: CommandLine
    interruption: str
    is_published: bool
    verdicts: Mapping[str, bool | None]
    lacks_room: bool = False

    @property
    def cause(self) -> str:
        """The phase and the cause, for the record on the hosts."""
        return render_titled_cause(f"{self.phase} failed", self.error)


def render_drill_failure(report: DrillReport) -> str:
    """Return the complete text of a report."""
    if report.interruption:
        return f"{report.name}: {report.interruption} in {report.phase}\n{UNTOUCHED}"
    if isinstance(report.error, LockHeld):
        advice = render_advice(report.error, report.command)
        return f"{report.name}: {render_cause(report.error)}\n{UNTOUCHED}\n{advice}"
    if report.lacks_room:
        return _render_lack_of_room(report)
    result = "would be live, but not be finished" if report.is_published else "would not work"
    rows = [(host, "not known" if fails is None else "fails") for host, fails in report.verdicts.items()]
    verdicts = format_table(("host", "a rollback"), rows)
    advice = render_advice(report.error, report.command)
    return f"{report.name}: a rollback {result}: {report.cause}\n{verdicts}\n{UNTOUCHED} {advice}"


def _render_lack_of_room(report: DrillReport) -> str:
    return (
        f"{report.name}: no room for a drill: {report.cause}\n"
        f"{UNTOUCHED} A rollback needs no room, so this does not tell whether it works.\n"
        f"Once there is room, run: {report.command.again()}"
    )
