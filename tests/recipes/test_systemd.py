"""The recipe systemd: units are restarted after the publish, in both flows, and must stay active."""

from __future__ import annotations

import re
from typing import Any

import pytest

from capdoit.testing import Stages, StageUnderTest
from tests.support import unwrap

NOBODY_IS_ROOT = '[ "$1" = -u ] && echo 1000 || exec /usr/bin/id "$@"'
# Says the states in turn, the last one again and again.
IN_TURN = """
case $* in
    *LoadState*) echo loaded ;;
    *show*) state=$(head -n 1 {file}); [ "$(wc -l <{file})" -le 1 ] || sed -i 1d {file}; echo "$state" ;;
    *) exit {status} ;;
esac
"""


def served(stage: Stages, *states: str, status: int = 0, **options: object) -> StageUnderTest:
    """Return a stage whose units have these states, one after the other."""
    shop = stage(hosts=1, recipes={"systemd": {"units": ["shop.service"], "settle": 0, **options}})
    file = shop.project.path / "states"
    file.write_text("".join(f"{state}\n" for state in states))
    shop.stand_in("systemctl", script=IN_TURN.format(file=file, status=status))
    shop.stand_in("journalctl", answer="Killed process 17\n")
    return shop


def told(shop: StageUnderTest) -> list[tuple[str, ...]]:
    return [call.argv for call in shop.calls("systemctl") if "show" not in call.argv]


def test_units_are_restarted_after_every_publish(stage: Stages) -> None:
    shop = served(stage, "active")
    for _ in range(2):
        shop.deploy().ok()
    shop.rollback().ok()
    assert told(shop) == [("restart", "--", "shop.service")] * 3
    show = [call.argv for call in shop.calls("systemctl") if "--property=ActiveState" in call.argv]
    assert show[0] == ("show", "--property=ActiveState", "--value", "--", "shop.service")


@pytest.mark.extended("recipe")
@pytest.mark.parametrize("action", ["reload", "try-restart"])
def test_the_action_is_an_option(stage: Stages, action: str) -> None:
    shop = served(stage, "active", action=action)
    shop.deploy().ok()
    assert told(shop) == [(action, "--", "shop.service")]


def test_user_units_are_restarted_through_the_user_manager(stage: Stages) -> None:
    shop = served(stage, "active", user_units=True)
    shop.deploy().ok()
    assert told(shop) == [("--user", "restart", "--", "shop.service")]


@pytest.mark.extended("recipe")
def test_a_user_who_is_not_root_uses_sudo(stage: Stages) -> None:
    shop = served(stage, "active")
    shop.stand_in("id", script=NOBODY_IS_ROOT)
    shop.stand_in("sudo", script='shift; exec "$@"')
    shop.deploy().ok()
    assert ("-n", "systemctl", "restart", "--", "shop.service") in [call.argv for call in shop.calls("sudo")]


def test_a_user_without_the_right_of_sudo_is_refused_before_anything_is_touched(stage: Stages) -> None:
    shop = served(stage, "active", units=["shop.service", "worker.service"])
    shop.stand_in("id", script=NOBODY_IS_ROOT)
    shop.stand_in("sudo", script="exit 1")  # as sudo -n -l answers
    said = unwrap(shop.deploy().failed().out)
    assert "may not run systemctl restart -- shop.service worker.service through sudo without a password; " in said
    assert "recipe systemd needs it; a line in sudoers (visudo) allows it: " in said
    assert re.search(r"NOPASSWD: /\S*/systemctl restart -- shop.service worker.service", said)
    assert not shop.live


@pytest.mark.extended("recipe")
def test_a_slowly_starting_unit_is_awaited(stage: Stages) -> None:
    served(stage, "activating", "activating", "activating", "active").deploy().ok()


def test_a_unit_that_fails_fails_the_flow_with_its_journal_and_the_release_stays_live(stage: Stages) -> None:
    shop = served(stage, "activating", "failed")
    done = shop.deploy().failed()
    assert "shop.service is failed after systemctl restart" in done.out
    assert "Killed process 17" in done.out
    assert shop.calls("journalctl")[0].argv == ("--no-pager", "-n", "20", "--unit", "shop.service")
    assert shop.live
    shop.assert_healthy()


@pytest.mark.extended("recipe")
def test_a_unit_that_dies_right_after_its_start_fails_the_flow(stage: Stages) -> None:
    done = served(stage, "active", "failed", settle=0.1).deploy().failed()
    assert "shop.service is failed a moment after it was active" in done.out


def test_a_unit_that_never_becomes_active_fails_after_the_timeout(stage: Stages) -> None:
    done = served(stage, "activating", patience=1).deploy().failed()
    assert "shop.service is activating 1 s after systemctl restart" in done.out


@pytest.mark.extended("recipe")
def test_a_restart_that_systemd_refuses_shows_why(stage: Stages) -> None:
    done = served(stage, "inactive", status=5).deploy().failed()
    assert "shop.service is inactive after systemctl restart" in done.out
    assert "Killed process 17" in done.out


@pytest.mark.extended("recipe")
def test_a_no_release_host_has_no_unit(stage: Stages) -> None:
    hosts: dict[str, dict[str, Any]] = {"web1": {"roles": ["web"]}, "db1": {"roles": ["db"], "no_release": True}}
    shop = stage(hosts=hosts, recipes={"systemd": {"units": ["shop.service"], "settle": 0}})
    shop.stand_in("systemctl", answer="active\n")
    shop.deploy().ok()
    assert {call.host for call in shop.calls("systemctl")} == {"web1"}


@pytest.mark.extended("recipe")
def test_an_unknown_action_is_refused(stage: Stages) -> None:
    assert "option action is 'stop', expected restart or reload" in served(stage, action="stop").deploy().failed(3).out
