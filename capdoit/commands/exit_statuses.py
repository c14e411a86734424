"""The exit statuses of commands that ask hosts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from capdoit.commands.subcommand import ExitStatus
from capdoit.errors import Outcome

ALL_WELL, NO_ANSWER, INCOMPLETE = 0, 1, 3
INVALID_PROJECT = 3
INTERRUPTED = 130  # the exit status that shells use for SIGINT
NO_HOST_ANSWERED: ExitStatus = (NO_ANSWER, "no host answered")
SOME_HOSTS_SILENT: ExitStatus = (INCOMPLETE, "some hosts did not answer")


def choose_exit_status(outcomes: Sequence[Outcome[Any]], is_well: bool = True) -> int:
    """Return the exit status that tells programs how a question to hosts went.

    Args:
        outcomes: one for each host that was asked.
        is_well: whether the answers themselves are as they should be.
    """
    if not any(outcomes):
        return NO_ANSWER
    return ALL_WELL if is_well and all(outcomes) else INCOMPLETE
