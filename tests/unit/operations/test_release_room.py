"""The room for one more release."""

from __future__ import annotations

import pytest

from capdoit.errors import HostError
from capdoit.operations.release_room import ReleaseRoom, parse_release_room


@pytest.mark.parametrize(
    ("room", "shortage"),
    [
        (ReleaseRoom(), ""),
        (ReleaseRoom(2000, 100, 2000, 100), ""),
        (
            ReleaseRoom(1999, 100, 2000, 100),
            "not enough space for another release: 2.0 MiB are free, the live release takes 2.0 MiB",
        ),
        (ReleaseRoom(1, None, None, None), "not enough space for another release: 1 KiB are free"),
        (ReleaseRoom(1024, 0, None, None), ""),
        (
            ReleaseRoom(2000, 99, 2000, 100),
            "not enough inodes for another release: 99 are free, the live release takes 100",
        ),
        (ReleaseRoom(None, None, 2000, 100), ""),
    ],
)
def test_a_shortage_is_told_where_a_release_as_large_as_the_live_one_does_not_fit(
    room: ReleaseRoom, shortage: str
) -> None:
    assert room.shortage == shortage


def test_a_file_system_that_makes_inodes_on_demand_has_enough() -> None:
    answer = "free_kib\t5000\nfree_inodes\t0\nlive_kib\t10\nlive_inodes\t7\nend\tyes\n"
    assert parse_release_room("web1", answer) == ReleaseRoom(5000, None, 10, 7)


def test_what_a_host_does_not_tell_is_unknown() -> None:
    assert parse_release_room("web1", "free_kib\t\nfree_inodes\tmany\nend\tyes\n") == ReleaseRoom()


def test_an_answer_that_ends_early_is_refused() -> None:
    with pytest.raises(HostError, match="answered the disk space"):
        parse_release_room("web1", "free_kib\t5000\n")
