"""Linked files that the project has on the controller: their state on a host, and their upload."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from capdoit.config.stages import Stage
from capdoit.hosts.connection import Connection
from capdoit.hosts.request import Request
from capdoit.text import make_printable

# The answers of linked_files_compare.sh; any other is a reason.
ABSENT = "absent"
FOUND = re.compile(r"(?P<kind>file|symlink) (?P<mode>[0-7]{1,5}) (?P<checksum>[0-9a-f]{64})")
PERMISSIONS = 0o777


@dataclass(frozen=True)
class LinkedSource:
    """A file on the controller that a linked file is made from.

    Attributes:
        path: the path of the linked file below ``shared``.
        file: the file on the controller.
        content: its content.
        mode: its permissions.
    """

    path: str
    file: Path
    content: bytes
    mode: int

    @property
    def checksum(self) -> str:
        """The sha256 of the content."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class LinkedFileState:
    """The state of a linked file on a host.

    Attributes:
        source: the file that it is compared with.
        is_absent: whether the host lacks it.
        has_content: whether it has the content of the source.
        mode: its permissions, or those of the file that it leads to.
        is_symlink: whether it is a symlink to a file, which no upload replaces.
        obstacle: why it can neither be compared nor replaced: ``is not a file``; empty for none.
    """

    source: LinkedSource
    is_absent: bool = False
    has_content: bool = False
    mode: int = 0
    is_symlink: bool = False
    obstacle: str = ""

    @property
    def is_different(self) -> bool:
        """True if it is a file with another content or another mode."""
        is_equal = self.has_content and not self.mode_difference
        return not (self.is_absent or is_equal or self.obstacle)

    @property
    def mode_difference(self) -> str:
        """The two modes if they differ: ``mode 644 there, 600 here``."""
        return f"mode {self.mode:o} there, {self.source.mode:o} here" if self.mode != self.source.mode else ""


def read_sources(stage: Stage) -> tuple[list[LinkedSource], dict[str, str]]:
    """Read the files on the controller that the linked files of a stage are made from.

    Returns:
        The files, and why others cannot be read, with the line of deploy.yml, by linked file.
    """
    sources, unreadable = [], {}
    for path, file in stage.linked_sources.items():
        try:
            sources.append(LinkedSource(path, file, file.read_bytes(), file.stat().st_mode & PERMISSIONS))
        except OSError as error:
            unreadable[path] = make_printable(f"{stage.linked_places[path]}: {file}: {error.strerror}")
    return sources, unreadable


def compare_linked_files(connection: Connection, sources: Collection[LinkedSource]) -> list[LinkedFileState]:
    """Compare the linked files of a host with their sources, in the order of the sources.

    Raises:
        HostError: the host did not answer.
    """
    values = {"paths": [source.path for source in sources]}
    script = connection.script("compare the linked files", "operations/linked_files_compare", values)
    answers = connection.checked(Request(script, capture=True)).text.splitlines() or [ABSENT] * len(sources)
    return [_state(source, answer) for source, answer in zip(sources, answers, strict=True)]


def upload_linked_files(connection: Connection, sources: Sequence[LinkedSource]) -> None:
    """Upload linked files, each with the mode that it has on the controller.

    Raises:
        HostError: a file could not be written.
    """
    for source in sources:
        connection.host.upload(source.file, f"{connection.layout.shared}/{source.path}")


def read_linked_file(connection: Connection, path: str) -> bytes:
    """Return the content of a linked file of a host; neither the log nor the view gets it.

    Raises:
        HostError: it cannot be read.
    """
    content = io.BytesIO()
    connection.host.download(f"{connection.layout.shared}/{path}", content)
    return content.getvalue()


def _state(source: LinkedSource, answer: str) -> LinkedFileState:
    found = FOUND.fullmatch(answer)
    if not found:
        is_absent = answer == ABSENT
        return LinkedFileState(source, is_absent=is_absent, obstacle="" if is_absent else answer)
    return LinkedFileState(
        source,
        has_content=found["checksum"] == source.checksum,
        mode=int(found["mode"], 8) & PERMISSIONS,
        is_symlink=found["kind"] == "symlink",
    )
