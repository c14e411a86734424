"""capdoit.testing: what its stages, stand-ins and strikes do, and that its assertion sees each kind of damage."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from capdoit.testing import Call, Fleet, HostUnderTest, Stages, StageUnderTest
from capdoit.testing.sshd import program

HOSTILE = ["a b", "", "it's", 'say "hi"', "two\nlines\n", "$HOME `id` \\n \\", "*", "-n", "ä\udcff", "\ttab"]
ASK = f"""
@cap.after("published")
def ask(host, release):
    host.run(["oracle", *{HOSTILE!r}], cwd=release.path, env={{"WHY": "a=b\\nc"}})
"""
OTHER = "20160614133327"


def deployed(stage: Stages, **settings: object) -> StageUnderTest:
    made = stage(**settings)  # type: ignore[arg-type]
    made.deploy().ok()
    return made


def complaint(made: StageUnderTest, **how: bool) -> str:
    with pytest.raises(AssertionError) as caught:
        made.assert_healthy(**how)
    return str(caught.value)


# -- stages


def test_a_stage_deploys_and_rolls_back_what_its_files_say(stage: Stages):
    shop = stage(files={"app.txt": "one", "bin/run": "#!/bin/sh\n"})
    assert shop.live is None
    shop.deploy().ok()
    first = shop.live
    sha = shop.commit({"app.txt": "two"})
    shop.deploy().ok()
    second = shop.live
    assert first
    assert second
    assert [shop.host(name).releases for name in ("web1", "web2")] == [[first, second]] * 2
    assert (shop.host("web2").release(second) / "REVISION").read_text() == f"{sha}\n"
    assert os.access(shop.host().release(second) / "bin/run", os.X_OK)

    shop.rollback().ok()
    assert shop.live == shop.host("web1").current == first
    shop.assert_healthy()


def test_a_recipe_that_is_given_as_text_is_used_with_its_options(stage: Stages):
    shop = stage(recipes={"greet": {"word": "hello"}}, hosts=1)
    shop.recipe(
        "greet",
        "from dataclasses import dataclass\nfrom capdoit import Recipe\n\n"
        "@dataclass(frozen=True)\nclass Options:\n    word: str\n\n"
        "greet = Recipe('greet', options=Options)\n\n"
        "@greet.after('published')\ndef say(host, options):\n    host.run(['oracle', options.word])\n",
    )
    shop.stand_in("oracle")
    shop.deploy().ok()
    assert [call.argv for call in shop.calls("oracle")] == [("hello",)]


def test_hosts_have_the_names_and_roles_that_the_test_gives_them(stage: Stages):
    hosts = {"app1": {"roles": ["app"]}, "db1": {"roles": ["db"], "no_release": True}}
    dodo = "@cap.after('published', roles='db')\ndef migrate(host):\n    host.run('oracle')\n"
    shop = stage(hosts=hosts, dodo=dodo)
    shop.stand_in("oracle")
    shop.deploy().ok()
    assert [call.host for call in shop.calls("oracle")] == ["db1"]
    assert shop.host("db1").current is None
    assert shop.live
    shop.assert_healthy()


def test_stages_of_one_test_know_nothing_of_each_other(stage: Stages):
    one, two = deployed(stage, hosts=1), stage(hosts=1)
    assert one.live
    assert two.live is None


def test_a_stage_by_ssh_is_the_same(ssh_stage: Stages):
    shop = ssh_stage(hosts={"a": {}, "b": {}}, dodo=ASK)
    shop.stand_in("oracle")
    shop.deploy().ok()
    assert sorted((call.host, call.argv) for call in shop.calls("oracle")) == [
        ("a", tuple(HOSTILE)),
        ("b", tuple(HOSTILE)),
    ]
    with shop.kill_at("published"):
        shop.deploy().failed(-9)
    shop.deploy().ok()
    shop.assert_healthy()


def test_more_hosts_than_there_are_sshds_are_refused(ssh_stage: Stages):
    with pytest.raises(AssertionError, match="there are 5 sshd's, and 6 hosts"):
        ssh_stage(hosts=6)


def test_a_machine_without_sshd_is_told_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("shutil.which", lambda _, path: None)  # noqa: ARG005
    with pytest.raises(pytest.fail.Exception, match="needs sshd, which is not installed: apt-get install openssh-serv"):
        Fleet(tmp_path, 1)
    with pytest.raises(pytest.fail.Exception, match="apt-get install coreutils"):
        program("cat", "coreutils")


# -- stand-ins


def test_calls_come_back_exactly_with_host_directory_and_environment(stage: Stages):
    shop = stage(dodo=ASK)
    shop.stand_in("oracle", answer="forty\n'two'")
    assert "forty" in shop.deploy().ok().out

    found = {call.host: call for call in shop.calls("oracle")}
    for name in ("web1", "web2"):
        assert found[name].argv == tuple(HOSTILE)
        assert found[name].cwd == str(shop.host(name).release(str(shop.live)))
        assert found[name].env["WHY"] == "a=b\nc"


def test_calls_of_many_processes_at_once_are_all_recorded_whole(stage: Stages):
    each = "for n in 1 2 3 4 5 6 7 8 9 10; do oracle $n & done; wait"
    shop = stage(dodo=f"@cap.after('published')\ndef ask(host):\n    host.run({each!r})\n")
    shop.stand_in("oracle")
    shop.deploy().ok()
    calls = {(call.host, call.argv) for call in shop.calls("oracle")}
    assert calls == {(host, (str(n),)) for host in ("web1", "web2") for n in range(1, 11)}


@pytest.mark.parametrize("shell", [["dash"], ["bash", "--posix"], ["busybox", "ash"]], ids=" ".join)
def test_a_stand_in_is_the_same_in_every_shell(stage: Stages, shell: list[str]):
    shop = stage(hosts=1)
    shop.stand_in("oracle", answer="x\\n'", status=3)
    file = Path(shop.host().deploy_to.parent.parent.parent / "stand-ins/bin/web1/oracle")
    for _ in range(2):
        done = subprocess.run([*shell, file, *HOSTILE], capture_output=True, check=False, cwd="/usr")
        assert (done.returncode, done.stdout, done.stderr) == (3, b"x\\n'", b"")
    assert shop.calls("oracle") == [Call(tuple(HOSTILE), "/usr", "web1", {})] * 2


def test_a_stand_in_is_found_first_also_where_a_host_has_a_path_of_its_own(stage: Stages):
    site = stage(hosts={"web1": {"default_env": {"PATH": "/usr/bin:/bin", "LANG": "C"}}})
    site.stand_in("git", script='exec /usr/bin/git "$@"')
    site.deploy().ok()
    assert site.calls("git")


def test_a_stand_in_can_fail_and_can_run_a_script(stage: Stages):
    shop = stage(hosts=1, dodo="@cap.after('updated')\ndef ask(host):\n    host.run(['oracle', 'a b'])\n")
    shop.stand_in("oracle", status=4)
    assert "exit status 4" in shop.deploy().failed().out
    shop.stand_in("oracle", script='echo "<$1>"; [ "$1" = "a b" ]')
    assert "<a b>" in shop.deploy().ok().out
    shop.stand_in("oracle", script="false")
    assert "exit status 1" in shop.deploy().failed().out
    assert len(shop.calls("oracle")) == 3


def test_a_call_of_doits_own_machine_has_no_host(stage: Stages):
    dodo = "import subprocess\n@cap.after('published', once=True)\ndef tell(hosts):\n    subprocess.run(['oracle'])\n"
    shop = stage(dodo=dodo)
    shop.stand_in("oracle")
    shop.deploy().ok()
    assert [call.host for call in shop.calls("oracle")] == [None]


def test_calls_of_what_has_no_stand_in_are_refused(stage: Stages):
    with pytest.raises(AssertionError, match="no stand-in for oracel"):
        stage().calls("oracel")


# -- strikes

STEPS = ("starting", "started", "updating", "updated", "publishing", "published", "finishing", "finished")


@pytest.mark.parametrize("step", STEPS)
def test_a_flow_can_fail_at_each_step_and_the_next_one_works(stage: Stages, step: str):
    shop = deployed(stage)
    before = shop.live
    with shop.fail_at(step, host="web2"):
        assert "this failure was armed" in shop.deploy().failed().out
    assert (shop.live == before) == (STEPS.index(step) < STEPS.index("publishing"))
    shop.assert_healthy()
    shop.deploy().ok()
    shop.assert_healthy()


@pytest.mark.parametrize("step", ["starting", "updating", "publishing", "finished"])
def test_a_controller_that_is_killed_leaves_a_fleet_whose_next_deploy_works(stage: Stages, step: str):
    shop = deployed(stage)
    before = shop.live
    with shop.kill_at(step):
        shop.deploy().failed(-9)
    assert (shop.live == before) == (STEPS.index(step) < STEPS.index("publishing"))
    shop.deploy().ok()
    shop.assert_healthy()


def test_a_rollback_is_struck_as_well(stage: Stages):
    shop = deployed(stage)
    first = shop.live
    shop.deploy().ok()
    with shop.kill_at("reverting"):
        shop.rollback().failed(-9)
    with shop.fail_at("reverted", when="before"):
        shop.rollback().failed()
    shop.rollback().ok()
    assert shop.live == first
    shop.assert_healthy()


def test_a_strike_comes_after_the_hooks_of_its_moment_or_before_them(stage: Stages):
    shop = stage(hosts=1, dodo="@cap.after('published')\ndef ask(host):\n    host.run('oracle')\n")
    shop.stand_in("oracle")
    with shop.fail_at("published", when="before"):
        shop.deploy().failed()
    assert shop.live
    assert shop.calls("oracle") == []
    with shop.fail_at("published"):
        shop.deploy().failed()
    assert len(shop.calls("oracle")) == 1


def test_a_strike_that_no_flow_came_to_is_an_error(stage: Stages):
    shop = stage(hosts=1)
    with pytest.raises(AssertionError, match="no flow came to the point after reverting"), shop.fail_at("reverting"):
        shop.deploy().ok()


@pytest.mark.parametrize(
    ("strike", "wrong"),
    [
        (lambda shop: shop.fail_at("publish"), "no flow has a step publish;"),
        (lambda shop: shop.kill_at("publish"), "no flow has a step publish;"),
        (lambda shop: shop.fail_at("updated", host="web3"), "there is no host web3; there are web1, web2"),
        (lambda shop: shop.fail_at("updated", when="during"), "before or after a step, not during"),
    ],
)
def test_a_strike_at_what_there_is_not_is_an_error(stage: Stages, strike: Callable[..., object], wrong: str):
    with pytest.raises(AssertionError, match=wrong), strike(stage()):  # type: ignore[attr-defined]
        pass


# -- health


def test_a_stage_without_a_release_is_healthy_only_when_that_is_asked_for(stage: Stages):
    shop = stage()
    shop.assert_healthy(may_be_empty=True)
    assert complaint(shop).count("nothing is live: there is no current") == 2


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
    return lambda host: change(host.release(str(host.current))) and None


def link_is_a_copy(release: Path) -> None:
    (release / "log").unlink()
    (release / "log").mkdir()


def make(name: str) -> Callable[[HostUnderTest], None]:
    return lambda host: (host.deploy_to / name).mkdir()


DAMAGE = [
    (unlink, "nothing is live"),
    (current_is_a_directory, "current is not a link"),
    (relink(f"releases/{OTHER}"), f"current leads to releases/{OTHER}, which is not /"),
    (relink("{deploy_to}/releases/mine"), "releases/mine, which is not /"),
    (relink(f"/elsewhere/releases/{OTHER}"), "current leads to /elsewhere"),
    (relink(f"{{deploy_to}}/releases/{OTHER}"), f"releases/{OTHER}, which is not there"),
    (within_release(lambda release: (release / "REVISION").unlink()), "has no REVISION"),
    (within_release(link_is_a_copy), "log of the live release"),
    (lambda host: (host.shared / "log").rmdir(), "leads to"),
    (lambda host: (host.shared / "config/key").unlink(), "leads to"),
    (make("releases/notes"), "releases has notes, which is no release's name"),
    (make("releases/.hidden"), "releases has .hidden"),
    (make("releases/20169914133327"), "releases has 20169914133327"),
    (make(".capdoit/next"), ".capdoit/next is left behind"),
    (make(".capdoit/incoming"), ".capdoit/incoming is left behind"),
    (make(".capdoit/unpack"), ".capdoit/unpack is left behind"),
    (make(".capdoit/removed"), ".capdoit/removed is left behind"),
    (lambda host: (host.deploy_to / ".capdoit/lock").write_text("ann\n"), "the lock still names a flow: ann"),
]


@pytest.mark.parametrize(("spoil", "wrong"), DAMAGE, ids=[wrong for _, wrong in DAMAGE])
def test_each_kind_of_damage_is_seen_and_its_host_named(
    whole: StageUnderTest, spoil: Callable[[HostUnderTest], None], wrong: str
):
    spoil(whole.host("web2"))
    found = complaint(whole)
    assert wrong in found
    assert "  web2: " in found
    assert "  web1: " not in found


@pytest.fixture
def whole(stage: Stages) -> StageUnderTest:
    """A healthy stage with linked files and directories."""
    shop = deployed(stage, linked_dirs=["log"], linked_files=["config/key"])
    shop.assert_healthy()
    return shop


def test_hosts_that_disagree_are_seen(whole: StageUnderTest):
    live = whole.host("web2").release(str(whole.live))
    live.rename(live.with_name(OTHER))
    relink(f"{{deploy_to}}/releases/{OTHER}")(whole.host("web2"))
    assert f"the hosts disagree: web1 has {whole.host('web1').current}, web2 has {OTHER}" in complaint(whole)
    with pytest.raises(AssertionError, match="the hosts disagree"):
        _ = whole.live
    unlink(whole.host("web2"))
    assert "web2 has nothing" in complaint(whole, may_be_empty=True)


def test_a_lock_that_is_held_is_seen(whole: StageUnderTest):
    with (whole.host("web2").deploy_to / ".capdoit/lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "web2: the lock is held" in complaint(whole)


def test_a_process_in_a_hosts_directory_is_seen(whole: StageUnderTest, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("capdoit.testing.invariants.PATIENCE", 0.1)
    with subprocess.Popen(["sleep", "30"], cwd=whole.host("web2").shared) as left:
        found = complaint(whole)
        left.kill()
    assert f"web2: still running: {left.pid} (sleep 30)" in found
    whole.assert_healthy()


def test_how_a_run_ended_is_asserted_with_what_it_said(stage: Stages):
    done = stage(hosts=1).rollback()
    assert done.failed() is done
    with pytest.raises(AssertionError, match="doit rollback:production ended with 1, not 0"):
        done.ok()
