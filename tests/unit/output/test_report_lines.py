"""The layout of reports for terminals of any size, and for pipes."""

from __future__ import annotations

import pytest

from capdoit.output.report_lines import Kind, ReportLine, TextArea, as_advice, as_text, lay_out

COMMAND = "doit rollback:production rollback_release=20260101000000"


def output(number: int) -> list[ReportLine]:
    return [ReportLine(f"line {n}", Kind.OUTPUT, indentation=4) for n in range(1, number + 1)]


def test_without_a_terminal_every_line_stays_as_it_is() -> None:
    lines = [ReportLine("word " * 100, Kind.CAUSE), *output(100)]
    assert lay_out(lines, TextArea()) == as_text(lines)


@pytest.mark.parametrize("width", [20, 60, 80])
def test_lines_are_broken_between_words_and_keep_their_indentation(width: int) -> None:
    words = ["the", "words", "of", "a", "long-ish", "sentence-with-hyphens", "that", "does", "not", "fit", "a", "row"]
    rows = lay_out([ReportLine(" ".join(words), indentation=4)], TextArea(width)).splitlines()
    assert all(row.startswith("    ") and not row.startswith("     ") for row in rows)
    assert " ".join(rows).split() == words
    assert all(len(row) <= max(width, 4 + max(map(len, words))) for row in rows)


def test_a_word_that_is_longer_than_a_row_is_not_cut() -> None:
    path = "/var/www/shop/" + "x" * 80
    assert path in lay_out([ReportLine(f"cannot write {path} there")], TextArea(40)).splitlines()


def test_a_command_is_never_broken_and_has_a_row_of_its_own_if_it_must() -> None:
    (line,) = as_advice(f"To go back: {COMMAND}")
    assert lay_out([line], TextArea(80)) == f"To go back: {COMMAND}"
    assert lay_out([line], TextArea(40)) == f"To go back:\n  {COMMAND}"


def test_an_advice_without_a_command_stays_as_it_is() -> None:
    text = "Do not repeat it: it would go back further.\n  doit deploy:production"
    assert as_text(as_advice(text)) == text


def test_of_long_outputs_the_last_lines_stay_so_that_the_report_fits_the_screen() -> None:
    lines = [ReportLine("cause", Kind.CAUSE), *output(30), ReportLine("live")]
    rows = lay_out(lines, TextArea(80, 12)).splitlines()
    assert rows == ["cause", "    … 23 lines", *(f"    line {n}" for n in range(24, 31)), "live"]


def test_the_rows_that_a_short_output_does_not_need_go_to_the_long_one() -> None:
    lines = [*output(1), ReportLine("cause", Kind.CAUSE), *output(30)]
    rows = lay_out(lines, TextArea(80, 12)).splitlines()
    assert len(rows) == 10
    assert rows[:3] == ["    line 1", "cause", "    … 23 lines"]


def test_on_a_very_low_terminal_each_problem_keeps_its_last_line() -> None:
    causes = [line for n in range(5) for line in (ReportLine(f"cause {n}", Kind.CAUSE), *output(9))]
    text = lay_out(causes, TextArea(80, 5))
    assert text.count("line 9") == 5
    assert text.count("… 8 lines") == 5


def test_each_row_has_the_tone_of_its_line() -> None:
    area = TextArea(10, colored=lambda text, tone: f"<{tone.name if tone else ''}>{text}")
    lines = [ReportLine("a cause of many words", Kind.CAUSE), ReportLine("live")]
    assert lay_out(lines, area).splitlines() == ["<BAD>a cause of", "<BAD>many words", "<>live"]
