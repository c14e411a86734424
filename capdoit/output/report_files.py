"""The files of report pages: those of the last flows, and the file of ``report=``."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from capdoit.errors import ConfigError

if TYPE_CHECKING:
    from capdoit.output.page_data import PageData

MARK = "<!doctype html><!-- report of capdoit -->"  # begins each page, and tells it from other files
FOLDER = "reports"
MOST_KEPT = 20
TIME = "%Y%m%d%H%M%S"  # in UTC, as in the names of releases
NAME = re.compile(
    r"(?P<time>[0-9]{14})-(?P<flow>deploy|rollback)-(?P<stage>.+)-(?P<verdict>[a-z]+)-(?P<run_id>[0-9a-f]{16})\.html"
)


@dataclass(frozen=True)
class KeptPage:
    """A page that is kept.

    Attributes:
        file: its path.
        time: start of the flow, as in the name of the file: 14 digits of UTC time.
        began_at: start of the flow.
        flow: ``deploy`` or ``rollback``.
        stage: name of the stage.
        verdict: how the flow ended, a value of `Verdict`.
        run_id: id of the flow.
    """

    file: Path
    time: str
    began_at: datetime
    flow: str
    stage: str
    verdict: str
    run_id: str


def report_folder(log: Path | None) -> Path | None:
    """Return the folder of the pages that are kept, next to the log file; None if the log is off or a device."""
    if log is None or (log.exists() and not (log.is_file() or log.is_dir())):
        return None
    return log.parent / FOLDER


def list_pages(folder: Path) -> list[KeptPage]:
    """Return the pages in a folder, newest first."""
    files = sorted(folder.iterdir(), reverse=True) if folder.is_dir() else []
    return [page for page in map(_read_name, files) if page]


def _read_name(file: Path) -> KeptPage | None:
    """Return the page that a file is by its name; None for the file of somebody else."""
    match = NAME.fullmatch(file.name)
    if not match:
        return None
    try:
        began_at = datetime.strptime(match["time"], TIME).replace(tzinfo=timezone.utc)
    except ValueError:
        return None
    return KeptPage(file, began_at=began_at, **match.groupdict())


def find_pages(pages: Sequence[KeptPage], word: str) -> list[KeptPage]:
    """Return the pages of the flows whose run id or time begins with a word; dashes, colons and T may be in a time."""
    digits = re.sub(r"[-:TZ ]", "", word)
    return [page for page in pages if page.run_id.startswith(word) or (digits and page.time.startswith(digits))]


def keep_page(folder: Path, data: PageData, page: str) -> None:
    """Write a page to a folder, and remove the oldest ones there.

    Raises:
        OSError: the page cannot be written.
    """
    began_at = data.began_at.astimezone(timezone.utc).strftime(TIME)
    started = data.started
    name = f"{began_at}-{started.flow}-{started.stage}-{data.verdict.value}-{started.run}.html"
    folder.mkdir(parents=True, exist_ok=True)
    write_page(folder / name, page)
    for old in list_pages(folder)[MOST_KEPT:]:
        with suppress(OSError):
            old.file.unlink()


def write_page(file: Path, page: str) -> None:
    """Write a page, which only its owner can read; a reader of the file sees the complete page or none.

    Raises:
        OSError: the page cannot be written.
    """
    part = file.with_name(f".{file.name}.part")
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with open(fd, "w", encoding="utf-8", errors="backslashreplace") as target:
            target.write(page)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)  # it is there if the disk is full


def refuse_report_file(file: Path) -> None:
    """Refuse to write a page over a file that is not a page, or into a directory that does not exist.

    Raises:
        ConfigError: the page must not or cannot be written there.
    """
    if not os.path.lexists(file):
        if not (file.parent.is_dir() and os.access(file.parent, os.W_OK)):
            raise ConfigError(f"report={file}: {file.parent} is not a directory that you can write to; {UNTOUCHED}")
    elif not _is_page(file):
        raise ConfigError(f"report={file}: exists and is not a report page; {UNTOUCHED}")


UNTOUCHED = "nothing was done"


def _is_page(file: Path) -> bool:
    """Return whether a file is a page; a pipe, which would block its reader, is not opened."""
    try:
        return file.is_file() and _read_start(file) == MARK.encode()
    except OSError:
        return False


def _read_start(file: Path) -> bytes:
    with file.open("rb") as source:
        return source.read(len(MARK))
