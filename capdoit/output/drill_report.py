"""The report of a drill that failed: the cause, the verdict for each host, and the command to type next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from capdoit.errors import LockHeld
from capdoit.output.command_line import CommandLine
from capdoit.output.error_text import describe_cause, render_advice
from capdoit.output.failure_report import describe_titled_cause
from capdoit.output.report_lines import ReportLine, as_advice, as_lines, as_text
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
        return as_text(self.cause_lines)

    @property
    def cause_lines(self) -> list[ReportLine]:
        """The phase and the cause."""
        return describe_titled_cause(f"{self.phase} failed", self.error)


def render_drill_failure(report: DrillReport) -> str:
    """Return the complete text of a report."""
    return as_text(describe_drill_failure(report))


def describe_drill_failure(report: DrillReport) -> list[ReportLine]:
    """Return the lines of a report."""
    if report.interruption:
        return [ReportLine(f"{report.name}: {report.interruption} in {report.phase}"), ReportLine(UNTOUCHED)]
    if isinstance(report.error, LockHeld):
        advice = as_advice(render_advice(report.error, report.command))
        return [*_named(report.name, describe_cause(report.error)), ReportLine(UNTOUCHED), *advice]
    if report.lacks_room:
        return _describe_lack_of_room(report)
    result = "would be live, but not be finished" if report.is_published else "would not work"
    rows = [(host, "not known" if fails is None else "fails") for host, fails in report.verdicts.items()]
    verdicts = format_table(("host", "a rollback"), rows)
    advice = as_advice(f"{UNTOUCHED} {render_advice(report.error, report.command)}")
    return [*_named(f"{report.name}: a rollback {result}", report.cause_lines), *as_lines(verdicts), *advice]


def _describe_lack_of_room(report: DrillReport) -> list[ReportLine]:
    return [
        *_named(f"{report.name}: no room for a drill", report.cause_lines),
        ReportLine(f"{UNTOUCHED} A rollback needs no room, so this does not tell whether it works."),
        ReportLine("Once there is room, run", command=report.command.again()),
    ]


def _named(name: str, cause: Sequence[ReportLine]) -> list[ReportLine]:
    first, *others = cause
    return [replace(first, text=f"{name}: {first.text}"), *others]
