"""Tests of the recipe acme_cache: its commands on each host, and flows that fail or die around it."""

from __future__ import annotations

import pytest

from capdoit.testing import Stages, StageUnderTest

HOSTS = {"web1": {"roles": ["web"]}, "web2": {"roles": ["web"]}, "jobs1": {"roles": ["app"]}}
PAGES = ["/", "/products?sort=name asc"]
CALLS = [("clear",), ("warm", "/"), ("warm", "/products?sort=name asc")]


@pytest.fixture
def shop(stage: Stages) -> StageUnderTest:
    """Make a stage with two web hosts and another host; a fake acme-cache records its calls."""
    made = stage(hosts=HOSTS, recipes={"acme_cache": {"warm": PAGES}})
    made.stand_in("acme-cache")
    return made


def calls(shop: StageUnderTest, host: str) -> list[tuple[str, ...]]:
    return [call.argv for call in shop.calls("acme-cache") if call.host == host]


def test_a_deploy_clears_and_fills_the_cache_of_each_web_host_in_the_new_release(shop: StageUnderTest) -> None:
    shop.deploy().ok()
    assert calls(shop, "web1") == calls(shop, "web2") == CALLS
    assert calls(shop, "jobs1") == []
    assert {call.cwd for call in shop.calls("acme-cache")} == {
        str(shop.host(name).release(str(shop.live))) for name in ("web1", "web2")
    }


def test_a_rollback_clears_and_fills_the_cache_in_the_target_release(shop: StageUnderTest) -> None:
    shop.deploy().ok()
    first = str(shop.live)
    shop.deploy().ok()
    shop.rollback().ok()
    assert calls(shop, "web1") == CALLS * 3
    assert shop.live == first
    assert shop.calls("acme-cache")[-1].cwd.endswith(f"/releases/{first}")
    shop.assert_healthy()


def test_without_options_the_front_page_is_filled(stage: Stages) -> None:
    shop = stage(hosts=1, recipes={"acme_cache": {}})
    shop.stand_in("acme-cache")
    shop.deploy().ok()
    assert calls(shop, "web1") == [("clear",), ("warm", "/")]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"warn": ["/"]}, "has no option warn; did you mean warm?"),
        ({"warm": {"path": "/"}}, "option warm is {'path': '/'}, expected list of strings"),
    ],
)
def test_wrong_options_are_refused_before_any_host_is_changed(
    stage: Stages, options: dict[str, object], complaint: str
) -> None:
    shop = stage(recipes={"acme_cache": options})
    assert complaint in shop.deploy().failed(3).out
    assert not shop.host("web1").deploy_to.exists()


def test_a_deploy_that_fails_before_its_publish_does_not_change_the_cache(shop: StageUnderTest) -> None:
    with shop.fail_at("updated", host="jobs1"):
        shop.deploy().failed()
    assert shop.calls("acme-cache") == []
    shop.assert_healthy(may_be_empty=True)


def test_a_page_that_cannot_be_fetched_fails_the_deploy_and_the_release_stays_live(shop: StageUnderTest) -> None:
    shop.stand_in("acme-cache", script='[ "$2" != / ] || { echo "no answer from $2" >&2; exit 7; }')
    done = shop.deploy().failed()
    assert "no answer from /" in done.out
    assert "exit status 7" in done.out
    assert shop.live
    assert ("warm", PAGES[1]) not in calls(shop, "web1")
    shop.assert_healthy()


def test_the_deploy_after_a_killed_controller_clears_and_fills_the_cache(
    shop: StageUnderTest,
) -> None:
    with shop.kill_at("published", when="before"):
        shop.deploy().failed(-9)
    assert shop.calls("acme-cache") == []
    shop.deploy().ok()
    assert calls(shop, "web1") == calls(shop, "web2") == CALLS
    shop.assert_healthy()
