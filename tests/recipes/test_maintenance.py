"""The recipe maintenance: the page is shown during a flow that requests it, and removed afterwards."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

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


TWICE = """
import os, subprocess, sys

@cap.after("updated")
def deploy_meanwhile(host):
    if os.environ.pop("FIRST", ""):
        words = [sys.executable, "-m", "doit", "--db-file", "other.db", "deploy:production", "maintenance=yes"]
        done = subprocess.run(words, capture_output=True, text=True, env={**os.environ})
        host.run(["echo", "the other: " + done.stdout + done.stderr])
"""


@pytest.fixture
def shop(stage: Stages) -> StageUnderTest:
    return stage(recipes={"maintenance": {}}, dodo=SEES)


def is_down(shop: StageUnderTest) -> bool:
    return not any(list(page(shop, host).parent.glob("maintenance*")) for host in shop.project.hosts)


def test_the_page_is_shown_only_when_requested(shop: StageUnderTest) -> None:
    assert "no page" in shop.deploy().ok().out
    done = shop.deploy("maintenance=yes", "message=prices <& more>").ok()
    assert "web2 | <p>prices &lt;&amp; more&gt;</p>" in done.out
    assert is_down(shop)


@pytest.mark.extended("recipe")
def test_an_automatic_page_can_be_turned_off_for_one_flow(stage: Stages) -> None:
    shop = stage(recipes={"maintenance": {"always": True}}, dodo=SEES)
    assert "We will be back" in shop.deploy().ok().out
    assert "no page" in shop.deploy("maintenance=no").ok().out
    assert is_down(shop)


@pytest.mark.extended("recipe")
def test_the_page_of_the_project_is_shown(stage: Stages) -> None:
    shop = stage(recipes={"maintenance": {"page": "away.html"}}, dodo=SEES)
    (shop.project.path / "away.html").write_text("gone fishing\n")
    assert "gone fishing" in shop.deploy("maintenance=yes").ok().out


@pytest.mark.extended("recipe")
def test_a_page_that_does_not_exist_is_refused(stage: Stages) -> None:
    shop = stage(recipes={"maintenance": {"page": "away.html"}})
    assert "recipe maintenance: the page away.html does not exist" in shop.deploy().failed(3).out


def test_the_page_is_removed_everywhere_after_a_failure_before_publish(shop: StageUnderTest) -> None:
    with shop.fail_at("updated", host="web2"):
        shop.deploy("maintenance=yes").failed()
    assert is_down(shop)


@pytest.mark.extended("recipe")
def test_the_page_stays_after_a_failure_after_publish_with_advice(
    shop: StageUnderTest,
) -> None:
    with shop.fail_at("published"):
        done = shop.deploy("maintenance=yes").failed()
    assert "to take it down: doit run -s deploy:production:maintenance.down" in done.out
    assert page(shop).is_file()
    shop.doit("run", "-s", "deploy:production:maintenance.down").ok()
    assert is_down(shop)


@pytest.mark.extended("recipe")
def test_a_page_of_a_killed_controller_is_removed_by_the_next_flow(shop: StageUnderTest) -> None:
    with shop.kill_at("updated"):
        shop.deploy("maintenance=yes").failed(-9)
    assert page(shop).is_file()
    shop.deploy().ok()
    assert is_down(shop)
    shop.assert_healthy()


def test_a_page_created_by_hand_stays(shop: StageUnderTest) -> None:
    page(shop).parent.mkdir(parents=True)
    page(shop).write_text("by hand")
    done = shop.deploy("maintenance=yes").ok()
    assert "was put up by hand and is not changed" in done.out
    assert page(shop).read_text() == "by hand"


@pytest.mark.extended("recipe")
def test_a_rollback_shows_the_page(shop: StageUnderTest) -> None:
    for _ in range(2):
        shop.deploy().ok()
    before = shop.live
    with shop.fail_at("reverted"):
        shop.rollback("maintenance=yes").failed()
    assert is_down(shop)
    assert shop.live == before
    shop.rollback("maintenance=yes").ok()
    assert is_down(shop)


@pytest.mark.extended("recipe")
def test_a_refused_flow_keeps_the_page_of_the_running_flow(stage: Stages) -> None:
    shop = stage(hosts=1, recipes={"maintenance": {}}, dodo=TWICE + SEES)
    done = shop.deploy("maintenance=yes", env={"FIRST": "yes"}).ok()
    assert "the hosts are locked:" in done.out
    assert "web1 | <h1>We will be back" in done.out
    assert is_down(shop)


@pytest.mark.extended("recipe")
@pytest.mark.parametrize("said", [[], ["maintenance=yes"]], ids=["not asked for", "asked for"])
def test_a_page_that_was_kept_stays_when_a_later_flow_fails(shop: StageUnderTest, said: list[str]) -> None:
    with shop.fail_at("published"):
        shop.deploy("maintenance=yes").failed()
    with shop.fail_at("updated"):
        shop.deploy(*said).failed()
    assert page(shop).is_file()
    shop.deploy(*said).ok()
    assert is_down(shop)


@pytest.mark.extended("recipe")
def test_a_page_recreated_by_hand_stays(shop: StageUnderTest) -> None:
    with shop.fail_at("published"):
        shop.deploy("maintenance=yes").failed()
    page(shop).unlink()
    page(shop).write_text("by hand")
    shop.deploy().ok()
    assert page(shop).read_text() == "by hand"
    assert [file.name for file in page(shop).parent.iterdir()] == ["maintenance.html"]
    page(shop).unlink()
    shop.deploy("maintenance=yes").ok()
    assert is_down(shop)


@pytest.mark.extended("recipe")
def test_an_automatic_rollback_removes_the_page(stage: Stages) -> None:
    sick = dedent("""
        @cap.after("published")
        def sick(host, release, flow):
        """)
    sick += '    if flow.name == "deploy" and release.previous:\n        host.run("exit 5")\n'
    shop = stage(recipes={"maintenance": {}}, on_failure="rollback", dodo=sick)
    shop.deploy().ok()
    first = shop.live
    assert "the maintenance page is still up" in shop.deploy("maintenance=yes").failed().out
    assert shop.live == first
    assert is_down(shop)
    shop.assert_healthy()


@pytest.mark.extended("recipe")
def test_no_release_hosts_show_no_page_unless_their_role_is_named(stage: Stages) -> None:
    hosts = {"web1": {}, "lb1": {"roles": ["lb"], "no_release": True}}
    shop = stage(hosts=hosts, recipes={"maintenance": {}}, dodo=SEES)
    done = shop.deploy("maintenance=yes").ok()
    assert "lb1  | no page" in done.out
    assert not shop.host("lb1").shared.exists()
    shop = stage(hosts=hosts, recipes={"maintenance": {"roles": ["lb"]}}, dodo=SEES)
    done = shop.deploy("maintenance=yes").ok()
    assert "lb1  | <h1>" in done.out
    assert "web1 | no page" in done.out


@pytest.mark.extended("recipe")
def test_the_page_is_removed_after_ctrl_c(shop: StageUnderTest) -> None:
    source = shop.project.path / "dodo.py"
    source.write_text(
        source.read_text()
        + """
import os, signal, threading

@cap.after("updated")
def wait(host):
    if host.name == "web1":
        threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT]).start()
    host.run(["sleep", "30"])
"""
    )
    shop.doit("deploy:production", "maintenance=yes", timeout=25).failed()
    assert is_down(shop)
    shop.assert_healthy(may_be_empty=True)
