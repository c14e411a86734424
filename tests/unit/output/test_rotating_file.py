"""The file that the log is written to: several processes append, and large files are renamed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from capdoit.output import rotating_file
from capdoit.output.rotating_file import KEPT_FILES, RotatingFile


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a file look at its path before each line."""
    monkeypatch.setattr(rotating_file, "LOOK_SECONDS", -1)


def append(file: RotatingFile, *lines: str) -> None:
    for line in lines:
        file.append(f"{line}\n".encode())


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_lines_are_appended_to_a_file_that_only_its_owner_can_read(tmp_path: Path) -> None:
    path = tmp_path / "log/a.log"
    append(RotatingFile(path), "one")
    append(RotatingFile(path), "two")
    assert path.read_text() == "one\ntwo\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_large_file_is_renamed_and_five_older_ones_are_kept(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "a.log", most_bytes=8)
    append(file, *(f"line {n}" for n in range(KEPT_FILES + 3)))
    assert names(tmp_path) == ["a.log", *(f"a.log.{n}" for n in range(1, KEPT_FILES + 1))]
    assert [(tmp_path / name).read_text() for name in names(tmp_path)] == [f"line {n}\n" for n in range(7, 1, -1)]
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in names(tmp_path)} == {0o600}


def test_a_file_that_another_process_renamed_gets_no_more_lines(tmp_path: Path) -> None:
    first, second = (RotatingFile(tmp_path / "a.log", most_bytes=8) for _ in range(2))
    append(first, "one")
    append(second, "two", "three")  # it is full before the second line
    append(first, "4")
    assert [(tmp_path / name).read_text() for name in names(tmp_path)] == ["three\n4\n", "one\ntwo\n"]


def test_two_processes_that_find_the_file_full_rename_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (RotatingFile(tmp_path / "a.log", most_bytes=8) for _ in range(2))
    append(first, "one")
    append(second, "two")
    monkeypatch.setattr(rotating_file, "LOOK_SECONDS", 3600)  # neither looks before it finds the file full
    append(second, "three")
    first._size_bytes = 8  # as if it had read the size just before
    append(first, "four")
    assert [(tmp_path / name).read_text() for name in names(tmp_path)] == ["three\nfour\n", "one\ntwo\n"]


def test_a_file_that_was_removed_is_made_again(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "log/a.log")
    append(file, "one")
    file.path.unlink()
    append(file, "two")
    assert file.path.read_text() == "two\n"


def test_a_file_that_cannot_be_renamed_goes_on_growing(tmp_path: Path) -> None:
    (tmp_path / "a.log.4").mkdir()
    (tmp_path / "a.log.5/full").mkdir(parents=True)
    file = RotatingFile(tmp_path / "a.log", most_bytes=8)
    append(file, "one", "two", "three", "four")
    append(RotatingFile(tmp_path / "a.log", most_bytes=8), "five")  # nobody holds a lock
    assert file.path.read_text() == "one\ntwo\nthree\nfour\nfive\n"


def test_a_line_is_found_also_after_its_file_was_renamed(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "a.log", most_bytes=8)
    append(file, "one")
    position = file.append(b"two\n")
    assert position
    assert file.find_line(position) == (tmp_path / "a.log", 2)
    append(file, "three")
    assert file.find_line(position) == (tmp_path / "a.log.1", 2)
    (tmp_path / "a.log.1").unlink()
    assert file.find_line(position) is None


def test_a_line_after_one_that_was_cut_begins_at_the_left_edge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = RotatingFile(tmp_path / "a.log")
    append(file, "one")
    write, is_full = os.write, [True]

    def write_until_full(fd: int, data: bytes) -> int:
        if not is_full[0]:
            return write(fd, data)
        if len(data) < 5:
            raise OSError(28, "No space left on device")
        return write(fd, data[:2])

    monkeypatch.setattr(os, "write", write_until_full)
    with pytest.raises(OSError, match="No space left"):
        append(file, "three")
    is_full[0] = False
    position = file.append(b"four\n")
    assert position
    assert file.path.read_text() == "one\nth\nfour\n"
    assert file.find_line(position) == (file.path, 3)


def test_a_fifo_that_nobody_reads_blocks_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.log")
    with pytest.raises(OSError, match="No such device"):
        append(RotatingFile(tmp_path / "a.log"), "one")


def test_a_device_has_no_lines_to_find(tmp_path: Path) -> None:
    file = RotatingFile(Path("/dev/null"), most_bytes=8)
    assert file.append(b"one\n") is file.append(b"two, which is long\n") is None
    assert Path("/dev/null").is_char_device()
    assert names(tmp_path) == []
