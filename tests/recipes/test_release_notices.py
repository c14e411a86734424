"""Release notices of the recipe notify: a real server gets the requests that the services document."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest

from capdoit.testing import Stages, StageUnderTest
from tests.recipes.web import Site, serving

TOKENS = {
    "SENTRY": "s3cr3t-of-sentry",
    "HONEYBADGER": "s3cr3t-of-honeybadger",
    "ROLLBAR": "s3cr3t-of-rollbar",
    "DATADOG": "s3cr3t-of-datadog",
}
NAMES = {"sentry": "token", "honeybadger": "key", "rollbar": "token", "datadog": "key"}
SENTRY = {"sentry_organization": "acme inc", "sentry_projects": ["shop"]}


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


def make_told_stage(stage: Stages, site: Site, *services: str, dodo: str = "", **options: Any) -> StageUnderTest:
    """Return a stage that tells these services, whose addresses are those of the site."""
    urls = {f"{service}_url": site.url for service in services}
    named = {**(SENTRY if "sentry" in services else {}), **urls, **options}
    shop = stage(recipes={"notify": named}, dodo=dodo)
    file = shop.project.path / "deploy.yml"
    tokens = "".join(f'"{service}_{NAMES[service]}": !env {service.upper()}, ' for service in services)
    file.write_text(file.read_text().replace('"notify": {', f'"notify": {{{tokens}'))
    return shop


def headers_of(site: Site, name: str) -> list[str]:
    return [headers[name] for _, headers in site.asked if name in headers]


def moment(text: str) -> float:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp()


def test_sentry_gets_the_release_and_its_deploy(stage: Stages, site: Site) -> None:
    shop = make_told_stage(stage, site, "sentry")
    began = time.time()
    shop.deploy(env=TOKENS).ok()
    revision = shop.project.repo.git("rev-parse", "HEAD")
    release, deploy = site.posted
    paths = [path for path, _ in site.asked]
    assert paths == [
        "/api/0/organizations/acme%20inc/releases/",
        f"/api/0/organizations/acme%20inc/releases/{revision}/deploys/",
    ]
    assert headers_of(site, "Authorization") == ["Bearer s3cr3t-of-sentry"] * 2
    assert release == {"version": revision, "projects": ["shop"], "dateReleased": release["dateReleased"]}
    assert deploy == {
        "environment": "production",
        "name": shop.live,
        "projects": ["shop"],
        "dateStarted": deploy["dateStarted"],
        "dateFinished": release["dateReleased"],
    }
    assert began - 2 <= moment(deploy["dateStarted"]) <= moment(deploy["dateFinished"]) <= time.time() + 1


@pytest.mark.extended("recipe")
def test_the_version_and_the_environment_of_sentry_are_options(stage: Stages, site: Site) -> None:
    shop = make_told_stage(stage, site, "sentry", sentry_version="shop@{release}/{revision}", environment="live")
    shop.deploy(env=TOKENS).ok()
    version = f"shop@{shop.live}/{shop.project.repo.git('rev-parse', 'HEAD')}"
    assert site.posted[0]["version"] == version
    assert site.posted[1]["environment"] == "live"
    assert site.asked[1][0].endswith(f"/releases/{version.replace('@', '%40').replace('/', '%2F')}/deploys/")


@pytest.mark.extended("recipe")
def test_honeybadger_gets_a_deployment(stage: Stages, site: Site) -> None:
    shop = make_told_stage(stage, site, "honeybadger", honeybadger_repository="https://git.example.com/acme/shop")
    shop.deploy(env=TOKENS).ok()
    expected = {
        "api_key": "s3cr3t-of-honeybadger",
        "deploy[environment]": "production",
        "deploy[revision]": shop.project.repo.git("rev-parse", "HEAD"),
        "deploy[repository]": "https://git.example.com/acme/shop",
        "deploy[local_username]": "tester",
    }
    assert site.forms == [("/v1/deploys", expected)]


@pytest.mark.extended("recipe")
def test_rollbar_gets_a_deploy(stage: Stages, site: Site) -> None:
    shop = make_told_stage(stage, site, "rollbar")
    shop.deploy("message=new prices", env=TOKENS).ok()
    (deploy,) = site.posted
    assert site.asked[0][0] == "/api/1/deploy"
    assert headers_of(site, "X-Rollbar-Access-Token") == ["s3cr3t-of-rollbar"]
    revision = shop.project.repo.git("rev-parse", "HEAD")
    said = rf"release {shop.live} \({revision[:12]}\) of shop is live on production, deployed by tester in \d+ s"
    assert re.fullmatch(f"{said}: new prices", deploy.pop("comment"))
    assert deploy == {
        "environment": "production",
        "revision": revision,
        "local_username": "tester",
        "status": "succeeded",
    }


def test_datadog_gets_an_event_of_each_release_that_becomes_live(stage: Stages, site: Site) -> None:
    shop = make_told_stage(stage, site, "datadog")
    shop.deploy(env=TOKENS).ok()
    first = shop.project.repo.git("rev-parse", "HEAD")
    shop.commit({"app.txt": "second\n"})
    shop.deploy(env=TOKENS).ok()
    shop.rollback(env=TOKENS).ok()
    assert [path for path, _ in site.asked] == ["/api/v1/events"] * 3
    assert headers_of(site, "Dd-Api-Key") == ["s3cr3t-of-datadog"] * 3
    deploy, _, rollback = site.posted
    assert deploy == {
        "title": "shop deployed on production",
        "text": deploy["text"],
        "alert_type": "success",
        "date_happened": deploy["date_happened"],
        "aggregation_key": "shop-production",
        "tags": ["env:production", "service:shop", f"version:{first}", "event:deploy"],
    }
    assert abs(deploy["date_happened"] - time.time()) < 60
    assert rollback["tags"] == ["env:production", "service:shop", f"version:{first}", "event:rollback"]
    assert rollback["title"] == "shop rolled back on production"
    assert rollback["alert_type"] == "warning"


@pytest.mark.extended("recipe")
def test_a_release_that_is_live_although_its_flow_failed_is_told_and_one_that_is_not_live_is_not(
    stage: Stages, site: Site
) -> None:
    shop = make_told_stage(stage, site, "rollbar")
    with shop.fail_at("updated"):
        shop.deploy(env=TOKENS).failed()
    assert site.posted == []
    with shop.fail_at("published"):
        shop.deploy(env=TOKENS).failed()
    (deploy,) = site.posted
    assert "is live nevertheless" in deploy["comment"]


def test_services_that_fail_are_warnings_without_their_tokens(stage: Stages, site: Site) -> None:
    site.answers = [(500, "no")]
    shop = make_told_stage(stage, site, *NAMES)
    done = shop.deploy(env=TOKENS).ok()
    for service in ("Sentry", "Honeybadger", "Rollbar", "Datadog"):
        warning = f"warning: notify: {service} was not told that release {shop.live} is live: the server answered 500"
        assert warning in done.out
    files = [file for file in shop.project.path.rglob("*") if file.is_file()]
    assert [file for file in files if b"s3cr3t" in file.read_bytes()] == []
    assert "s3cr3t" not in done.out


@pytest.mark.extended("recipe")
def test_a_token_is_not_sent_to_the_target_of_a_redirect(stage: Stages, site: Site) -> None:
    with serving() as other:
        site.redirects = {"/api/1/deploy": f"{other.url}/elsewhere"}
        done = make_told_stage(stage, site, "rollbar").deploy(env=TOKENS).ok()
    assert "Rollbar was not told that release" in done.out
    assert "the server answered 302" in done.out
    assert other.asked == []


@pytest.mark.extended("recipe")
def test_services_that_hang_delay_a_flow_once(stage: Stages, site: Site) -> None:
    site.hangs = 30
    shop = make_told_stage(stage, site, *NAMES, timeout=0.5)
    done = shop.doit("deploy:production", env=TOKENS, timeout=25).ok()
    assert done.out.count("is live: no answer within 0.5 s") + done.out.count("is live: TimeoutError") >= 4


@pytest.mark.extended("recipe")
def test_a_rollback_goes_ahead_without_the_tokens(stage: Stages, site: Site) -> None:
    shop = make_told_stage(stage, site, "rollbar")
    for _ in range(2):
        shop.deploy(env=TOKENS).ok()
    assert "ROLLBAR" in shop.deploy().failed().out
    assert "Rollbar was not told that release" in shop.rollback().ok().out
    assert len(site.posted) == 2


@pytest.mark.extended("recipe")
def test_nothing_is_told_in_a_dry_run(stage: Stages, site: Site) -> None:
    make_told_stage(stage, site, *NAMES).deploy("dry_run=yes", env=TOKENS).ok()
    assert site.asked == []


@pytest.mark.extended("recipe")
@pytest.mark.parametrize(
    ("options", "tokens", "complaint"),
    [
        ({}, "", "set url, sentry_token, honeybadger_key, rollbar_token or datadog_key"),
        ({}, '"sentry_token": !env SENTRY', "sentry_token needs sentry_organization and sentry_projects"),
        (SENTRY, '"url": !env HOOK, ', "sentry_organization and sentry_projects need sentry_token"),
        ({"rollbar_url": "file:///tmp"}, '"url": !env HOOK, ', "file:///tmp is not a URL that starts with https://"),
    ],
)
def test_wrong_options_are_refused(stage: Stages, options: dict[str, Any], tokens: str, complaint: str) -> None:
    shop = stage(recipes={"notify": options})
    file = shop.project.path / "deploy.yml"
    file.write_text(file.read_text().replace('"notify": {', f'"notify": {{{tokens}'))
    assert complaint in shop.deploy().failed(3).out
