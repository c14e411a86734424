"""The damage that assert_healthy finds."""

from __future__ import annotations

import fcntl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from capdoit.testing import HostUnderTest, Stages, StageUnderTest
from tests.support import further

OTHER = "20160614133327"


def deployed(stage: Stages, **settings: object) -> StageUnderTest:
    made = stage(**settings)  # type: ignore[arg-type]
    made.deploy().ok()
    return made


def complaint(made: StageUnderTest, **how: bool) -> str:
    with pytest.raises(AssertionError) as caught:
        made.assert_healthy(**how)
    return str(caught.value).partition("\nassert ")[0]  # pytest's own text


def test_an_empty_stage_is_healthy_only_when_allowed(stage: Stages) -> None:
    shop = stage()
    shop.assert_healthy(may_be_empty=True)
    assert complaint(shop).count("no release is live: current does not exist") == 2


def unlink(host: HostUnderTest) -> None:
    (host.deploy_to / "current").unlink()


def relink(to: str) -> Callable[[HostUnderTest], None]:
    def spoil(host: HostUnderTest) -> None:
        unlink(host)
        (host.deploy_to / "current").symlink_to(to.format(deploy_to=host.deploy_to))

    return spoil


def current_is_a_directory(host: HostUnderTest) -> None:
    unlink(host)
    (host.deploy_to / "current").mkdir()


def within_release(change: Callable[[Path], object]) -> Callable[[HostUnderTest], None]:
    def spoil(host: HostUnderTest) -> None:
        change(host.release(str(host.current)))

    return spoil


def link_is_a_copy(release: Path) -> None:
    (release / "log").unlink()
    (release / "log").mkdir()


def make(name: str) -> Callable[[HostUnderTest], None]:
    return lambda host: (host.deploy_to / name).mkdir()


DAMAGE: list[tuple[Callable[[HostUnderTest], object], str]] = [
    (unlink, "no release is live"),
    (relink(f"{{deploy_to}}/releases/{OTHER}"), f"releases/{OTHER}, which does not exist"),
    (within_release(lambda release: (release / "REVISION").unlink()), "has no REVISION"),
    (make(".capdoit/next/current"), ".capdoit/next/current was not removed"),
]
FURTHER_DAMAGE: list[tuple[Callable[[HostUnderTest], object], str]] = [
    (current_is_a_directory, "current is not a symlink"),
    (relink(f"releases/{OTHER}"), f"current points to releases/{OTHER}, which is not /"),
    (relink("{deploy_to}/releases/mine"), "releases/mine, which is not /"),
    (relink(f"/elsewhere/releases/{OTHER}"), "current points to /elsewhere"),
    (within_release(link_is_a_copy), "log in the live release"),
    (lambda host: (host.shared / "log").rmdir(), "points to"),
    (lambda host: (host.shared / "config/key").unlink(), "points to"),
    (make("releases/notes"), "releases contains notes, which is not the name of a release"),
    (make("releases/.hidden"), "releases contains .hidden"),
    (make("releases/20169914133327"), "releases contains 20169914133327"),
    (make(".capdoit/incoming"), ".capdoit/incoming was not removed"),
    (make(".capdoit/unpack"), ".capdoit/unpack was not removed"),
    (make(".capdoit/removed"), ".capdoit/removed was not removed"),
    (lambda host: (host.deploy_to / ".capdoit/lock").write_text("ann\n"), "the lock still names a flow: ann"),
]


@pytest.mark.parametrize(("spoil", "wrong"), [*DAMAGE, *further(*FURTHER_DAMAGE)])
def test_each_kind_of_damage_is_found_and_its_host_named(
    whole: StageUnderTest, spoil: Callable[[HostUnderTest], object], wrong: str
) -> None:
    spoil(whole.host("web2"))
    found = complaint(whole)
    assert wrong in found
    assert "  web2: " in found
    assert "  web1: " not in found


@pytest.fixture
def whole(stage: Stages) -> StageUnderTest:
    """Return a healthy stage with linked files and directories."""
    shop = deployed(stage, linked_dirs=["log"], linked_files=["config/key"])
    shop.assert_healthy()
    return shop


@pytest.mark.extended("detail")
def test_hosts_with_different_live_releases_are_found(whole: StageUnderTest) -> None:
    live = whole.host("web2").release(str(whole.live))
    live.rename(live.with_name(OTHER))
    relink(f"{{deploy_to}}/releases/{OTHER}")(whole.host("web2"))
    assert f"the hosts disagree: web1 has {whole.host('web1').current}, web2 has {OTHER}" in complaint(whole)
    with pytest.raises(AssertionError, match="the hosts disagree"):
        _ = whole.live
    unlink(whole.host("web2"))
    assert "web2 has nothing" in complaint(whole, may_be_empty=True)


def test_a_held_lock_is_found(whole: StageUnderTest) -> None:
    with (whole.host("web2").deploy_to / ".capdoit/lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "web2: the lock is held" in complaint(whole)


def test_a_process_in_the_directory_of_a_host_is_found(whole: StageUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("capdoit.testing.invariants.SESSION_END_SECONDS", 0.1)
    with subprocess.Popen(["sleep", "30"], cwd=whole.host("web2").shared) as left:
        found = complaint(whole)
        left.kill()
    assert f"web2: still running: {left.pid} (sleep 30)" in found
    whole.assert_healthy()


def test_an_assertion_about_the_exit_status_shows_the_output(stage: Stages) -> None:
    done = stage(hosts=1).rollback()
    assert done.failed() is done
    with pytest.raises(AssertionError, match="doit rollback:production ended with 1, not 0"):
        done.ok()
