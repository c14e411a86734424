"""Logins that an ssh server drops, tried again: nothing ran on the host yet."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from capdoit.errors import LoginDropped

RETRY_SECONDS = 20.0  # of logins that are dropped, after which a host counts as unreachable
PAUSE_SECONDS = (0.3, 1.0)  # before the next login, chosen at random: hosts that were dropped together come apart
T = TypeVar("T")


def retry_dropped_logins(
    log_in: Callable[[], T],
    patience_seconds: float,
    on_first_drop: Callable[[LoginDropped], None],
    pause: Callable[[float], None],
) -> T:
    """Log in, and try again while an ssh server drops the login.

    Args:
        log_in: logs in, and returns what is returned here.
        patience_seconds: time after which no further login begins; 0 for a single login.
        on_first_drop: called when the first login was dropped and another one follows.
        pause: waits for some seconds, and raises an error if the login must not be tried again.

    Raises:
        LoginDropped: the patience is over; the error tells how often the login was tried.
    """
    began = time.monotonic()
    tries = 0
    while True:
        tries += 1
        try:
            return log_in()
        except LoginDropped as error:
            if not patience_seconds:
                raise
            if time.monotonic() - began > patience_seconds:
                raise _given_up(error, tries, patience_seconds) from None
            if tries == 1:
                on_first_drop(error)
        pause(random.uniform(*PAUSE_SECONDS))  # noqa: S311 - no secret


def _given_up(error: LoginDropped, tries: int, seconds: float) -> LoginDropped:
    advice = "MaxStartups of that ssh server may be too low for all who log in"
    reason = f"{error.reason}, {tries} times in {seconds:g} s: {advice}"
    return LoginDropped(error.host, reason, error.lines, error.login)
