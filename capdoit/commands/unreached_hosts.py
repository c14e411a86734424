"""The hosts that did not answer a command, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from capdoit.errors import Outcome, find_problems
from capdoit.output.console import Console
from capdoit.output.problem_lines import describe_problems
from capdoit.output.report_lines import render_lines


def print_unreached_hosts(console: Console, outcomes: Iterable[Outcome[Any]]) -> None:
    """Print a line for each reason why hosts did not answer, with the line of output that tells it, and hints."""
    problems = [problem for one in outcomes if one.error for problem in find_problems(one.error, one.host)]
    if problems:
        console.write(render_lines(console, [line.indented(2) for line in describe_problems(problems, are_brief=True)]))


def errors_by_host(outcomes: Iterable[Outcome[Any]]) -> dict[str, str]:
    """Return the errors of the hosts that did not answer, by host."""
    return {outcome.host: str(outcome.error) for outcome in outcomes if outcome.error}
