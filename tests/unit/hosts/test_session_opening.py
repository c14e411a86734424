"""The terms on which a host's next session opens."""

from __future__ import annotations

from capdoit.hosts.session_opening import SessionTerms


def test_a_host_that_never_greeted_gets_the_time_of_a_slow_login() -> None:
    assert SessionTerms().after(was_silent=False, greeting_seconds=0.0).greeting_timeout_seconds is None


def test_a_host_that_has_greeted_gets_ten_seconds_or_twice_its_longest_greeting() -> None:
    quick = SessionTerms().after(was_silent=False, greeting_seconds=0.5)
    assert quick.greeting_timeout_seconds == 10.0
    slow = quick.after(was_silent=False, greeting_seconds=8.0)
    assert slow.greeting_timeout_seconds == 16.0
    assert slow.after(was_silent=False, greeting_seconds=0.5).greeting_timeout_seconds == 16.0


def test_no_session_after_a_silent_one_shares_a_connection() -> None:
    silent = SessionTerms().after(was_silent=True, greeting_seconds=0.5)
    assert not silent.may_share
    assert not silent.after(was_silent=False, greeting_seconds=0.5).may_share
