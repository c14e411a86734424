"""The recipe notify: a real webhook gets every flow, and no flow fails because of it."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from textwrap import dedent

import pytest

from capdoit.recipes._posts import is_web_address
from capdoit.testing import Stages, StageUnderTest
from tests.recipes.web import Site, answering, serving
from tests.support import further

SECRET = "/hook/s3cr3t-path"  # noqa: S105 - a made-up one
FAILING = """
@cap.after('updated')
def fail(host):
    host.run('echo no more room; exit 7')
"""


@pytest.fixture
def hook() -> Iterator[Site]:
    with serving() as site:
        yield site


def make_notified_stage(stage: Stages, dodo: str = "", **options: object) -> StageUnderTest:
    """Return a stage whose webhook has a secret address."""
    shop = stage(recipes={"notify": options}, dodo=dodo)
    file = shop.project.path / "deploy.yml"
    file.write_text(file.read_text().replace('"notify": {', '"notify": {"url": !env WEBHOOK, ').replace(", }", "}"))
    return shop


def webhook_env(url: str) -> dict[str, str]:
    """Return the environment that holds the secret address of a webhook."""
    return {"WEBHOOK": url + SECRET}


def test_the_json_message_has_every_fact_of_a_deploy(stage: Stages, hook: Site) -> None:
    shop = make_notified_stage(stage, format="json")
    shop.deploy("message=new prices", env=webhook_env(hook.url)).ok()
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


@pytest.mark.extended("recipe")
def test_a_rollback_is_announced_as_rollback(stage: Stages, hook: Site) -> None:
    shop = make_notified_stage(stage, format="json")
    for _ in range(2):
        shop.deploy(env=webhook_env(hook.url)).ok()
    left = shop.live
    shop.rollback(env=webhook_env(hook.url)).ok()
    assert [said["event"] for said in hook.posted[-2:]] == ["started", "rolled_back"]
    assert hook.posted[-1]["previous"] == left
    assert hook.posted[-1]["release"] == shop.live


def test_a_slack_message_of_a_failure_has_color_and_mention(stage: Stages, hook: Site) -> None:
    shop = make_notified_stage(stage, FAILING, channel="#deploys", mention="<!here>", events=["failed"])
    shop.deploy(env=webhook_env(hook.url)).failed()
    (said,) = hook.posted
    assert said["channel"] == "#deploys"
    assert said["attachments"][0]["color"] == "danger"
    assert said["text"] == "<!here>"
    assert said["attachments"][0]["text"].startswith(
        "deploy of shop on production by tester failed in fail: web1, web2: echo no more room; exit 7: exit status 7"
    )


@pytest.mark.parametrize("status", [500, *further(404)])
def test_a_refusing_webhook_is_a_warning_without_its_address(stage: Stages, hook: Site, status: int) -> None:
    hook.answers = [(status, "no")]
    shop = make_notified_stage(stage)
    done = shop.deploy(env=webhook_env(hook.url)).ok()
    assert f"warning: notify: the event finished was not sent: the server answered {status}" in done.out
    assert "s3cr3t" not in done.out


@pytest.mark.extended("recipe")
def test_an_unreachable_or_hanging_webhook_is_a_warning(stage: Stages, hook: Site) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
        assert "Connection refused" in make_notified_stage(stage).deploy(env=webhook_env(nobody)).ok().out
    hook.hangs = 20
    slow = make_notified_stage(stage, timeout=0.2)
    done = slow.doit("deploy:production", env=webhook_env(hook.url), timeout=15).ok()
    assert "no answer within 0.2 s" in done.out or "TimeoutError" in done.out


@pytest.mark.extended("recipe")
def test_a_rollback_goes_ahead_without_the_address(stage: Stages, hook: Site) -> None:
    shop = make_notified_stage(stage)
    for _ in range(2):
        shop.deploy(env=webhook_env(hook.url)).ok()
    assert "needs the environment variable WEBHOOK" in shop.deploy().failed().out
    done = shop.rollback().ok()
    assert "recipes.notify.url needs the environment variable WEBHOOK, which is not set" in done.out


def test_a_rollback_goes_ahead_without_an_option_and_sends_nothing(stage: Stages, hook: Site) -> None:
    shop = make_notified_stage(stage)
    for _ in range(2):
        shop.deploy(env=webhook_env(hook.url)).ok()
    sent = len(hook.asked)
    file = shop.project.path / "deploy.yml"
    file.write_text(file.read_text().replace('"notify": {', '"notify": {"channel": !cmd exit 3, ', 1))
    done = shop.rollback(env=webhook_env(hook.url)).ok()
    assert "warning: notify.started was not called: " in done.out
    assert "recipes.notify.channel needs the output of `exit 3`, which failed with exit status 3" in done.out
    assert len(hook.asked) == sent
    assert "which failed with exit status 3" in shop.deploy(env=webhook_env(hook.url)).failed().out


def test_nothing_is_sent_in_a_dry_run(stage: Stages, hook: Site) -> None:
    shop = make_notified_stage(stage)
    shop.deploy("dry_run=yes", env=webhook_env(hook.url)).ok()
    assert hook.posted == []


@pytest.mark.extended("recipe")
def test_an_unknown_event_is_refused(stage: Stages) -> None:
    shop = make_notified_stage(stage, events=["finishd"])
    assert "recipe notify: unknown event: finishd; the events are started" in shop.deploy().failed(3).out


@pytest.mark.extended("recipe")
def test_a_timeout_of_zero_is_refused(stage: Stages) -> None:
    assert "recipe notify: timeout must be more than 0" in make_notified_stage(stage, timeout=0).deploy().failed(3).out


def journals(shop: StageUnderTest) -> str:
    """Return everything that hosts record about flows."""
    files = [file for host in shop.project.hosts for file in shop.host(host).deploy_to.rglob("*") if file.is_file()]
    return "".join(file.read_text(errors="replace") for file in files)


@pytest.mark.extended("recipe")
@pytest.mark.parametrize(
    "address",
    [
        "hooks.example.com/s3cr3t-path",
        "http://127.0.0.1:9/s3cr3t path",
        "http://127.0.0.1:port/s3cr3t-path",
        "http://[/s3cr3t-path",
        "file:///s3cr3t-path",
        "http://hooks.example.com/s3cr3t-path",
        "http://127.0.0.1:9/s3cr3t-path\n",
    ],
)
def test_an_invalid_address_is_a_warning_without_the_address(stage: Stages, address: str) -> None:
    shop = make_notified_stage(stage)
    done = shop.deploy(env={"WEBHOOK": address}).ok()
    assert "warning: notify: the event started was not sent: " in done.out
    assert "s3cr3t" not in done.out + journals(shop)
    assert "Traceback" not in done.out


@pytest.mark.parametrize(
    ("address", "is_accepted"),
    [
        ("https://hooks.example.com/x", True),
        ("http://localhost:8000/x", True),
        ("http://127.0.0.1/x", True),
        ("http://[::1]:8000", True),
        ("http://hooks.example.com/x", False),
        ("http://127.0.0.1:9@hooks.example.com/x", False),
        ("http://localhost.example.com/x", False),
    ],
)
def test_a_token_travels_in_clear_on_this_machine_only(address: str, is_accepted: bool) -> None:
    assert is_web_address(address) == is_accepted


@pytest.mark.extended("recipe")
@pytest.mark.parametrize("raw", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 302 Found\r\nLocation: ftp://s3cr3t/\r\n\r\n"])
def test_a_server_that_does_not_speak_http_is_a_warning(stage: Stages, raw: bytes) -> None:
    with answering(raw) as url:
        shop = make_notified_stage(stage)
        done = shop.deploy(env=webhook_env(url)).ok()
    assert done.out.count("warning: notify:") == 2
    assert "s3cr3t" not in done.out + journals(shop)
    assert "Traceback" not in done.out


@pytest.mark.extended("recipe")
def test_markup_in_a_reason_or_message_is_escaped_for_slack(stage: Stages, hook: Site) -> None:
    failing = dedent("""
        @cap.after('updated')
        def fail(host):
            host.run(['false', '<!channel> & more', 'x' * 3000])
        """)
    shop = make_notified_stage(stage, failing, username="deployer")
    shop.deploy("message=<!channel>", env=webhook_env(hook.url)).failed()
    started, failed = hook.posted
    assert started["username"] == failed["username"] == "deployer"
    said, details = started["text"].split("\n")
    assert said == "tester is deploying shop main to production: &lt;!channel&gt;"
    assert re.fullmatch(r"[0-9]{14} · web1, web2 · [0-9.]+ s", details)
    assert "&lt;!channel&gt; &amp; more" in failed["attachments"][0]["text"]
    assert len(failed["attachments"][0]["text"]) < 1000
    assert "text" not in failed


def test_secrets_of_a_host_are_not_sent(stage: Stages, hook: Site) -> None:
    failing = dedent("""
        @cap.after('updated')
        def fail(host):
            raise RuntimeError(f'token is hunter2hunter2 at {URL}')
        """)
    shop = make_notified_stage(stage, f"\nURL = '{hook.url}{SECRET}'\n{failing}", format="json")
    file = shop.project.path / "deploy.yml"
    file.write_text(file.read_text().replace('"PATH":', '"TOKEN": !env TOKEN, "PATH":'))
    assert "!env TOKEN" in file.read_text()
    done = shop.deploy(env={**webhook_env(hook.url), "TOKEN": "hunter2hunter2"}).failed()
    assert "token is *** at *** (dodo.py:" in hook.posted[-1]["reason"]
    assert "hunter2" not in done.out + str(hook.posted)
    assert "s3cr3t" not in done.out + str(hook.posted)


@pytest.mark.extended("recipe")
def test_an_interrupted_flow_is_announced_as_failed_once(stage: Stages, hook: Site) -> None:
    waiting = """
import os, signal, threading

@cap.after("updated")
def wait(host):
    if host.name == "web1":
        threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT]).start()
    host.run(["sleep", "30"])
"""
    shop = make_notified_stage(stage, waiting, format="json")
    shop.doit("deploy:production", env=webhook_env(hook.url), timeout=25).failed()
    assert [said["event"] for said in hook.posted] == ["started", "failed"]
    assert "interrupted by Ctrl-C" in hook.posted[-1]["reason"]


@pytest.mark.extended("recipe")
def test_an_automatic_rollback_is_announced(stage: Stages, hook: Site) -> None:
    sick = dedent("""
        @cap.after('published')
        def sick(host, release, flow):
        """)
    sick += "    if flow.name == 'deploy' and release.previous:\n        host.run('exit 5')\n"
    shop = make_notified_stage(stage, sick, format="json")
    file = shop.project.path / "deploy.yml"
    file.write_text(file.read_text().replace('"recipes":', '"on_failure": "rollback", "recipes":'))
    shop.deploy(env=webhook_env(hook.url)).ok()
    shop.deploy(env=webhook_env(hook.url)).failed()
    assert [said["event"] for said in hook.posted[2:]] == ["started", "failed", "started", "rolled_back"]
