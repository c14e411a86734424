"""The lines of a report, and their layout: wrapped to the width of a terminal, short enough for it, and colored."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from itertools import groupby

from capdoit.output.console import Console, Tone

LEAST_OUTPUT_ROWS = 2  # of each problem, however low the terminal is
ROWS_BELOW = 2  # the blank line that doit adds, and the prompt


class Kind(Enum):
    """The meaning of a line."""

    TEXT = auto()
    CAUSE = auto()
    HINT = auto()
    OUTPUT = auto()  # the last lines of output of a command; a low terminal shows fewer of them


TONES = {Kind.CAUSE: Tone.BAD, Kind.HINT: Tone.DOUBTFUL}


@dataclass(frozen=True)
class ReportLine:
    """A line of a report.

    Attributes:
        text: the line without its command.
        kind: its meaning.
        command: a command to copy, which is never wrapped; empty for none.
        indentation: number of spaces in front.
    """

    text: str
    kind: Kind = Kind.TEXT
    command: str = ""
    indentation: int = 0

    def __str__(self) -> str:
        sentence = ": ".join(filter(None, (self.text, self.command)))
        return f"{' ' * self.indentation}{sentence}" if sentence else ""

    def indented(self, spaces: int) -> ReportLine:
        """Return the line further to the right."""
        return replace(self, indentation=self.indentation + spaces)

    def masked(self, mask: Callable[[str], str]) -> ReportLine:
        """Return the line without secrets, which must be found before a wrap divides them."""
        return replace(self, text=mask(self.text), command=mask(self.command))

    def wrap(self, width: int | None) -> list[str]:
        """Return the rows of the line, broken between words; a command that does not fit gets a row for itself."""
        if width is None or len(str(self)) <= width:
            return [str(self)]
        spaces = " " * self.indentation
        text = f"{self.text}:" if self.text and self.command else self.text
        rows = textwrap.wrap(
            text,
            width,
            initial_indent=spaces,
            subsequent_indent=spaces,
            break_long_words=False,
            break_on_hyphens=False,
        )
        return [*rows, *([f"{spaces}  {self.command}"] if self.command else [])]


@dataclass(frozen=True)
class TextArea:
    """The place where a report is shown.

    Attributes:
        width: characters in a row; None where long lines stay as they are, such as in a log.
        height: rows; None where a report may have any length.
        colored: colors a text.
    """

    width: int | None = None
    height: int | None = None
    colored: Callable[[str, Tone | None], str] = lambda text, _: text


def text_area_of(console: Console) -> TextArea:
    """Return the text area of a console: the terminal; or an area without limits and colors, in a pipe."""
    size = console.size
    return TextArea(size.columns if size else None, size.lines if size else None, console.colored)


def render_lines(console: Console, lines: Sequence[ReportLine]) -> str:
    """Return the text of lines for a console, wrapped and colored, with secrets masked."""
    return lay_out([line.masked(console.redact) for line in lines], text_area_of(console))


def as_lines(text: str, kind: Kind = Kind.TEXT) -> list[ReportLine]:
    """Return the lines of a text, all of one kind."""
    return [ReportLine(line.lstrip(), kind, indentation=_indentation(line)) for line in text.split("\n")]


def as_advice(text: str) -> list[ReportLine]:
    """Return the lines of an advice, which may each end with a command of doit."""
    return [_split_command(line) for line in text.split("\n")]


def as_text(lines: Iterable[ReportLine]) -> str:
    """Return the lines as they are, without colors."""
    return "\n".join(map(str, lines))


def lay_out(lines: Sequence[ReportLine], area: TextArea) -> str:
    """Return the text of a report for a text area.

    On a terminal, lines are wrapped between words, and of long output only the end stays, so that the report fits one
    screen if possible.
    """
    if area.height is not None:
        lines = _shorten_output(lines, area.height - ROWS_BELOW, area.width)
    return "\n".join(area.colored(row, TONES.get(line.kind)) for line in lines for row in line.wrap(area.width))


def _shorten_output(lines: Sequence[ReportLine], height: int, width: int | None) -> list[ReportLine]:
    """Return the lines without the first ones of long outputs; each output gets a share of the free rows."""
    blocks = [(kind, list(block)) for kind, block in groupby(lines, key=lambda line: line.kind)]
    outputs = [block for kind, block in blocks if kind is Kind.OUTPUT]
    if not outputs:
        return list(lines)
    used = sum(_count_rows(block, width) for kind, block in blocks if kind is not Kind.OUTPUT)
    shares = _share(height - used, [_count_rows(block, width) for block in outputs])
    shortened = iter([_keep_end(block, rows, width) for block, rows in zip(outputs, shares, strict=True)])
    return [line for kind, block in blocks for line in (next(shortened) if kind is Kind.OUTPUT else block)]


def _share(rows: int, wanted: Sequence[int]) -> list[int]:
    """Return the number of rows of each output. Rows that a short output does not need go to the others."""
    shares = [0] * len(wanted)
    for place, number in enumerate(sorted(range(len(wanted)), key=lambda number: wanted[number])):
        left = len(wanted) - place
        shares[number] = min(wanted[number], max(rows // left, LEAST_OUTPUT_ROWS))
        rows -= shares[number]
    return shares


def _keep_end(block: Sequence[ReportLine], rows: int, width: int | None) -> list[ReportLine]:
    """Return the last lines of an output that fit some rows, with a mark for the missing ones; at least one line."""
    if _count_rows(block, width) <= rows:
        return list(block)
    kept = list(block)
    while len(kept) > 1 and _count_rows(kept, width) >= rows:
        kept.pop(0)
    missing = len(block) - len(kept)
    mark = replace(kept[0], text=f"… {missing} line{'s' if missing > 1 else ''}")
    return [mark, *kept] if missing else kept


def _count_rows(lines: Iterable[ReportLine], width: int | None) -> int:
    return sum(len(line.wrap(width)) for line in lines)


def _split_command(line: str) -> ReportLine:
    text, indentation = line.lstrip(), _indentation(line)
    if text.startswith("doit "):
        return ReportLine("", command=text, indentation=indentation)
    sentence, found, rest = text.rpartition(": doit ")
    command = f"doit {rest}" if found else ""
    return ReportLine(sentence if found else text, command=command, indentation=indentation)


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())
