"""The last lines of each host in the running step of a flow, which are shown if the step fails."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from capdoit.text import take_last_lines

KEPT_LINES = 100  # of each host


class StepOutput:
    """The last lines of each host in a step."""

    def __init__(self) -> None:
        self._lines: dict[str, deque[str]] = {}

    def add(self, host: str, text: str) -> None:
        """Keep lines of a host."""
        self._lines.setdefault(host, deque(maxlen=KEPT_LINES)).extend(take_last_lines(text, KEPT_LINES))

    def of_failure(self, failed: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Yield the hosts that failed with their lines; all hosts, if the step failed elsewhere."""
        return ((host, "\n".join(self._lines[host])) for host in failed or self._lines if host in self._lines)
