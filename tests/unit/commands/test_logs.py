"""The files that `doit cap logs` follows, and the output of tail."""

from __future__ import annotations

import pytest

from capdoit.commands.logs import LogLines, choose_patterns, is_stage
from capdoit.config.stages import HostConfig
from capdoit.layout import Layout


def shown(*lines: str) -> list[tuple[str, str]]:
    """Return what is shown for the stdout of tail."""
    found: list[tuple[str, str]] = []
    source = LogLines("web1", lambda name, shown: found.extend((name, line) for line in shown.split("\n")))
    for half in (lines[: len(lines) // 2], lines[len(lines) // 2 :]):
        source.add("out", "\n".join(half))
    return found


def test_lines_of_several_files_have_the_name_of_their_file() -> None:
    lines = ("==> shared/log/a.log <==", "1", "", "", "==> /var/log/b.log <==", "2", "", "3")
    assert shown(*lines) == [
        ("web1 a.log", "1"),
        ("web1 a.log", ""),
        ("web1 /var/log/b.log", "2"),
        ("web1 /var/log/b.log", ""),
        ("web1 /var/log/b.log", "3"),
    ]


def test_lines_of_one_file_have_the_name_of_the_host_only() -> None:
    assert shown("1", "", "2") == [("web1", "1"), ("web1", ""), ("web1", "2")]


def test_messages_of_tail_itself_belong_to_no_file() -> None:
    found: list[tuple[str, str]] = []
    source = LogLines("web1", lambda name, shown: found.append((name, shown)))
    source.add("out", "==> shared/log/a.log <==\n1\n2")
    source.add("err", "tail: a.log has been replaced")
    assert found == [("web1 a.log", "1\n2"), ("web1", "tail: a.log has been replaced")]


LOGS = ("shared/log/*.log", "/var/log/shop/*", "shared/log/*.txt")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([], [*LOGS]),
        (["a.log"], ["shared/log/a.log", "/var/log/shop/a.log"]),
        (["tmp/a.log", "/srv/b.log"], ["tmp/a.log", "/srv/b.log"]),
    ],
)
def test_a_name_is_looked_for_in_the_directories_of_the_logs(files: list[str], expected: list[str]) -> None:
    host = HostConfig(name="web1", hostname="web1", layout=Layout("/srv/shop"), env={}, logs=LOGS)
    assert choose_patterns(host, files) == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [("production", True), ("prod.eu", True), ("prodution", True), ("a.log", False), ("log/a", False), ("*", False)],
)
def test_a_word_that_looks_like_a_file_is_no_stage(word: str, expected: bool) -> None:
    assert is_stage(word, ["production", "prod.eu"]) == expected
