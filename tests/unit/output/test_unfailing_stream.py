"""A stream that never makes a flow fail."""

from __future__ import annotations

import os

from capdoit.output.unfailing_stream import is_discarded, make_unfailing


def test_a_stream_without_a_reader_discards_what_is_written_and_opens_no_other_file() -> None:
    read_fd, write_fd = os.pipe()
    os.close(read_fd)
    with os.fdopen(write_fd, "w") as stream:
        make_unfailing(stream)
        before = os.listdir("/proc/self/fd")
        stream.write("x")
        stream.flush()
        assert is_discarded(stream)
        assert os.listdir("/proc/self/fd") == before
