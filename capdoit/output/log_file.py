"""The log file as a listener of events: everything that was sent to hosts and came back.

The first line of a record has the time, the run, the task and the host, with ``-`` for none, and what happened. Each
further line has the run and the sign ``|`` in front: several doit commands may write at the same time. Further lines of
output also have the host, and no time: the front of thousands of short lines would cost more than the lines.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from capdoit import events
from capdoit.event_bus import EventBus
from capdoit.events import Event
from capdoit.output.log_records import Record, make_record
from capdoit.output.rotating_file import Position, RotatingFile
from capdoit.output.run_names import find_verb
from capdoit.text import make_printable, shorten_run, strip_colors

NONE = "-"
SAME_SCRIPT = "(the script is above)"
FAILURES = (events.StepFailed, events.CheckFailed, events.RehearsalFailed, events.SetupAborted)
REPORTS = (events.FlowFailed, events.FlowStopped, events.RehearsalFailed)  # are made from errors


@dataclass
class LoggedRun:
    """The state of a run, for its next record.

    Attributes:
        task: name of the step or hook at work.
        failure: position of the first failure of a host in the task; None without one.
        scripts: digests of the scripts that the log has.
    """

    task: str = NONE
    failure: Position | None = None
    scripts: set[int] = field(default_factory=set)


class LogFile:
    """Writes the events of all runs to a file. A log that cannot be written makes no flow fail.

    Args:
        path: path of the file.
        redact: masks the secrets in the text of an error.
        warn: called with a sentence, once, if the log cannot be written.
        typed_in: the directory from which the operator sees the file.
    """

    def __init__(self, path: Path, redact: Callable[[str], str], warn: Callable[[str], None], typed_in: Path) -> None:
        self._file = RotatingFile(path.absolute())
        self._typed_in = typed_in
        self._redact, self._warn = redact, warn
        self._has_warned = False
        self._runs: dict[str, LoggedRun] = {}
        self._failures: dict[int, Position] = {}  # by the thread that reported it

    def __call__(self, event: Event) -> None:
        """Write an event."""
        run = self._runs.setdefault(event.run, LoggedRun())
        if task := _task_begun_by(event):
            run.task, run.failure = task, None
        self._note(event, run, self._write(event, run))

    def take_failure(self) -> str:
        """Return and forget where the log has the last failure that this thread reported: ``log/capdoit.log:123``.

        Returns:
            An empty text if the thread reported none, or the log does not have it.
        """
        position = self._failures.pop(threading.get_ident(), None)
        found = self._file.find_line(position) if position else None
        return f"{os.path.relpath(found[0], self._typed_in)}:{found[1]}" if found else ""

    def _note(self, event: Event, run: LoggedRun, position: Position | None) -> None:
        """Take into account what an event, which has this position in the log, means for later records."""
        if isinstance(event, events.WorkFinished) and event.reason and not event.is_cancelled:
            run.failure = run.failure or position
        elif isinstance(event, FAILURES):
            run.task = "failed"
            if found := run.failure or position:  # of several, the first: a failed rollback may follow a failed deploy
                self._failures.setdefault(threading.get_ident(), found)
        elif isinstance(event, (events.StepFinished, events.StepSkipped)):
            run.task = NONE

    def _write(self, event: Event, run: LoggedRun) -> Position | None:
        """Write the record of an event, and return its position; None if the log does not have it."""
        text = self._format(event, run)
        if not text:
            return None
        try:
            return self._file.append(text.encode("utf-8", "backslashreplace"))
        except OSError as error:
            self._tell(error)
            return None

    def _format(self, event: Event, run: LoggedRun) -> str:
        """Return the lines of an event; empty if the log does not have it."""
        if isinstance(event, events.Output):
            return format_output(event, run.task)
        record = make_record(_without_known_script(event, run))
        text = format_record(record, event.run, run.task) if record else ""
        return self._redact(text) if isinstance(event, REPORTS) else text

    def _tell(self, error: OSError) -> None:
        if not self._has_warned:
            self._has_warned = True
            path = os.path.relpath(self._file.path, self._typed_in)
            self._warn(f"{path} cannot be written: {error.strerror} (log: in deploy.yml)")


def _task_begun_by(event: Event) -> str:
    """Return the name of the task that begins with an event; empty for most events."""
    if isinstance(event, events.StepStarted):
        return event.name
    if isinstance(event, events.RunStarted) and not isinstance(event, events.FlowStarted):
        return find_verb(event)
    return ""


def write_log(path: Path, bus: EventBus, typed_in: Path) -> LogFile:
    """Write all events of a bus to a file from now on; arguments as in `LogFile`."""
    log = LogFile(path, bus.redact_message, lambda text: bus.emit(events.Warned(text)), typed_in)
    bus.subscribe(log)
    return log


def format_record(record: Record, run: str, task: str) -> str:
    """Return the lines of a record, with the time of now."""
    short_run = shorten_run(run) or NONE
    head = f"{_format_front(run, task, record.host)}{record.text}"
    return "".join(f"{make_printable(line)}\n" for line in [head, *(f"{short_run} | {line}" for line in record.more)])


def format_output(event: events.Output, task: str) -> str:
    """Return the lines of output of a host; the first has the time of now. There may be thousands of them."""
    front = make_printable(f"{_format_front(event.run, task, event.host)}output: ")
    further = make_printable(f"{shorten_run(event.run) or NONE} {event.host or NONE} | ")
    return strip_colors(front + event.text.replace("\n", f"\n{further}") + "\n")


def _format_front(run: str, task: str, host: str) -> str:
    return f"{_format_time(time.time_ns() // 1_000_000)} {shorten_run(run) or NONE} {task} {host or NONE} "


def _without_known_script(event: Event, run: LoggedRun) -> Event:
    """Return an event without the script that it sends, if the log has that script of this run."""
    if not isinstance(event, events.RequestSent) or not event.body:
        return event
    digest = hash(event.body)
    if digest in run.scripts:
        return replace(event, body=SAME_SCRIPT)
    run.scripts.add(digest)
    return event


@lru_cache(maxsize=1)
def _format_time(milliseconds: int) -> str:
    """Return a Unix time in ISO 8601 with the time zone; a loud host prints many lines in one millisecond."""
    return datetime.fromtimestamp(milliseconds / 1000).astimezone().isoformat(timespec="milliseconds")
