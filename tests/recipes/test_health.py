"""health: the check runs on the hosts, against a real web server; what is not well fails the flow."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from web import Site, serving

from capdoit.testing import Stages, StageUnderTest

QUICK = {"tries": 3, "interval": 0.05}


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as served:
        yield served


def checked(stage: Stages, **options: object) -> StageUnderTest:
    return stage(hosts=1, recipes={"health": {**QUICK, **options}})


@pytest.fixture(params=["curl", "wget", "busybox wget"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """A PATH with the usual programs and one that asks web servers."""
    folder = tmp_path / "only"
    folder.mkdir()
    for place in ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"):
        for program in Path(place).glob("*"):
            if program.name not in ("curl", "wget") and not (folder / program.name).exists():
                (folder / program.name).symlink_to(program)
    program = str(request.param)
    found = shutil.which(program.split()[0])
    assert found, f"these tests need {program}: apt-get install {program.split()[0]}"
    (folder / program.split()[-1]).symlink_to(found)
    return {"PATH": f"{folder}"}


def deploy(shop: StageUnderTest, client: dict[str, str]) -> object:
    shop.project.hosts["web1"]["default_env"] = client
    shop.project.config()
    return shop.deploy()


def test_a_site_that_comes_up_after_some_tries_is_well(stage: Stages, site: Site, client: dict[str, str]):
    site.answers = [(503, "starting"), (503, "starting"), (200, "up")]
    shop = checked(stage, url=f"{site.url}/up", headers={"X-Asked-By": "health it is"})
    done = deploy(shop, client)
    assert "well after" in done.ok().out  # type: ignore[attr-defined]
    assert [path for path, _ in site.asked] == ["/up"] * 3
    assert {headers["X-Asked-By"] for _, headers in site.asked} == {"health it is"}


def test_a_wrong_status_fails_the_flow_and_is_said(stage: Stages, site: Site, client: dict[str, str]):
    site.answers = [(503, "starting")]
    done = deploy(checked(stage, url=site.url), client)
    out = done.failed().out  # type: ignore[attr-defined]
    assert "not well after 3 tries" in out
    assert "ended with 503, expected 200" in out
    assert "is live all the same" in out


def test_a_wrong_text_fails_the_flow_and_is_shown(stage: Stages, site: Site, client: dict[str, str]):
    site.answers = [(200, "an older one")]
    out = deploy(checked(stage, url=site.url, body="{revision}"), client).failed().out  # type: ignore[attr-defined]
    assert "an older one" in out
    assert "in its text" in out


def test_the_revision_is_put_into_the_text_that_is_expected(stage: Stages, site: Site):
    shop = checked(stage, url=site.url, body="at {revision}")
    site.answers = [(200, f"at {shop.project.repo.git('rev-parse', 'HEAD')}")]
    shop.deploy().ok()


def test_a_site_that_hangs_is_not_waited_for(stage: Stages, site: Site):
    site.hangs = 30
    shop = checked(stage, url=site.url, timeout=1, tries=1)
    assert "not well after 1 tries" in shop.doit("deploy:production", timeout=15).failed().out


def test_a_command_is_tried_until_it_succeeds(stage: Stages):
    shop = checked(stage, command="probe")
    shop.stand_in("probe", script="echo x >>../../tries; [ $(wc -l <../../tries) = 3 ]")
    shop.deploy().ok()
    assert len(shop.calls("probe")) == 3
    assert Path(shop.calls("probe")[0].cwd) == shop.host().release(str(shop.live))


def test_a_command_that_fails_is_shown_and_on_failure_goes_back_and_checks_again(stage: Stages):
    shop = stage(hosts=2, recipes={"health": {"command": "probe", **QUICK}}, on_failure="rollback")
    shop.stand_in("probe")
    shop.deploy().ok()
    first = shop.live
    shop.stand_in(
        "probe", script='case $PWD in *"$(cat ../../good 2>/dev/null || echo none)") ;; *) echo sick; exit 4;; esac'
    )
    for name in ("web1", "web2"):
        (shop.host(name).deploy_to / "good").write_text(str(first))
    done = shop.deploy().failed()
    assert "ended with 4, expected 0" in done.out
    assert "sick" in done.out
    assert shop.live == first
    assert shop.calls("probe")[-1].cwd.endswith(str(first))
    shop.assert_healthy()


def test_a_host_with_nothing_to_ask_with_is_refused_before_anything_is_touched(stage: Stages, tmp_path: Path):
    bare = tmp_path / "bare"
    bare.mkdir()
    for folder in ("/usr/bin", "/bin"):
        for program in Path(folder).iterdir():
            if program.name not in ("curl", "wget") and not (bare / program.name).exists():
                (bare / program.name).symlink_to(program)
    shop = checked(stage, url="http://127.0.0.1:9/")
    shop.project.hosts["web1"]["default_env"] = {"PATH": str(bare)}
    shop.project.config()
    assert "web1: has neither curl nor wget with timeout" in shop.deploy().failed().out
    assert shop.host().releases == []


@pytest.mark.parametrize("options", [{}, {"url": "http://x/", "command": "true"}])
def test_a_check_of_nothing_or_of_two_things_is_refused(stage: Stages, options: dict[str, object]):
    shop = checked(stage, **options)
    assert "recipe health: say either url or command" in shop.deploy().failed(3).out
    assert not shop.host().deploy_to.exists()
