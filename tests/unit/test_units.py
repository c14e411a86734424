"""Moments, durations and sizes in words."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from capdoit.units import (
    format_clock,
    format_elapsed,
    format_minute,
    format_seconds,
    format_size,
    format_timestamp,
    parse_timestamp,
)


def test_a_timestamp_is_in_utc_and_is_read_back() -> None:
    moment = datetime(2016, 6, 14, 1, 33, 27, tzinfo=timezone(timedelta(hours=2)))
    assert format_timestamp(moment) == "2016-06-13T23:33:27Z"
    assert parse_timestamp(format_timestamp(moment)) == moment
    assert parse_timestamp("2016-06-13") is None


def test_a_time_is_shown_to_the_minute_and_an_invalid_one_not_at_all() -> None:
    assert format_minute("2016-06-01T10:00:09Z") == "2016-06-01 10:00"
    assert format_minute("\x1b[31mnow") == ""


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.44, "0.4 s"), (59.4, "59.4 s"), (59.6, "1 min 0 s"), (125, "2 min 5 s")]
)
def test_a_duration_is_shown_in_minutes_and_seconds(seconds: int, said: str) -> None:
    assert format_elapsed(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said", "clock"),
    [
        (0.04, "0.0s", "00:00"),
        (59.94, "59.9s", "00:59"),
        (59.96, "1m00s", "00:59"),
        (125.9, "2m06s", "02:05"),
        (3725, "1h02m", "1:02:05"),
    ],
)
def test_a_view_shows_a_duration_in_few_characters(seconds: float, said: str, clock: str) -> None:
    assert format_seconds(seconds) == said
    assert format_clock(seconds) == clock


@pytest.mark.parametrize(
    ("kib", "said"),
    [(0, "0 KiB"), (1000, "1000 KiB"), (2048, "2.0 MiB"), (3 * 2**19, "1.5 GiB"), (5 * 2**30, "5.0 TiB")],
)
def test_a_size_is_shown_in_the_largest_fitting_unit(kib: int, said: str) -> None:
    assert format_size(kib) == said
