"""The recipe php_fpm: a reload by systemd or by a signal, and the reset of the opcache, after each publish."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from capdoit.testing import Stages, StageUnderTest

SYSTEMCTL = "case $* in *show*) echo active ;; esac"
NOBODY_IS_ROOT = '[ "$1" = -u ] && echo 1000 || exec /usr/bin/id "$@"'
SUDO = 'shift; exec "$@"'
# A master process of PHP-FPM, as far as signals go: on USR2 it writes a line, or ends.
MASTER = """
trap 'echo reloaded >>"$1"; {action}' USR2
while :; do sleep 0.05; done
"""
UNIT = "php8.3-fpm.service"


def make(stage: Stages, hosts: int = 1, **options: Any) -> StageUnderTest:
    return stage(hosts=hosts, recipes={"php_fpm": {"settle": 0, **options}})


def told(shop: StageUnderTest, name: str) -> list[tuple[str, ...]]:
    return [call.argv for call in shop.calls(name) if "show" not in call.argv]


# -- systemd


def test_units_are_reloaded_on_every_host_after_every_publish(stage: Stages) -> None:
    shop = make(stage, 2, services=[UNIT, "php8.3-fpm-shop.service"])
    shop.stand_in("systemctl", script=SYSTEMCTL)
    shop.deploy().ok()
    shop.deploy().ok()
    shop.rollback().ok()
    reload = ("reload", "--", UNIT, "php8.3-fpm-shop.service")
    assert told(shop, "systemctl") == [reload] * 2 * 3
    assert {call.host for call in shop.calls("systemctl")} == {"web1", "web2"}
    shop.assert_healthy()


def test_a_wrong_configuration_is_not_loaded_and_the_release_stays_live(stage: Stages) -> None:
    shop = make(stage, services=[UNIT], test=["php-fpm8.3", "-t"])
    shop.stand_in("systemctl", script=SYSTEMCTL)
    shop.stand_in("php-fpm8.3", script="echo 'ERROR: [pool www] no listen address' >&2; exit 78")
    done = shop.deploy().failed()
    assert "the configuration is wrong; PHP-FPM is not reloaded: exit status 78" in done.out
    assert "no listen address" in done.out
    assert "doit run -s deploy:production:php_fpm.reload" in done.out
    assert told(shop, "systemctl") == []
    assert shop.live
    shop.stand_in("php-fpm8.3")
    shop.doit("run", "-s", "deploy:production:php_fpm.reload").ok()
    assert told(shop, "php-fpm8.3") == [("-t",)] * 2
    assert told(shop, "systemctl") == [("reload", "--", UNIT)]


@pytest.mark.extended("recipe")
def test_a_user_who_is_not_root_uses_sudo(stage: Stages) -> None:
    shop = make(stage, services=[UNIT], test=["php-fpm8.3", "-t"])
    shop.stand_in("systemctl", script=SYSTEMCTL)
    shop.stand_in("php-fpm8.3")
    shop.stand_in("id", script=NOBODY_IS_ROOT)
    shop.stand_in("sudo", script=SUDO)
    shop.deploy().ok()
    argv = [call.argv[1:] for call in shop.calls("sudo") if "-l" not in call.argv]
    assert [(Path(words[0]).name, *words[1:]) for words in argv][:2] == [
        ("php-fpm8.3", "-t"),
        ("systemctl", "reload", "--", UNIT),
    ]


@pytest.mark.extended("recipe")
def test_a_unit_that_does_not_stay_active_fails_the_flow_with_its_journal(stage: Stages) -> None:
    shop = make(stage, services=[UNIT])
    shop.stand_in("systemctl", script="case $* in *show*) echo failed ;; esac")
    shop.stand_in("journalctl", answer="FPM initialization failed\n")
    done = shop.deploy().failed()
    assert f"{UNIT} is failed after systemctl reload" in done.out
    assert "FPM initialization failed" in done.out
    assert shop.live


@pytest.mark.extended("recipe")
def test_nothing_is_reloaded_if_the_deploy_fails_before_the_publish(stage: Stages) -> None:
    shop = make(stage, services=[UNIT])
    shop.stand_in("systemctl", script=SYSTEMCTL)
    with shop.fail_at("updated"):
        shop.deploy().failed()
    assert told(shop, "systemctl") == []


# -- a signal


@pytest.fixture
def master(tmp_path: Path) -> Iterator[Any]:
    """Return a function that starts a process with PHP-FPM's title, and returns its pid."""
    started: list[subprocess.Popen[bytes]] = []

    def start(action: str = ":", title: str = "php-fpm: master process") -> int:
        script = MASTER.format(action=action)
        command = ["bash", "-c", 'exec -a "$0" bash -c "$1" x "$2"', title, script, str(tmp_path / "signals")]
        started.append(subprocess.Popen(command))
        return started[-1].pid

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.extended("recipe")
def test_a_master_without_systemd_gets_a_signal(stage: Stages, master: Any, tmp_path: Path) -> None:
    shop = make(stage, pid_file="shared/fpm.pid", settle=1)
    pid_file = shop.host().shared / "fpm.pid"
    pid_file.parent.mkdir(parents=True)
    pid_file.write_text(f"{master()}\n")
    shop.deploy().ok()
    shop.deploy().ok()
    shop.rollback().ok()
    assert (tmp_path / "signals").read_text() == "reloaded\n" * 3


