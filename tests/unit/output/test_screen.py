"""A terminal with a region at its end, drawn into a screen in memory."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from typing import cast

import pyte
import pytest

from capdoit.output.screen import RegionLine, Screen


class XtermScreen(pyte.Screen):
    """A screen that erases the last column, too, after a line has filled a row, as xterm and Linux do."""

    def erase_in_line(self, how: int = 0, private: bool = False) -> None:
        self.cursor.x = min(self.cursor.x, self.columns - 1)
        super().erase_in_line(how, private)


class FakeTerminal(io.TextIOBase):
    """A stream that draws on a screen of pyte."""

    def __init__(self, columns: int) -> None:
        self.screen = XtermScreen(columns, 10)
        self._stream = pyte.Stream(self.screen)
        self.written = list[str]()

    def write(self, text: str) -> int:
        self.written.append(text)
        self._stream.feed(text.replace("\n", "\r\n"))
        return len(text)

    @property
    def lines(self) -> list[str]:
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip().split("\n")


@pytest.fixture
def terminal() -> FakeTerminal:
    return FakeTerminal(40)


@pytest.fixture
def screen(terminal: FakeTerminal, monkeypatch: pytest.MonkeyPatch) -> Screen:
    monkeypatch.setattr(Screen, "size", property(lambda _: os.terminal_size((terminal.screen.columns, 10))))
    return Screen(cast(io.TextIOWrapper, terminal))


def region(*texts: str) -> Sequence[RegionLine]:
    return [RegionLine(text, len(text)) for text in texts]


def test_lines_go_above_the_region_with_the_next_drawing(terminal: FakeTerminal, screen: Screen) -> None:
    screen.write("first\n")
    screen.draw(region("web1", "web2"))
    screen.write("second\n")
    assert terminal.lines == ["first", "web1", "web2"]
    screen.draw(region("web1: done"))
    assert terminal.lines == ["first", "second", "web1: done"]
    screen.draw(())
    assert terminal.lines == ["first", "second"]
    screen.write("third\n")
    assert terminal.lines == ["first", "second", "third"], "without a region nothing waits"


def test_no_drawing_erases_the_complete_screen(terminal: FakeTerminal, screen: Screen) -> None:
    """Some terminals put what they erase then into their history."""
    screen.draw(region("web1", "web2"))
    screen.draw(region("web1"))
    screen.draw(())
    assert all(not text.endswith("A\033[J") for text in terminal.written)
    assert terminal.lines == [""]
    screen.write("first\n")
    assert terminal.lines == ["first"]


def test_a_drawing_is_one_write(terminal: FakeTerminal, screen: Screen) -> None:
    screen.draw(region("web1"))
    before = len(terminal.written)
    screen.write("a\n")
    screen.write("b\n")
    screen.draw(region("web1"))
    assert len(terminal.written) == before + 1


def test_a_flood_of_lines_does_not_wait(terminal: FakeTerminal, screen: Screen) -> None:
    screen.draw(region("web1"))
    screen.write("line\n" * 20_000)
    assert terminal.lines == [*["line"] * 8, "web1"]


@pytest.mark.parametrize("line", ["x" * 40, "x" * 80, "\033[31m" + "x" * 40 + "\033[0m", "界" * 20, "x" * 39, "x" * 41])
def test_a_line_that_fills_a_row_keeps_its_last_character(terminal: FakeTerminal, screen: Screen, line: str) -> None:
    screen.draw(region("o" * 39, "o" * 39, "o" * 39))
    screen.write(f"{line}\n")
    screen.draw(region("o"))
    text = line.replace("\033[31m", "").replace("\033[0m", "")
    assert "".join(terminal.lines).replace(" ", "") == f"{text}o"


def test_a_line_without_its_end_hides_the_region(terminal: FakeTerminal, screen: Screen) -> None:
    screen.draw(region("web1"))
    screen.write("the answer? ")
    screen.flush()
    assert terminal.lines == ["the answer?"]
    screen.draw(region("web1"))
    assert terminal.lines == ["the answer?"], "the region comes back below a complete line"
    screen.write("42\n")
    screen.draw(region("web1"))
    assert terminal.lines == ["the answer? 42", "web1"]


def test_lines_that_a_narrower_terminal_has_wrapped_are_erased(terminal: FakeTerminal, screen: Screen) -> None:
    screen.write("first\n")
    screen.draw(region("x" * 39))
    terminal.screen.resize(10, 20)
    terminal.screen.reset()
    terminal.write("first\n" + "x" * 20 + "\n" + "x" * 19 + "\n")  # as a terminal shows it that wraps
    screen.draw(region("web1"))
    assert terminal.lines == ["first", "web1"]


def test_what_a_signal_handler_writes_in_the_middle_of_a_write_follows_it(
    terminal: FakeTerminal, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = terminal.write

    def write_and_interrupt(text: str) -> int:
        monkeypatch.setattr(terminal, "write", write)
        screen.write("SIGINT\n")
        return write(text)

    monkeypatch.setattr(terminal, "write", write_and_interrupt)
    screen.write("first\n")
    assert terminal.lines == ["first", "SIGINT"]


def test_a_terminal_that_is_gone_has_the_default_size() -> None:
    assert Screen(io.StringIO()).size == (80, 24)
