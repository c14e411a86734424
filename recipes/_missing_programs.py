"""Programs that hosts lack: the error of a command that cannot run names the program and the option that sets it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from capdoit import HostError

NOT_EXECUTABLE, NOT_FOUND = 126, 127  # exit statuses of sh


@contextmanager
def name_missing_program(program: str, failure: str, advice: str = "") -> Iterator[None]:
    """If a command ends because a program is not found, name the program.

    Args:
        program: the program that may be missing.
        failure: what the command's failure means.
        advice: the end of the sentence, such as ``; install it``.
    """
    try:
        yield
    except HostError as error:
        if error.status != NOT_FOUND:
            raise
        raise error.because(f"{failure}: {program} is not on the PATH{advice}") from None


@contextmanager
def name_unusable_program(program: str, failure: str, option: str) -> Iterator[None]:
    """If a program is not found or cannot be executed, name the option that sets another one."""
    try:
        yield
    except HostError as error:
        if error.status not in (NOT_EXECUTABLE, NOT_FOUND):
            raise
        raise error.because(f"{failure}: {program} cannot be run; see the option {option}") from None
