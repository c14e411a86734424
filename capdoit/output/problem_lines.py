"""The lines about the problems of several hosts: equal ones once, the last lines of output, and a hint where known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from capdoit.errors import Problem
from capdoit.output.known_causes import FoundCause, find_known_cause
from capdoit.output.report_lines import Kind, ReportLine
from capdoit.text import join_names, shorten

OUTPUT_INDENTATION = 4
MOST_SUMMARIZED = 3  # groups, so that the line fits the journal
LONGEST_PART = 200  # bytes
MOST_NAMES = 8  # of hosts in a hint, below the cause that names all of them
OF_ONE_HOST = re.compile(r"SHA256:\S+|\d+")  # fingerprints, ports, pids, times


@dataclass(frozen=True)
class ProblemGroup:
    """A problem that several hosts have.

    Attributes:
        hosts: their names; none for the controller and for the fleet.
        problem: the problem of the first of them.
        is_equal: whether the problems are equal; otherwise only numbers and the names of hosts differ in the output.
    """

    hosts: tuple[str, ...]
    problem: Problem
    is_equal: bool = True


def describe_problems(problems: Iterable[Problem], *, are_brief: bool = False) -> list[ReportLine]:
    """Return the lines about problems; what hosts share is there once. A hint follows the last problem of its kind.

    Args:
        problems: problems of hosts and of the fleet.
        are_brief: of the output, show only the line that tells the cause, next to the reason.
    """
    groups = group_problems(problems)
    hints = [_find_cause(group.problem, ()) for group in groups]
    lines: list[ReportLine] = []
    for number, (group, hint) in enumerate(zip(groups, hints, strict=True)):
        if are_brief:
            lines.append(ReportLine(_summarize_group(group), Kind.CAUSE))
        else:
            lines += _describe_group(group, hint.line if hint else "")
        if hint and hint not in hints[number + 1 :]:
            alike = [one for one, other in zip(groups, hints, strict=True) if other == hint]
            lines.append(_describe_hint(alike))
    return lines


def summarize_problems(problems: Iterable[Problem]) -> str:
    """Return problems in one line: of each group the reason, and the line of output that tells the cause."""
    groups = group_problems(problems)
    more = [f"and {len(groups) - MOST_SUMMARIZED} more"] if len(groups) > MOST_SUMMARIZED else []
    return "; ".join([*map(_summarize_group, groups[:MOST_SUMMARIZED]), *more])


def group_problems(problems: Iterable[Problem]) -> list[ProblemGroup]:
    """Return the problems, with those of several hosts in one group if they are equal but for numbers and names."""
    found: dict[tuple[str, ...], ProblemGroup] = {}
    for problem in dict.fromkeys(problems):
        group = found.get(key := _fingerprint(problem))
        if group is None:
            found[key] = ProblemGroup((problem.host,) if problem.host else (), problem)
        elif problem.host and problem.host not in group.hosts:
            is_equal = group.is_equal and problem.text == group.problem.text
            found[key] = ProblemGroup((*group.hosts, problem.host), group.problem, is_equal)
    return [*found.values()]


def _fingerprint(problem: Problem) -> tuple[str, ...]:
    """Return what equal problems have in common: the reason, and the output without numbers and the host's name."""
    reason, *output = problem.text.split("\n")
    return reason, *(OF_ONE_HOST.sub("0", line.replace(problem.host, "") if problem.host else line) for line in output)


def _describe_group(group: ProblemGroup, cause: str) -> Iterator[ReportLine]:
    reason, *output = group.problem.text.split("\n")
    hosts = join_names(group.hosts)
    yield ReportLine(f"{hosts}: {reason}" if hosts else reason, Kind.CAUSE)
    if not group.is_equal:
        yield ReportLine(f"on {group.hosts[0]}:", indentation=OUTPUT_INDENTATION // 2)
    yield from _describe_output(output, cause)


def _summarize_group(group: ProblemGroup) -> str:
    reason, *output = group.problem.text.split("\n")
    cause = _find_cause(group.problem, ())
    last_line = next((line.strip() for line in reversed(output) if line.strip()), "")
    telling = cause.line if cause and cause.line != reason else last_line
    reason = reason.removesuffix(".") if telling else reason
    parts = [join_names(group.hosts), shorten(reason, LONGEST_PART), shorten(telling, LONGEST_PART)]
    return ": ".join(filter(None, parts))


def _describe_output(output: Sequence[str], cause: str) -> Iterator[ReportLine]:
    """Yield the last lines of output, without blank ones; the last one that tells the cause is never left out."""
    lines = [(line.lstrip(), line.removeprefix(" " * OUTPUT_INDENTATION)) for line in output if line.strip()]
    texts = [text for text, _ in lines]
    marked = max((number for number, text in enumerate(texts) if text == cause), default=None)
    for number, (text, line) in enumerate(lines):
        kind = Kind.CAUSE if number == marked else Kind.OUTPUT
        yield ReportLine(text, kind, indentation=OUTPUT_INDENTATION + len(line) - len(text))


def _describe_hint(groups: Sequence[ProblemGroup]) -> ReportLine:
    """Return the hint for groups that have one cause."""
    hosts = [host for group in groups for host in group.hosts]
    named = hosts if len(hosts) <= MOST_NAMES else ["these hosts"]
    cause = _find_cause(groups[0].problem, named)
    assert cause  # noqa: S101 - it was found before
    return ReportLine(f"Hint: {cause.hint}", Kind.HINT, cause.command)


def _find_cause(problem: Problem, hosts: Sequence[str]) -> FoundCause | None:
    return find_known_cause(replace(problem, host=join_names(hosts), login=problem.login if hosts else ""))
