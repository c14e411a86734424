"""The one writer of what happens: whole lines, each output line with its host, secrets masked."""

from __future__ import annotations

import io
import shutil
import threading
from collections.abc import Iterable
from typing import TextIO

from capdoit.text import printable

TELLING = 8  # characters; a shorter line of a secret, such as a brace, may stand in any output
RAISING = ("strict", "surrogateescape")  # what streams may do with what they cannot encode


class Console:
    """Writes lines, from any thread, one at a time.

    Args:
        stream: where to.
    """

    def __init__(self, stream: TextIO) -> None:
        if isinstance(stream, io.TextIOWrapper) and stream.errors in RAISING:
            stream.reconfigure(errors="backslashreplace")  # a deploy must not fail at what a terminal cannot show
        self._stream = stream
        self._lock = threading.Lock()
        self._secrets: tuple[str, ...] = ()
        self._width = 0

    def keep_secret(self, secrets: Iterable[str]) -> None:
        """Show ``***`` for these texts from now on."""
        looks = {look for secret in secrets if secret.strip() for look in _looks(secret)}
        self._secrets = tuple(sorted({*self._secrets, *looks}, key=len, reverse=True))

    def redact(self, text: str) -> str:
        """A text without the secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def align(self, hosts: Iterable[str]) -> None:
        """Make room for the names of these hosts."""
        self._width = max([self._width, *map(len, hosts)])

    @property
    def width(self) -> int:
        """How many characters fit into a line: the terminal's, or 80 when there is none."""
        return shutil.get_terminal_size().columns if self._stream.isatty() else 80

    def output(self, host: str, line: str) -> None:
        """A line that a command wrote on a host."""
        self.say(f"   {host.ljust(self._width)} | {line}")

    def say(self, text: str) -> None:
        """A line of our own."""
        with self._lock:
            self._stream.write(self.redact(text) + "\n")
            self._stream.flush()


def _looks(secret: str) -> set[str]:
    """What a secret looks like where it is shown: as it is, or, as output is, line by line and printable."""
    lines = [line.strip() for line in secret.split("\n") if line.strip()]
    return {secret, *(printable(line) for line in lines if len(lines) == 1 or len(line) >= TELLING)}
