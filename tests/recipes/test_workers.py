"""Recipes of workers of queues: the workers are quiet during a flow, and run again whatever happens to it."""

from __future__ import annotations

from typing import Any

import pytest

from capdoit.testing import Stages, StageUnderTest
from tests.support import further

TSTP = ("--kill-who=main", "--signal=TSTP", "kill", "--", "worker.service")
STOP = ("--no-block", "stop", "--", "worker.service")
RESTART = ("restart", "--", "worker.service")
QUIET = {"sidekiq": TSTP, "delayed_job": STOP, "celery": STOP}
RECIPES = ["sidekiq", "delayed_job", "celery"]


def worker_stage(stage: Stages, recipe: str = "sidekiq", state: str = "active", **options: Any) -> StageUnderTest:
    """Return a stage with one host, whose unit always has this state."""
    shop = stage(hosts=1, recipes={recipe: {"units": ["worker.service"], "settle": 0, **options}})
    shop.stand_in("systemctl", script=f"case $* in *show*) echo {state} ;; esac")
    shop.stand_in("journalctl", answer="Killed process 17\n")
    return shop


def told(shop: StageUnderTest) -> list[tuple[str, ...]]:
    """Return what systemctl was told to do so far."""
    return [call.argv for call in shop.calls("systemctl") if "show" not in call.argv]


@pytest.mark.parametrize("recipe", [RECIPES[0], *further(*RECIPES[1:])])
def test_workers_are_quiet_before_and_restarted_after_each_publish(stage: Stages, recipe: str) -> None:
    shop = worker_stage(stage, recipe)
    first = shop.deploy().ok()
    tasks = [f"deploy:production:{name}" for name in (f"{recipe}.quiet", "updating", "publishing", f"{recipe}.restart")]
    places = [first.out.index(f".  {task}\n") for task in tasks]
    assert places == sorted(places)
    shop.deploy().ok()
    shop.rollback().ok()
    assert told(shop) == [QUIET[recipe], RESTART] * 3
    shop.assert_healthy()


@pytest.mark.parametrize(
    ("step", "when"),
    [("updating", "after"), *further(("started", "after"), ("publishing", "before"), ("published", "before"))],
)
def test_a_deploy_that_fails_starts_them_again(stage: Stages, step: str, when: str) -> None:
    shop = worker_stage(stage)
    with shop.fail_at(step, when=when):
        shop.deploy().failed()
    assert told(shop) == [TSTP, RESTART]
    shop.assert_healthy(may_be_empty=True)


@pytest.mark.extended("recipe")
@pytest.mark.parametrize("step", ["reverting", *further("reverted")])
def test_a_rollback_that_fails_starts_them_again(stage: Stages, step: str) -> None:
    shop = worker_stage(stage)
    for _ in range(2):
        shop.deploy().ok()
    with shop.fail_at(step):
        shop.rollback().failed()
    assert told(shop)[-2:] == [TSTP, RESTART]
    shop.assert_healthy()


def test_workers_that_the_flow_has_not_made_quiet_are_left_alone(stage: Stages) -> None:
    shop = worker_stage(stage)
    with shop.fail_at("starting"):  # for example the lock of another flow
        shop.deploy().failed()
    assert told(shop) == []
    with shop.fail_at("finishing"):  # they run the release that is live
        shop.deploy().failed()
    assert told(shop) == [TSTP, RESTART]


def test_a_flow_that_ends_after_a_task_as_requested_starts_them_again_and_calls_no_other_hook(stage: Stages) -> None:
    failed = "@cap.on_failed\ndef undo(flow):\n    flow.warn('undone')\n"
    shop = stage(hosts=1, recipes={"sidekiq": {"units": ["worker.service"], "settle": 0}}, dodo=failed)
    shop.stand_in("systemctl", script="case $* in *show*) echo active ;; esac")
    done = shop.doit("deploy:production:updated").ok()
    assert told(shop) == [TSTP, RESTART]
    assert "undone" not in done.out


@pytest.mark.extended("recipe")
def test_an_interrupted_deploy_starts_them_again(stage: Stages) -> None:
    waiting = """
import os, signal, threading

@cap.after("updated")
def wait(host):
    threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT]).start()
    host.run(["sleep", "30"])
"""
    shop = stage(hosts=1, recipes={"sidekiq": {"units": ["worker.service"], "settle": 0}}, dodo=waiting)
    shop.stand_in("systemctl", script="case $* in *show*) echo active ;; esac")
    shop.deploy().failed()
    assert told(shop) == [TSTP, RESTART]


@pytest.mark.extended("recipe")
@pytest.mark.parametrize("state", ["inactive", *further("failed", "activating")])
def test_a_unit_that_does_not_run_is_not_made_quiet(stage: Stages, state: str) -> None:
    shop = worker_stage(stage, state=state, patience=1)
    done = shop.deploy().failed()
    assert "worker.service does not run" in done.out
    assert f"worker.service is {state}" in done.out
    assert told(shop) == [RESTART]
    assert shop.live