@pytest.mark.extended("recipe")
def test_a_master_that_ends_fails_the_flow(stage: Stages, master: Any, tmp_path: Path) -> None:
    (tmp_path / "fpm.pid").write_text(f"{master('exit')}\n")
    done = make(stage, pid_file=str(tmp_path / "fpm.pid"), settle=1, patience=1).deploy().failed()
    assert "PHP-FPM does not run any more, 1 s after the signal USR2; its configuration may be broken" in done.out


@pytest.mark.extended("recipe")
def test_another_process_with_the_pid_gets_no_signal(stage: Stages, master: Any, tmp_path: Path) -> None:
    (tmp_path / "fpm.pid").write_text(f"{master(title='another')}\n")
    done = make(stage, pid_file=str(tmp_path / "fpm.pid")).deploy().failed()
    assert "is not PHP-FPM but: another" in done.out
    assert not (tmp_path / "signals").exists()


@pytest.mark.extended("recipe")
def test_a_php_fpm_that_does_not_run_fails_the_flow(stage: Stages) -> None:
    done = make(stage, pid_file="/no/such/fpm.pid").deploy().failed()
    assert "PHP-FPM does not run: /no/such/fpm.pid names no process; start it once" in done.out


# -- the opcache


@pytest.mark.extended("recipe")
def test_cachetool_resets_the_opcache_after_every_publish(stage: Stages) -> None:
    shop = make(stage, 2, opcache="cachetool", socket="/run/php/shop.sock")
    shop.stand_in("cachetool")
    shop.deploy().ok()
    shop.deploy().ok()
    shop.rollback().ok()
    calls = shop.calls("cachetool")
    assert len(calls) == 2 * 3
    call = next(call for call in calls if call.host == "web2")
    assert call.argv == ("opcache:reset", "--fcgi=/run/php/shop.sock", f"--tmp-dir={shop.host('web2').shared}")
    assert Path(calls[-1].cwd).name == shop.live


@pytest.mark.extended("recipe")
def test_cachetool_can_be_in_the_release(stage: Stages) -> None:
    shop = make(stage, opcache="cachetool", cachetool="vendor/bin/cachetool")
    shop.commit({"vendor/bin/cachetool": "#!/bin/sh\ntouch was-called\n"})
    shop.deploy().ok()
    assert (shop.host().release(str(shop.live)) / "was-called").exists()


@pytest.mark.extended("recipe")
@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ("reset", ""),
        ("off", "the pool of 127.0.0.1:9000 has no opcache"),
        ("refused", "the pool of 127.0.0.1:9000 refuses to reset its opcache; see opcache.restrict_api"),
        ("", "unexpected answer of the pool of 127.0.0.1:9000"),
    ],
)
def test_cgi_fcgi_runs_a_script_in_the_pool(stage: Stages, answer: str, complaint: str) -> None:
    shop = make(stage, opcache="cgi-fcgi", socket="127.0.0.1:9000")
    script = 'cp "$SCRIPT_FILENAME" ../../../script; ls -ld "$SCRIPT_FILENAME" "${SCRIPT_FILENAME%/*}" >../../../modes'
    shop.stand_in("cgi-fcgi", script=f"{script}; printf 'Content-type: text/html\\r\\n\\r\\n\\ncapdoit:{answer}\\n'")
    done = shop.deploy()
    assert done.code == (0 if answer in ("reset", "off") else 1), done.out
    assert complaint in done.out
    (call,) = shop.calls("cgi-fcgi")
    assert call.argv == ("-bind", "-connect", "127.0.0.1:9000")
    place = shop.host().deploy_to.parent
    assert "opcache_reset()" in (place / "script").read_text()
    modes = [line.split()[0] for line in (place / "modes").read_text().splitlines()]
    assert sorted(modes) == ["-rw-r--r--", "drwxr-xr-x"], "the user of the pool can read it"
    assert list(shop.host().shared.glob(".capdoit*")) == []
    assert shop.live


@pytest.mark.extended("recipe")
@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (
            {"opcache": "cachetool", "cachetool": "no-such-tool"},
            "no-such-tool is not on the PATH; recipe php_fpm needs it",
        ),
        ({"services": [UNIT], "test": ["no-such-fpm", "-t"]}, "no-such-fpm is not on the PATH"),
    ],
)
def test_a_missing_program_is_named(stage: Stages, options: dict[str, Any], complaint: str) -> None:
    assert complaint in make(stage, **options).deploy().failed().out


@pytest.mark.extended("recipe")
@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({}, "set services, pid_file or opcache: there is nothing to do without them"),
        ({"services": [UNIT], "pid_file": "/run/fpm.pid"}, "services and pid_file exclude each other"),
        ({"opcache": "cli"}, "option opcache is 'cli', expected cachetool or cgi-fcgi"),
    ],
)
def test_options_that_do_not_fit_are_refused(stage: Stages, options: dict[str, Any], complaint: str) -> None:
    assert complaint in make(stage, **options).deploy().failed(3).out
