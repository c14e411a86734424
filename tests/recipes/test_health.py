"""The recipe health: checks on the hosts, against a real web server."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from capdoit.testing import Stages, StageUnderTest
from tests.recipes.web import Site, serving
from tests.support import further

QUICK = {"tries": 3, "interval": 0.05}


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as served:
        yield served


def checked(stage: Stages, **options: object) -> StageUnderTest:
    return stage(hosts=1, recipes={"health": {**QUICK, **options}})


@pytest.fixture(params=["curl", *further("wget", "busybox wget")])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """Return a PATH with the usual programs and one HTTP client."""
    folder = tmp_path / "only"
    folder.mkdir()
    for place in ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"):
        for program in Path(place).glob("*"):
            if program.name not in ("curl", "wget") and not (folder / program.name).exists():
                (folder / program.name).symlink_to(program)
    words = str(request.param).split()
    found = shutil.which(words[0])
    assert found, f"these tests need {words[0]}: apt-get install {words[0]}"
    (folder / words[-1]).symlink_to(found)
    return {"PATH": f"{folder}"}


def deploy(shop: StageUnderTest, client: dict[str, str]) -> object:
    shop.project.hosts["web1"]["default_env"] = client
    shop.project.config()
    return shop.deploy()


def test_a_site_that_answers_after_some_tries_is_healthy(stage: Stages, site: Site, client: dict[str, str]) -> None:
    site.answers = [(503, "starting"), (503, "starting"), (200, "up")]
    shop = checked(stage, url=f"{site.url}/up", headers={"X-Asked-By": "health it is"})
    done = deploy(shop, client)
    assert "healthy after" in done.ok().out  # type: ignore[attr-defined]
    assert [path for path, _ in site.asked] == ["/up"] * 3
    assert {headers["X-Asked-By"] for _, headers in site.asked} == {"health it is"}


def test_a_wrong_status_fails_the_flow_and_is_shown(stage: Stages, site: Site, client: dict[str, str]) -> None:
    site.answers = [(503, "starting")]
    done = deploy(checked(stage, url=site.url), client)
    out = done.failed().out  # type: ignore[attr-defined]
    assert "not healthy after 3 tries" in out
    assert "returned 503, expected 200" in out
    assert "is live nevertheless" in out


@pytest.mark.extended("recipe")
def test_a_wrong_text_fails_the_flow_and_is_shown(stage: Stages, site: Site, client: dict[str, str]) -> None:
    site.answers = [(200, "an older one")]
    out = deploy(checked(stage, url=site.url, body="{revision}"), client).failed().out  # type: ignore[attr-defined]
    assert "an older one" in out
    assert 'returned 200, but the body does not contain "' in out


@pytest.mark.extended("recipe")
def test_the_revision_is_inserted_into_the_expected_text(stage: Stages, site: Site) -> None:
    shop = checked(stage, url=site.url, body="at {revision}")
    site.answers = [(200, f"at {shop.project.repo.git('rev-parse', 'HEAD')}")]
    shop.deploy().ok()


@pytest.mark.extended("recipe")
def test_a_hanging_site_fails_after_the_timeout(stage: Stages, site: Site) -> None:
    site.hangs = 30
    shop = checked(stage, url=site.url, timeout=1, tries=1)
    assert "not healthy after 1 tries" in shop.doit("deploy:production", timeout=15).failed().out


def test_a_command_is_tried_until_it_succeeds(stage: Stages) -> None:
    shop = checked(stage, command="probe")
    shop.stand_in("probe", script="echo x >>../../tries; [ $(wc -l <../../tries) = 3 ]")
    shop.deploy().ok()
    assert len(shop.calls("probe")) == 3
    assert Path(shop.calls("probe")[0].cwd) == shop.host().release(str(shop.live))


@pytest.mark.extended("recipe")
def test_a_failing_command_is_shown_and_on_failure_rolls_back_and_checks_again(stage: Stages) -> None:
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
    assert "returned 4, expected 0" in done.out
    assert "sick" in done.out
    assert shop.live == first
    assert shop.calls("probe")[-1].cwd.endswith(str(first))
    shop.assert_healthy()


def test_a_host_without_an_http_client_is_refused_before_any_change(stage: Stages, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for folder in ("/usr/bin", "/bin"):
        for program in Path(folder).iterdir():
            if program.name not in ("curl", "wget") and not (bare / program.name).exists():
                (bare / program.name).symlink_to(program)
    shop = checked(stage, url="http://127.0.0.1:9/")
    shop.project.hosts["web1"]["default_env"] = {"PATH": str(bare)}
    shop.project.config()
    assert "web1: curl, or wget is not installed; recipe health needs it" in shop.deploy().failed().out
    assert shop.host().releases == []


@pytest.mark.parametrize("options", [{}, *further({"url": "http://x/", "command": "true"})])
def test_a_check_needs_exactly_one_of_url_and_command(stage: Stages, options: dict[str, object]) -> None:
    shop = checked(stage, **options)
    assert "recipe health: set either url or command" in shop.deploy().failed(3).out
    assert not shop.host().deploy_to.exists()


@pytest.mark.extended("recipe")
def test_status_may_be_a_number_or_a_list(stage: Stages, site: Site) -> None:
    site.answers = [(204, "")]
    checked(stage, url=site.url, status=204).deploy().ok()
    checked(stage, url=site.url, status=[200, 204]).deploy().ok()
    assert "expected 200 201" in checked(stage, url=site.url, status=[200, "201"]).deploy().failed().out


@pytest.mark.extended("recipe")
def test_redirects_are_not_followed_by_any_client(stage: Stages, site: Site, client: dict[str, str]) -> None:
    site.redirects = {"/up": "/elsewhere"}
    out = deploy(checked(stage, url=f"{site.url}/up"), client).failed().out  # type: ignore[attr-defined]
    assert "returned 302, expected 200" in out
    deploy(checked(stage, url=f"{site.url}/up", status=302), client).ok()  # type: ignore[attr-defined]


@pytest.mark.extended("recipe")
def test_an_incomplete_answer_is_a_failure(stage: Stages, site: Site, client: dict[str, str]) -> None:
    site.promises = 1000
    out = deploy(checked(stage, url=site.url, body="ok"), client).failed().out  # type: ignore[attr-defined]
    assert "returned 200, but the answer was incomplete" in out


@pytest.mark.extended("recipe")
def test_an_answer_that_hangs_is_a_failure(stage: Stages, site: Site, client: dict[str, str]) -> None:
    site.promises, site.stalls = 1000, 30
    shop = checked(stage, url=site.url, timeout=1, tries=1)
    out = deploy(shop, client).failed().out  # type: ignore[attr-defined]
    assert "not healthy after 1 tries" in out


@pytest.mark.extended("recipe")
def test_a_refused_connection_is_a_failure(stage: Stages, client: dict[str, str]) -> None:
    out = deploy(checked(stage, url="http://127.0.0.1:9/", tries=2), client).failed().out  # type: ignore[attr-defined]
    assert "not healthy after 2 tries: http://127.0.0.1:9/ returned no answer, expected 200" in out
    assert "onnect" in out  # as each puts it


@pytest.mark.extended("recipe")
def test_a_command_that_ignores_sigterm_is_killed(stage: Stages) -> None:
    shop = checked(stage, command="trap '' TERM; while :; do sleep 0.1; done", timeout=1, tries=1)
    done = shop.doit("deploy:production", timeout=30).failed()
    assert "was stopped after the timeout of 1 s" in done.out
    shop.assert_healthy()


@pytest.mark.extended("recipe")
def test_the_message_shows_the_reason_and_no_header(stage: Stages, site: Site) -> None:
    site.answers = [(500, "no room\nleft")]
    shop = checked(stage, url=site.url, headers={"Authorization": "Bearer t0ken", "X-Star": "* two  words"})
    done = shop.deploy().failed()
    assert f"web1: not healthy after 3 tries: {site.url} returned 500, expected 200\n" in done.out
    assert "      left\n" in done.out
    assert "t0ken" not in done.out
    assert site.asked[0][1]["Authorization"] == "Bearer t0ken"
    assert site.asked[0][1]["X-Star"] == "* two  words"


@pytest.mark.extended("recipe")
def test_a_no_release_host_is_checked_only_when_its_role_is_named(stage: Stages, site: Site) -> None:
    hosts = {"web1": {}, "db1": {"roles": ["db"], "no_release": True}}
    stage(hosts=hosts, recipes={"health": {"url": site.url, **QUICK}}).deploy().ok()
    assert len(site.asked) == 1
    stage(hosts=hosts, recipes={"health": {"command": "true", **QUICK}}).deploy().ok()
    stage(hosts=hosts, recipes={"health": {"url": site.url, "roles": ["db"], **QUICK}}).deploy().ok()
    assert len(site.asked) == 3


@pytest.mark.extended("recipe")
def test_a_check_leaves_no_files_on_the_host(stage: Stages, site: Site, tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    shop = checked(stage, url=site.url)
    shop.project.hosts["web1"]["default_env"]["TMPDIR"] = str(tmp_path / "tmp")
    shop.project.config()
    shop.deploy().ok()
    site.answers = [(500, "")]
    shop.deploy().failed()
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.extended("recipe")
@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"body": "two\nlines"}, "body must be one line"),
        ({"tries": 0}, "tries and timeout must be at least 1"),
        ({"headers": {"X": "a\nHost: b"}}, "a header must be one line"),
    ],
)
def test_invalid_options_are_refused(stage: Stages, option: dict[str, object], said: str) -> None:
    shop = checked(stage, url="http://127.0.0.1:9/", **option)
    assert f"recipe health: {said}" in shop.deploy().failed(3).out


@pytest.mark.extended("recipe")
@pytest.mark.parametrize("option", [{"body": "up"}, {"status": 204}, {"headers": {"X": "a"}}])
def test_options_without_meaning_for_a_command_are_refused(stage: Stages, option: dict[str, object]) -> None:
    shop = checked(stage, command="true", **option)
    assert "status, body and headers need a url, not a command" in shop.deploy().failed(3).out


def test_headers_are_not_in_arguments_of_processes(stage: Stages, site: Site) -> None:
    shop = checked(stage, url=site.url, headers={"Authorization": "Bearer t0ken"})
    shop.stand_in("curl", script=f'exec {shutil.which("curl")} "$@"')
    shop.deploy().ok()
    assert site.asked[0][1]["Authorization"] == "Bearer t0ken"
    assert not any("t0ken" in word for call in shop.calls("curl") for word in call.argv)