@pytest.mark.extended("recipe")
def test_a_unit_that_did_not_run_is_not_started_by_a_flow_that_fails(stage: Stages) -> None:
    shop = stage(hosts=1, recipes={"sidekiq": {"units": ["old.service", "worker.service"], "settle": 0}})
    shop.stand_in("systemctl", script="case $* in *show*old*) echo inactive ;; *show*) echo active ;; esac")
    with shop.fail_at("updating"):
        shop.deploy().failed()
    assert told(shop) == [TSTP, RESTART]


@pytest.mark.extended("recipe")
def test_workers_that_cannot_be_started_again_are_a_warning_with_the_command(stage: Stages) -> None:
    shop = worker_stage(stage)
    shop.stand_in("systemctl", script="case $* in *show*) echo active ;; *restart*) exit 1 ;; esac")
    with shop.fail_at("updating"):
        done = shop.deploy().failed()
    assert "the workers may take no jobs:" in done.out
    assert "to restart them: doit sidekiq.restart:production" in done.out


@pytest.mark.extended("recipe")
def test_an_operator_can_restart_them(stage: Stages) -> None:
    shop = worker_stage(stage)
    shop.deploy().ok()
    shop.doit("sidekiq.restart:production").ok()
    assert told(shop) == [TSTP, RESTART, RESTART]


@pytest.mark.extended("recipe")
def test_units_of_the_user_and_sudo_are_used_as_by_the_recipe_systemd(stage: Stages) -> None:
    shop = worker_stage(stage, user_units=True)
    shop.deploy().ok()
    assert told(shop) == [("--user", *TSTP), ("--user", *RESTART)]
    shop = worker_stage(stage)
    shop.stand_in("id", script='[ "$1" = -u ] && echo 1000 || exec /usr/bin/id "$@"')
    shop.stand_in("sudo", script='shift; exec "$@"')
    shop.deploy().ok()
    commands = [call.argv for call in shop.calls("sudo") if "-l" not in call.argv]
    assert commands == [("-n", "systemctl", *TSTP), ("-n", "systemctl", *RESTART)]


@pytest.mark.extended("recipe")
def test_only_hosts_with_the_roles_have_workers(stage: Stages) -> None:
    shop = stage(hosts=2, recipes={"sidekiq": {"units": ["worker.service"], "settle": 0, "roles": ["worker"]}})
    shop.project.hosts["web2"]["roles"] = ["worker"]
    shop.project.config()
    shop.stand_in("systemctl", script="case $* in *show*) echo active ;; esac")
    shop.deploy().ok()
    assert {call.host for call in shop.calls("systemctl")} == {"web2"}


@pytest.mark.extended("recipe")
def test_an_empty_list_of_units_is_refused(stage: Stages) -> None:
    assert "units must not be empty" in stage(recipes={"sidekiq": {"units": []}}).deploy().failed(3).out


@pytest.mark.parametrize("recipe", [RECIPES[0], *further(*RECIPES[1:])])
def test_workers_whose_restart_is_omitted_are_not_made_quiet(stage: Stages, recipe: str) -> None:
    shop = worker_stage(stage, recipe)
    shop.deploy(f"skip={recipe}.restart").ok()
    assert told(shop) == []


def test_a_hook_that_fails_before_the_publish_can_be_omitted_as_its_report_says(stage: Stages) -> None:
    shop = worker_stage(stage)
    shop.stand_in("systemctl", script="case $* in *show*) echo active ;; *) exit 1 ;; esac")
    said = shop.deploy().failed().out
    assert "To omit sidekiq.quiet this time: doit deploy:production skip=sidekiq.quiet\n" in said


@pytest.mark.parametrize("recipe", ["delayed_job", *further("celery")])
def test_workers_without_systemd_are_restarted_by_a_command_in_the_live_release(stage: Stages, recipe: str) -> None:
    command = ["bundle", "exec", "bin/delayed_job", "-n", "2", "restart"]
    shop = stage(hosts=1, recipes={recipe: {"restart_command": command}})
    shop.stand_in("bundle")
    shop.stand_in("systemctl")
    first = shop.deploy().ok()
    shop.deploy().ok()
    shop.rollback().ok()
    shop.doit(f"{recipe}.restart:production").ok()
    assert [call.argv for call in shop.calls("bundle")] == [tuple(command[1:])] * 4
    assert shop.calls("systemctl") == []
    assert f"{recipe}.quiet" in first.out
    with shop.fail_at("updating"):
        shop.deploy().failed()
    assert len(shop.calls("bundle")) == 4


@pytest.mark.extended("recipe")
def test_a_command_that_does_not_restart_the_workers_fails_the_flow_and_is_named(stage: Stages) -> None:
    shop = stage(
        hosts=1, recipes={"delayed_job": {"restart_command": ["bundle", "exec", "bin/delayed_job", "restart"]}}
    )
    shop.stand_in("bundle", script="echo no such file >&2; exit 1")
    said = shop.deploy().failed().out
    assert "bundle exec bin/delayed_job restart" in said
    assert "To run only delayed_job.restart again: doit run -s deploy:production:delayed_job.restart" in said


@pytest.mark.extended("recipe")
@pytest.mark.parametrize("options", [{}, {"units": ["a.service"], "restart_command": ["x"]}])
def test_units_and_a_command_exclude_each_other(stage: Stages, options: dict[str, Any]) -> None:
    said = stage(recipes={"delayed_job": options}).deploy().failed(3).out
    assert "set units or restart_command: one of them, and not both" in said
