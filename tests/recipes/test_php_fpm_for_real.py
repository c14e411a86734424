"""The recipe php_fpm with the real PHP-FPM and cgi-fcgi: a pool that never checks the times of files."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.real
CONFIG = """\
[global]
pid = {place}/fpm.pid
error_log = {place}/fpm.log
[www]
user = root
group = root
listen = {place}/fpm.sock
pm = static
pm.max_children = 1
php_admin_value[opcache.enable] = 1
php_admin_value[opcache.validate_timestamps] = 0
"""


@pytest.fixture
def fpm(tmp_path: Path) -> Iterator[Path]:
    """Return the directory of a running PHP-FPM, with its configuration, pid file and socket."""
    place = tmp_path / "fpm"
    place.mkdir()
    (place / "fpm.conf").write_text(CONFIG.format(place=place))
    found = sorted(Path("/usr/sbin").glob("php-fpm[0-9]*"))
    assert found, "this test needs php-fpm: apt-get install php-fpm"
    (place / "php-fpm").symlink_to(found[-1])
    subprocess.run([place / "php-fpm", "-R", "-y", place / "fpm.conf"], check=True)
    deadline = time.monotonic() + 30
    while not (place / "fpm.sock").exists() or not (place / "fpm.pid").exists():
        assert time.monotonic() < deadline, (place / "fpm.log").read_text()
        time.sleep(0.05)
    yield place
    pid = int((place / "fpm.pid").read_text())  # a reload changes it
    if Path(f"/proc/{pid}").exists():
        os.kill(pid, signal.SIGTERM)


def page(site: Any, fpm: Path) -> str:
    """Return the answer of the pool for `current`, as a web server that does not resolve it would ask."""
    script = site.host().deploy_to / "current/index.php"
    env = {"SCRIPT_FILENAME": str(script), "REQUEST_METHOD": "GET", "PATH": os.environ["PATH"]}
    command = ["cgi-fcgi", "-bind", "-connect", str(fpm / "fpm.sock")]
    answer = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
    return answer.partition("\n\n")[2].strip()


def make(stage: Any, **options: Any) -> Any:
    return stage(hosts=1, recipes={"php_fpm": options}, files={"index.php": "<?php echo 'first';"})


def deploy_twice_and_roll_back(site: Any, fpm: Path) -> None:
    site.deploy().ok()
    assert page(site, fpm) == "first"
    site.commit({"index.php": "<?php echo 'second';"})
    site.deploy().ok()
    assert page(site, fpm) == "second"
    site.rollback().ok()
    assert page(site, fpm) == "first"
    site.assert_healthy()


def test_without_the_recipe_the_pool_keeps_the_old_release(stage: Any, fpm: Path) -> None:
    site = make(stage, pid_file=str(fpm / "fpm.pid"))
    site.deploy().ok()
    assert page(site, fpm) == "first"
    site.commit({"index.php": "<?php echo 'second';"})
    site.deploy("skip=php_fpm.reload").ok()
    assert page(site, fpm) == "first"


def test_a_signal_makes_each_release_live_in_the_pool(stage: Any, fpm: Path) -> None:
    test = [str(fpm / "php-fpm"), "-R", "-t", "-y", str(fpm / "fpm.conf")]
    deploy_twice_and_roll_back(make(stage, pid_file=str(fpm / "fpm.pid"), test=test), fpm)


def test_a_reset_of_the_opcache_reaches_the_pool(stage: Any, fpm: Path) -> None:
    site = make(stage, opcache="cgi-fcgi", socket=str(fpm / "fpm.sock"))
    site.deploy().ok()
    count = "<?php echo opcache_get_status(false)['opcache_statistics']['manual_restarts'];"
    site.commit({"index.php": count})
    site.deploy().ok()
    before = int(page(site, fpm))
    site.doit("run", "-s", "deploy:production:php_fpm.reset_opcache").ok()
    assert int(page(site, fpm)) == before + 1


def test_a_broken_configuration_does_not_end_the_pool(stage: Any, fpm: Path) -> None:
    test = [str(fpm / "php-fpm"), "-R", "-t", "-y", str(fpm / "fpm.conf")]
    site = make(stage, pid_file=str(fpm / "fpm.pid"), test=test)
    site.deploy().ok()
    with (fpm / "fpm.conf").open("a") as config:
        config.write("nonsense\n")
    done = site.deploy().failed()
    assert "the configuration is wrong; PHP-FPM is not reloaded" in done.out
    assert "failed to load configuration file" in done.out
    assert page(site, fpm) == "first", "the pool still answers"


def test_without_a_test_the_flow_tells_that_the_pool_has_ended(stage: Any, fpm: Path) -> None:
    site = make(stage, pid_file=str(fpm / "fpm.pid"), patience=2)
    with (fpm / "fpm.conf").open("a") as config:
        config.write("nonsense\n")
    assert "PHP-FPM does not run any more" in site.deploy().failed().out
