"""The events about the requests of one host."""

from __future__ import annotations

import pytest

from capdoit.event_bus import EventBus
from capdoit.events import LONGEST_LOGGED_OUTPUT, Event, RequestAnswered
from capdoit.hosts.request import Answer, Request
from capdoit.hosts.request_log import RequestLog
from capdoit.script import Script

SECRETS = ["hunter2hunter2secret", "https://ann:passw0rd@host/shop.git"]


def log_answer(output: str) -> str:
    """Return the output of a captured answer as listeners get it."""
    bus, found = EventBus(), list[Event]()
    bus.redactor.add(SECRETS[:1])
    bus.subscribe(found.append)
    with RequestLog("web1", bus).exchange([Request(Script("survey", "true"), capture=True)]) as answers:
        answers.append(Answer(0, output.encode(), ()))
    (answered,) = [event for event in found if isinstance(event, RequestAnswered)]
    return answered.output


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("characters_before_the_cut", [4, 15])
def test_a_secret_at_the_cut_of_a_long_output_shows_none_of_it(secret: str, characters_before_the_cut: int) -> None:
    output = "x" * (LONGEST_LOGGED_OUTPUT - characters_before_the_cut) + f"{secret}\n{'y' * 100}"
    logged = log_answer(output)
    assert not {"hun", "pas"} & {logged[place : place + 3] for place in range(len(logged))}


def test_a_short_output_is_logged_completely() -> None:
    assert log_answer("one\ntwo") == "one\ntwo"
