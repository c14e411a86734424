"""maintenance: a page is up while a flow that was asked to is at work, and is down when it may be."""

from __future__ import annotations

from pathlib import Path

import pytest

from capdoit.testing import Stages, StageUnderTest

SEES = """
@cap.after("updated")
def see(host, release):
    page = f"{release.shared}/public/system/maintenance.html"
    host.run(["sh", "-c", 'cat "$1" 2>/dev/null || echo no page', "see", page])
"""


def page(shop: StageUnderTest, host: str = "web1") -> Path:
    return shop.host(host).shared / "public/system/maintenance.html"


@pytest.fixture
def shop(stage: Stages) -> StageUnderTest:
    return stage(recipes={"maintenance": {}}, dodo=SEES)


def is_down(shop: StageUnderTest) -> bool:
    return not any(list(page(shop, host).parent.glob("maintenance*")) for host in ("web1", "web2"))


def test_the_page_is_up_only_when_that_is_asked_for(shop: StageUnderTest):
    assert "no page" in shop.deploy().ok().out
    done = shop.deploy("maintenance=yes", "message=prices <& more>").ok()
    assert "web2 | <p>prices &lt;&amp; more&gt;</p>" in done.out
    assert is_down(shop)


def test_a_page_that_is_always_up_can_be_left_out_once(stage: Stages):
    shop = stage(recipes={"maintenance": {"always": True}}, dodo=SEES)
    assert "We will be back" in shop.deploy().ok().out
    assert "no page" in shop.deploy("maintenance=no").ok().out
    assert is_down(shop)


def test_the_projects_own_page_is_shown(stage: Stages):
    shop = stage(recipes={"maintenance": {"page": "away.html"}}, dodo=SEES)
    (shop.project.path / "away.html").write_text("gone fishing\n")
    assert "gone fishing" in shop.deploy("maintenance=yes").ok().out


def test_a_page_that_does_not_exist_is_refused(stage: Stages):
    shop = stage(recipes={"maintenance": {"page": "away.html"}})
    assert "recipe maintenance: there is no page away.html" in shop.deploy().failed(3).out


def test_it_goes_down_on_every_host_when_one_fails_before_the_publish(shop: StageUnderTest):
    with shop.fail_at("updated", host="web2"):
        shop.deploy("maintenance=yes").failed()
    assert is_down(shop)


def test_it_stays_when_the_flow_fails_after_the_publish_and_the_message_says_how_to_end_it(shop: StageUnderTest):
    with shop.fail_at("published"):
        done = shop.deploy("maintenance=yes").failed()
    assert "to take it down: doit run -s deploy:production:maintenance.down" in done.out
    assert page(shop).is_file()
    shop.doit("run", "-s", "deploy:production:maintenance.down").ok()
    assert is_down(shop)


def test_a_page_left_by_a_controller_that_died_goes_down_with_the_next_flow(shop: StageUnderTest):
    with shop.kill_at("updated"):
        shop.deploy("maintenance=yes").failed(-9)
    assert page(shop).is_file()
    shop.deploy().ok()
    assert is_down(shop)
    shop.assert_healthy()


def test_a_page_that_was_put_up_by_hand_stays(shop: StageUnderTest):
    page(shop).parent.mkdir(parents=True)
    page(shop).write_text("by hand")
    done = shop.deploy("maintenance=yes").ok()
    assert "was put up by hand, and stays" in done.out
    assert page(shop).read_text() == "by hand"


def test_a_rollback_has_the_page_too(shop: StageUnderTest):
    for _ in range(2):
        shop.deploy().ok()
    before = shop.live
    with shop.fail_at("reverted"):
        shop.rollback("maintenance=yes").failed()
    assert is_down(shop)
    assert shop.live == before
    shop.rollback("maintenance=yes").ok()
    assert is_down(shop)
