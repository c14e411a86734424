"""The outbox of a session."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from capdoit.hosts.outbox import FilePart, Outbox

CONTENT = os.urandom(3_000_000)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file with `CONTENT`."""
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    return path


def test_bytes_and_parts_of_a_file_go_through_a_pipe_in_order(file: Path) -> None:
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    os.set_blocking(read_end, False)
    outbox, arrived = Outbox(write_end), b""

    with file.open("rb") as source:
        outbox.add(b"head\n", FilePart(source, 1000, 2_500_000), b"tail\n")
        while outbox:
            outbox.write()
            arrived += os.read(read_end, 1 << 22)

    assert arrived == b"head\n" + CONTENT[1000:2_501_000] + b"tail\n"
    os.close(read_end)
    os.close(write_end)


def test_a_file_is_sent_also_where_the_kernel_does_not_copy_it(file: Path, tmp_path: Path) -> None:
    with file.open("rb") as source, (tmp_path / "log").open("ab", buffering=0) as target:
        with pytest.raises(OSError, match="Invalid argument"):
            os.sendfile(target.fileno(), source.fileno(), 0, 1)  # not to a file that is open for appending
        outbox = Outbox(target.fileno())
        outbox.add(FilePart(source, 0, len(CONTENT)))
        while outbox:
            outbox.write()

    assert (tmp_path / "log").read_bytes() == CONTENT


def test_a_file_that_is_shorter_than_its_part_is_an_error(file: Path) -> None:
    read_end, write_end = os.pipe()
    outbox = Outbox(write_end)

    with file.open("rb") as source:
        outbox.add(FilePart(source, len(CONTENT), 1))
        with pytest.raises(EOFError):
            outbox.write()

    os.close(read_end)
    os.close(write_end)
