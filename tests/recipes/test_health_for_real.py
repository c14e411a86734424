"""The recipe health with a real nginx, asked by curl, wget and busybox."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from capdoit.testing import Stages, StageUnderTest
from tests.recipes.nginx import Nginx

pytestmark = pytest.mark.real
PLACES = ("/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
TRIES = {"tries": 100, "interval": 0.1}  # up to ten seconds for a site that comes up late
COMES_UP_LATER = """
@cap.after("published")
def come_up(host, release):
    host.run(["sh", "-c", '(sleep 0.5; touch "$1/up") >/dev/null 2>&1 &', "later", release.deploy_to])
"""


def programs(folder: Path, client: str) -> Path:
    """Return a PATH with one HTTP client, or with busybox first."""
    found = shutil.which(client)
    assert found, f"these tests need {client} (Debian's package of that name)"
    folder.mkdir()
    if client == "busybox":
        subprocess.run([found, "--install", "-s", str(folder)], check=True)
    else:
        (folder / client).symlink_to(found)
    for program in (program for place in PLACES for program in Path(place).glob("*")):
        if program.name not in ("curl", "wget") and not (folder / program.name).exists():
            (folder / program.name).symlink_to(program)
    return folder


@pytest.fixture(params=["curl", "wget", "busybox"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(programs(tmp_path / "programs", request.param))


def made(
    stage: Stages, tmp_path: Path, path: str, at: str = "/up.txt", **options: object
) -> tuple[StageUnderTest, Nginx]:
    """Return a stage of one host, and the nginx that serves its live release."""
    nginx = Nginx(tmp_path / "nginx")
    health = {"url": nginx.url(at), "headers": {"Host": "shop.example.com"}, **options}
    host = {"default_env": {"PATH": path}}
    files = {"up.txt": "all is well\n"}
    shop = stage({"web1": host}, recipes={"health": health}, dodo=COMES_UP_LATER, files=files, on_failure="rollback")
    nginx.serve(f"root {shop.host().deploy_to}/current;")
    return shop, nginx


def test_a_slow_site_is_healthy_and_shows_its_release(stage: Stages, tmp_path: Path, path: str) -> None:
    shop, nginx = made(stage, tmp_path, path, at="/REVISION", body="{revision}", **TRIES)
    with nginx.running(once=shop.host().deploy_to / "up"):
        assert "web1 | healthy after" in shop.deploy().ok().out
        shop.commit({"up.txt": "still\n"})
        shop.deploy().ok()
        shop.rollback().ok()
    assert nginx.answered == ["/REVISION 200"] * 3
    shop.assert_healthy()


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"up.txt": None}, "returned 404, expected 200"),
        ({"up.txt": "so so\n"}, 'returned 200, but the body does not contain "all is well"'),
    ],
    ids=["wrong status", "wrong text"],
)
def test_an_unhealthy_release_is_rolled_back_and_the_previous_one_checked(
    stage: Stages, tmp_path: Path, path: str, files: dict[str, str | None], said: str
) -> None:
    shop, nginx = made(stage, tmp_path, path, body="all is well", tries=3, interval=0.1)
    with nginx.running():
        shop.deploy().ok()
        first = shop.live
        shop.commit(files)
        done = shop.deploy().failed()
    assert f"web1: not healthy after 3 tries: {nginx.url('/up.txt')} {said}" in done.out
    assert f"{first} is live" in done.out
    assert shop.live == first
    status = "404" if files["up.txt"] is None else "200"
    assert nginx.answered == ["/up.txt 200", *[f"/up.txt {status}"] * 3, "/up.txt 200"]
    shop.assert_healthy()


def test_a_site_that_is_down_is_unhealthy(stage: Stages, tmp_path: Path, path: str) -> None:
    shop, nginx = made(stage, tmp_path, path, tries=2, interval=0.1)
    done = shop.deploy().failed()
    assert f"web1: not healthy after 2 tries: {nginx.url('/up.txt')} returned no answer, expected 200" in done.out
    assert os.listdir(nginx.place) == ["nginx.conf"]
