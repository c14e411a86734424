"""The one writer of what happens: whole lines, each output line with its host, secrets masked."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TextIO


class Console:
    """Writes lines, from any thread, one at a time.

    Args:
        stream: where to.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._secrets: tuple[str, ...] = ()
        self._width = 0

    def keep_secret(self, secrets: Iterable[str]) -> None:
        """Show ``***`` for these texts from now on."""
        self._secrets = tuple(sorted({*self._secrets, *filter(None, secrets)}, key=len, reverse=True))

    def redact(self, text: str) -> str:
        """A text without the secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def align(self, hosts: Iterable[str]) -> None:
        """Make room for the names of these hosts."""
        self._width = max([self._width, *map(len, hosts)])

    def output(self, host: str, line: str) -> None:
        """A line that a command wrote on a host."""
        self.say(f"   {host.ljust(self._width)} | {line}")

    def say(self, text: str) -> None:
        """A line of our own."""
        with self._lock:
            self._stream.write(self.redact(text) + "\n")
            self._stream.flush()
