"""The recipe systemd with a real service manager in a namespace of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from capdoit.testing import Stages, StageUnderTest
from tests.recipes.systemd_manager import Manager, running_manager

pytestmark = pytest.mark.real
UNIT = """
[Service]
ExecStart=/bin/sh -c 'cat {current}/app.txt >{said}; {then}'
"""


def write_unit(shop: StageUnderTest, manager: Manager, then: str) -> None:
    """Write shop.service, which logs the release that it serves and then runs a command."""
    current = shop.host().deploy_to / "current"
    manager.write_unit("shop.service", UNIT.format(current=current, said=manager.place / "said", then=then))


def said(manager: Manager) -> str:
    return (manager.place / "said").read_text()


@pytest.fixture
def manager() -> Iterator[Manager]:
    with running_manager() as running:
        yield running


@pytest.fixture
def shop(stage: Stages, manager: Manager) -> StageUnderTest:
    made = stage(hosts=1, recipes={"systemd": {"units": ["shop.service"], "user_units": True, "settle": 0.5}})
    made.stand_in("systemctl", script=manager.systemctl)
    return made


def test_a_real_unit_serves_each_live_release(shop: StageUnderTest, manager: Manager) -> None:
    write_unit(shop, manager, "exec sleep 1000")
    shop.deploy().ok()
    assert said(manager) == "first\n"
    shop.commit({"app.txt": "second\n"})
    shop.deploy().ok()
    assert said(manager) == "second\n"
    shop.rollback().ok()
    assert said(manager) == "first\n"


def test_a_real_unit_that_dies_after_its_start_fails_the_flow(shop: StageUnderTest, manager: Manager) -> None:
    write_unit(shop, manager, "sleep 0.2; exit 3")
    done = shop.deploy().failed()
    assert "shop.service is failed" in done.out
    assert shop.live
    shop.assert_healthy()


def test_a_unit_that_comes_with_the_release_is_awaited_until_the_first_publish(
    shop: StageUnderTest, manager: Manager
) -> None:
    current = shop.host().deploy_to / "current"
    manager.link_unit("shop.service", current / "shop.service")
    manager.link_unit("job@.service", current / "job@.service")
    unit = UNIT.format(current=current, said=manager.place / "said", then="exec sleep 1000")
    shop.commit({"shop.service": unit, "job@.service": "[Service]\nExecStart=/bin/sleep 1000\n"})
    shop.project.config(
        recipes={"systemd": {"units": ["shop.service", "job@1.service"], "user_units": True, "settle": 0}}
    )
    shop.deploy().ok()
    assert said(manager) == "first\n"


def test_a_broken_symlink_to_elsewhere_is_no_unit(shop: StageUnderTest, manager: Manager) -> None:
    manager.link_unit("shop.service", manager.place / "gone" / "shop.service")
    assert "unit shop.service is not installed" in shop.deploy().failed().out


def test_an_unknown_unit_fails_the_flow(shop: StageUnderTest) -> None:
    assert "unit shop.service is not installed" in shop.deploy().failed().out
