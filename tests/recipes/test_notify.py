"""notify: a real webhook is told of every flow, and whatever it does, no flow fails because of it."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from web import Site, serving

from capdoit.testing import Stages, StageUnderTest

SECRET = "/hook/s3cr3t-path"  # noqa: S105 - a made-up one
FAILING = "\n@cap.after('updated')\ndef fail(host):\n    host.run('echo no more room; exit 7')\n"


@pytest.fixture
def hook() -> Iterator[Site]:
    with serving() as site:
        yield site


def told(stage: Stages, url: str, dodo: str = "", **options: object) -> StageUnderTest:
    """A stage whose webhook is at a secret address."""
    shop = stage(recipes={"notify": options}, dodo=dodo)
    file = shop.project.path / "deploy.yml"
    file.write_text(file.read_text().replace('"notify": {', '"notify": {"url": !env WEBHOOK, ').replace(", }", "}"))
    shop.webhook = {"WEBHOOK": url + SECRET}  # type: ignore[attr-defined]
    return shop


def deploy(shop: StageUnderTest, *variables: str) -> object:
    return shop.deploy(*variables, env=shop.webhook)  # type: ignore[attr-defined]


def test_json_has_every_fact_of_a_deploy(stage: Stages, hook: Site):
    shop = told(stage, hook.url, format="json")
    shop.deploy("message=new prices", env=shop.webhook).ok()
    started, finished = hook.posted
    assert [started["event"], finished["event"]] == ["started", "finished"]
    assert finished == {
        "event": "finished",
        "application": "shop",
        "stage": "production",
        "flow": "deploy",
        "release": shop.live,
        "revision": shop.project.repo.git("rev-parse", "HEAD"),
        "branch": "main",
        "by": "tester",
        "hosts": ["web1", "web2"],
        "seconds": finished["seconds"],
        "message": "new prices",
        "previous": None,
    }
    assert 0 < started["seconds"] < finished["seconds"]
    assert {path for path, _ in hook.asked} == {SECRET}


def test_a_rollback_is_told_as_one(stage: Stages, hook: Site):
    shop = told(stage, hook.url, format="json")
    for _ in range(2):
        shop.deploy(env=shop.webhook).ok()
    left = shop.live
    shop.rollback(env=shop.webhook).ok()
    assert [said["event"] for said in hook.posted[-2:]] == ["started", "rolled_back"]
    assert hook.posted[-1]["previous"] == left
    assert hook.posted[-1]["release"] == shop.live


def test_slack_is_told_of_a_failure_with_its_colour_and_mention(stage: Stages, hook: Site):
    shop = told(stage, hook.url, FAILING, channel="#deploys", mention="<!here>", events=["failed"])
    shop.deploy(env=shop.webhook).failed()
    (said,) = hook.posted
    assert said["channel"] == "#deploys"
    assert said["attachments"][0]["color"] == "danger"
    assert said["attachments"][0]["text"].startswith(
        "<!here> deploy of shop to production by tester failed in fail: web1: echo no more room; exit 7: exit status 7"
    )


@pytest.mark.parametrize("status", [500, 404])
def test_a_webhook_that_refuses_is_a_warning_without_its_address(stage: Stages, hook: Site, status: int):
    hook.answers = [(status, "no")]
    shop = told(stage, hook.url)
    done = shop.deploy(env=shop.webhook).ok()
    assert f"warning: notify: the webhook was not told that it finished: HTTP Error {status}" in done.out
    assert "s3cr3t" not in done.out


def test_a_webhook_that_is_down_or_hangs_is_a_warning(stage: Stages, hook: Site):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        down = told(stage, f"http://127.0.0.1:{free.getsockname()[1]}")
        assert "Connection refused" in down.deploy(env=down.webhook).ok().out
    hook.hangs = 20
    slow = told(stage, hook.url, timeout=0.2)
    done = slow.doit("deploy:production", env=slow.webhook, timeout=15).ok()
    assert "no answer within 0.2 s" in done.out or "timed out" in done.out


def test_a_rollback_goes_ahead_without_the_address(stage: Stages, hook: Site):
    shop = told(stage, hook.url)
    for _ in range(2):
        shop.deploy(env=shop.webhook).ok()
    assert "needs the environment variable WEBHOOK" in shop.deploy().failed().out
    done = shop.rollback().ok()
    assert "the environment variable WEBHOOK is not set" in done.out


def test_nothing_is_sent_in_a_dry_run(stage: Stages, hook: Site):
    shop = told(stage, hook.url)
    shop.deploy("dry_run=yes", env=shop.webhook).ok()
    assert hook.posted == []


def test_an_event_that_there_is_not_is_refused(stage: Stages, hook: Site):
    shop = told(stage, hook.url, events=["finishd"])
    assert "recipe notify: there is no event finishd; there are started" in shop.deploy().failed(3).out
