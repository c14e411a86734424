"""The recipes supervisor, passenger and puma: restarts after the publish, in both flows."""

from __future__ import annotations

from pathlib import Path

import pytest

from capdoit.testing import Stages, StageUnderTest
from tests.support import further, remove_programs, unwrap

IGNORED = ("--ignore-app-not-running", "--ignore-passenger-not-running")


def both_flows(shop: StageUnderTest) -> None:
    for _ in range(2):
        shop.deploy().ok()
    shop.rollback().ok()
    shop.assert_healthy()


# -- supervisor


def test_programs_are_restarted_and_checked(stage: Stages) -> None:
    shop = stage(hosts=1, recipes={"supervisor": {"programs": ["shop:*", "worker"]}})
    shop.stand_in("supervisorctl", script='[ "$1" = restart ] || echo "worker    RUNNING   pid $$, uptime 0:00:01"')
    both_flows(shop)
    calls = [call.argv for call in shop.calls("supervisorctl")]
    programs = ("shop:*", "worker")
    assert calls == [("status", *programs), ("restart", *programs), ("status", *programs)] * 3


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ('[ "$1" = restart ] || echo "worker    RUNNING   pid 7, uptime 9:00:01"', "process 7 was not restarted"),
        *further(
            ("echo 'sudo: a password is required' >&2; exit 1", "sudo: a password is required"),
            ("exit 4", "not all programs run"),
            ('[ "$1" = status ] && echo "worker: ERROR (no such process)"', "worker: ERROR (no such process)"),
        ),
    ],
)
def test_programs_that_were_not_restarted_fail_the_flow(stage: Stages, script: str, why: str) -> None:
    shop = stage(hosts=1, recipes={"supervisor": {"programs": ["worker"]}})
    shop.stand_in("supervisorctl", script=script)
    assert why in shop.deploy().failed().out
    assert shop.live


@pytest.mark.extended("recipe")
def test_an_empty_list_of_programs_is_refused(stage: Stages) -> None:
    shop = stage(hosts=1, recipes={"supervisor": {"programs": []}})
    assert "programs and command must not be empty" in shop.deploy().failed(3).out


@pytest.mark.extended("recipe")
def test_passenger_is_not_restarted_on_no_release_hosts(stage: Stages) -> None:
    shop = stage(hosts=2, roles=("web",), recipes={"passenger": {"touch": True, "roles": ["web"]}})
    shop.project.hosts["web2"]["no_release"] = True
    shop.project.config()
    shop.deploy().ok()
    assert [*shop.project.deploy_to("web1").rglob("restart.txt")]
    assert not [*shop.project.deploy_to("web2").rglob("restart.txt")]


@pytest.mark.extended("recipe")
def test_a_program_that_does_not_run_fails_the_flow_with_its_log(stage: Stages) -> None:
    shop = stage(hosts=1, recipes={"supervisor": {"programs": ["worker"], "command": ["sudo", "-n", "supervisorctl"]}})
    shop.stand_in("sudo", script='shift; exec "$@"')
    status = 'status) echo "worker    FATAL   Exited too quickly"; exit 3;;'
    shop.stand_in("supervisorctl", script=f'case $1 in {status} tail) echo "no module shop";; esac')
    done = shop.deploy().failed()
    assert "Exited too quickly" in done.out
    assert "no module shop" in done.out
    assert shop.calls("supervisorctl")[-1].argv == ("tail", "-2000", "worker", "stderr")
    assert shop.live


def test_supervisor_without_the_right_of_sudo_is_refused_before_anything_is_touched(stage: Stages) -> None:
    command = ["sudo", "-n", "supervisorctl"]
    shop = stage(hosts=1, recipes={"supervisor": {"programs": ["worker", "shop:*"], "command": command}})
    shop.stand_in("id", script='[ "$1" = -u ] && echo 1000 || exec /usr/bin/id "$@"')
    shop.stand_in("supervisorctl")
    shop.stand_in("sudo", script='case $* in *" status "*) echo /bin/supervisorctl ;; *) exit 1 ;; esac')
    said = unwrap(shop.deploy().failed().out)
    assert "may not run supervisorctl restart worker shop:* through sudo without a password" in said
    assert r"/supervisorctl restart worker shop\:*" in said
    assert "status worker" not in said
    assert not shop.live


# -- passenger


def test_the_application_is_restarted_on_one_host_after_the_other(stage: Stages) -> None:
    shop = stage(hosts=2, recipes={"passenger": {"wait": 0.05}})
    shop.stand_in("passenger-config")
    both_flows(shop)
    calls = shop.calls("passenger-config")
    assert [call.host for call in calls] == ["web1", "web2"] * 3
    assert calls[0].argv == ("restart-app", f"{shop.host('web1').deploy_to}/", *IGNORED)


@pytest.mark.extended("recipe")
@pytest.mark.parametrize("touch", [True, *further(False)])
def test_without_passenger_config_or_by_option_restart_txt_is_touched(stage: Stages, touch: bool) -> None:
    shop = stage(hosts=2, recipes={"passenger": {"wait": 0, "touch": touch}})
    if touch:
        shop.stand_in("passenger-config")
    else:
        for name in ("web1", "web2"):
            remove_programs(shop.project, name, "passenger-config")
    both_flows(shop)
    for name in ("web1", "web2"):
        assert (shop.host(name).release(str(shop.live)) / "tmp/restart.txt").is_file()
    assert not touch or shop.calls("passenger-config") == []


# -- puma


def test_without_a_pid_file_the_message_advises_to_start_puma(stage: Stages) -> None:
    shop = stage(hosts=1, recipes={"puma": {}})
    done = shop.deploy().failed()
    assert f"puma does not run: {shop.host().shared}/tmp/pids/puma.pid does not exist" in done.out
    assert shop.live


@pytest.mark.extended("recipe")
def test_a_pid_file_of_an_ended_process_is_reported(stage: Stages) -> None:
    shop = stage(hosts=1, recipes={"puma": {"pid_file": "puma.pid"}})
    shop.host().shared.mkdir(parents=True)
    Path(shop.host().shared / "puma.pid").write_text("999999999\n")
    assert "does not run; start puma once" in shop.deploy().failed().out
