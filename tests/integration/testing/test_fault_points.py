"""Flows that fail or die where a test says."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import dedent

import pytest

from capdoit.testing import Stages, StageUnderTest
from tests.support import choose_ordinary, further


def deployed(stage: Stages, **settings: object) -> StageUnderTest:
    made = stage(**settings)  # type: ignore[arg-type]
    made.deploy().ok()
    return made


STEPS = ("starting", "started", "updating", "updated", "publishing", "published", "finishing", "finished")


@pytest.mark.parametrize("step", choose_ordinary(STEPS, "publishing"))
def test_fail_at_works_at_each_step_and_the_next_flow_succeeds(stage: Stages, step: str) -> None:
    shop = deployed(stage)
    before = shop.live
    with shop.fail_at(step, host="web2"):
        assert "this failure was injected" in shop.deploy().failed().out
    assert (shop.live == before) == (STEPS.index(step) < STEPS.index("publishing"))
    shop.assert_healthy()
    shop.deploy().ok()
    shop.assert_healthy()


@pytest.mark.parametrize("step", ["publishing", *further("starting", "updating", "finished")])
def test_kill_at_leaves_hosts_whose_next_deploy_succeeds(stage: Stages, step: str) -> None:
    shop = deployed(stage)
    before = shop.live
    with shop.kill_at(step):
        shop.deploy().failed(-9)
    assert (shop.live == before) == (STEPS.index(step) < STEPS.index("publishing"))
    shop.deploy().ok()
    shop.assert_healthy()


@pytest.mark.extended("detail")
def test_strikes_work_in_a_rollback(stage: Stages) -> None:
    shop = deployed(stage)
    first = shop.live
    shop.deploy().ok()
    with shop.kill_at("reverting"):
        shop.rollback().failed(-9)
    with shop.fail_at("reverted", when="before"):
        shop.rollback().failed()
    shop.rollback().ok()
    assert shop.live == first
    shop.assert_healthy()


def test_a_strike_comes_before_or_after_the_hooks_as_asked(stage: Stages) -> None:
    shop = stage(
        hosts=1,
        dodo=dedent("""
        @cap.after('published')
        def ask(host):
            host.run('oracle')
        """),
    )
    shop.stand_in("oracle")
    with shop.fail_at("published", when="before"):
        shop.deploy().failed()
    assert shop.live
    assert shop.calls("oracle") == []
    with shop.fail_at("published"):
        shop.deploy().failed()
    assert len(shop.calls("oracle")) == 1


def test_a_strike_that_no_flow_reached_is_an_error(stage: Stages) -> None:
    shop = stage(hosts=1)
    with pytest.raises(AssertionError, match="no flow reached the point after reverting"), shop.fail_at("reverting"):
        shop.deploy().ok()


@pytest.mark.parametrize(
    ("strike", "wrong"),
    [
        (lambda shop: shop.fail_at("publish"), "no flow has a step publish;"),
        (lambda shop: shop.kill_at("publish"), "no flow has a step publish;"),
        (lambda shop: shop.fail_at("updated", host="web3"), "there is no host web3; there are web1, web2"),
        (lambda shop: shop.fail_at("updated", when="during"), "must be before or after, not during"),
    ],
)
def test_a_strike_at_an_unknown_moment_is_an_error(stage: Stages, strike: Callable[..., object], wrong: str) -> None:
    with pytest.raises(AssertionError, match=wrong), strike(stage()):  # type: ignore[attr-defined]
        pass
