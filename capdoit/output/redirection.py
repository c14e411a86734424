"""The redirection of what hooks print, so that it goes where the view wants it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TextIO

NAMES = ("stdout", "stderr")


class Redirection:
    """Replaces `sys.stdout` and `sys.stderr` for some time.

    Args:
        target: the stream that replaces them.
        is_replaced: says which streams are replaced; by default both.
    """

    def __init__(self, target: TextIO, is_replaced: Callable[[TextIO], bool] = lambda _: True) -> None:
        self._target, self._is_replaced = target, is_replaced
        self._replaced: dict[str, TextIO] = {}

    def begin(self) -> None:
        """Replace the streams; a second call changes nothing."""
        for name in NAMES:
            stream = getattr(sys, name)
            if stream is not self._target and self._is_replaced(stream):
                self._replaced.setdefault(name, stream)
                setattr(sys, name, self._target)

    def end(self) -> None:
        """Put the streams back, unless somebody else has replaced them meanwhile."""
        for name, stream in self._replaced.items():
            if getattr(sys, name) is self._target:
                setattr(sys, name, stream)
        self._replaced = {}
