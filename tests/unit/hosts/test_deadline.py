"""Deadlines of the work on a host."""

from __future__ import annotations

from capdoit.hosts.deadline import Deadline, find_passed, limit_request
from capdoit.hosts.request import Request
from capdoit.script import Script

FLOW, HOOK = Deadline(100.0, "the flow was too long"), Deadline(50.0, "the hook was too long")


def test_the_earliest_deadline_ends_a_request_and_gives_the_message() -> None:
    limited = limit_request(Request(Script("work", ":")), [FLOW, HOOK], now=40.0)
    assert (limited.timeout, limited.timeout_message) == (10.0, HOOK.message)


def test_a_timeout_that_ends_before_all_deadlines_stays() -> None:
    request = Request(Script("work", ":"), timeout=5.0)
    assert limit_request(request, [FLOW, HOOK], now=40.0) == request


def test_a_request_after_a_deadline_has_no_time_left() -> None:
    assert limit_request(Request(Script("work", ":")), [HOOK], now=60.0).timeout == 0.0


def test_only_a_deadline_that_is_over_was_passed() -> None:
    assert find_passed([FLOW, HOOK], now=49.0) is None
    assert find_passed([FLOW, HOOK], now=50.0) == HOOK
