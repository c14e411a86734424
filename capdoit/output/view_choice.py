"""The choice of a view: what is shown of a flow, and how, by the command line, the environment and the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum

SILENT_REPORTERS = ("error-only", "zero")  # of doit


class Verbosity(IntEnum):
    """The amount of output; the numbers 0 to 2 are those of doit's ``-v``."""

    SILENT = -1  # only what doit itself cannot report
    RESULT = 0  # the result and failures
    STEPS = 1  # steps, messages, and the output of what failed
    OUTPUT = 2  # all output, and the work of each host


class Folding(Enum):
    """The groups of lines that a CI service can fold."""

    NONE = ""
    GITHUB = "GITHUB_ACTIONS"
    GITLAB = "GITLAB_CI"


@dataclass(frozen=True)
class ViewRequest:
    """The options of the command line about the output.

    Attributes:
        verbosity: value of ``-v``, or of DOIT_CONFIG; None if neither says it.
        reporter: name of doit's reporter.
        is_parallel: doit may run several flows at the same time.
        is_dry_run: the flow shows what it would do.
    """

    verbosity: int | None = None
    reporter: str = "console"
    is_parallel: bool = False
    is_dry_run: bool = False


@dataclass(frozen=True)
class ViewChoice:
    """The view of a flow.

    Attributes:
        is_live: it redraws a part of the terminal.
        verbosity: how much is shown.
        folding: the groups of lines.
    """

    is_live: bool
    verbosity: Verbosity
    folding: Folding = Folding.NONE


def choose_view(request: ViewRequest, environment: Mapping[str, str], is_terminal: bool) -> ViewChoice:
    """Return the view of a flow.

    Args:
        request: what the command line says.
        environment: environment variables.
        is_terminal: stdout is a terminal.
    """
    if request.reporter in SILENT_REPORTERS:
        return ViewChoice(False, Verbosity.SILENT)
    has_cursor = is_terminal and environment.get("TERM", "dumb") != "dumb" and not is_ci(environment)
    is_live = has_cursor and not (request.is_parallel or request.verbosity == 0)
    verbosity = request.verbosity
    if verbosity is None:
        verbosity = Verbosity.STEPS if is_live else Verbosity.OUTPUT
    is_single = not (is_terminal or request.is_parallel or request.is_dry_run or request.reporter == "json")
    folds = is_single and verbosity > Verbosity.RESULT
    return ViewChoice(is_live, Verbosity(verbosity), _find_folding(environment) if folds else Folding.NONE)


def is_ci(environment: Mapping[str, str]) -> bool:
    """Return True in a job of a CI service, which sets CI."""
    return environment.get("CI", "") not in ("", "0", "false")


def _find_folding(environment: Mapping[str, str]) -> Folding:
    return next((one for one in Folding if one.value and environment.get(one.value) == "true"), Folding.NONE)
