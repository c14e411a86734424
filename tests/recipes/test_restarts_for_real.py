"""The recipes supervisor, puma and passenger with the real programs, which serve each live release."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from capdoit.testing import Stages, StageUnderTest

pytestmark = pytest.mark.real
SUPERVISOR = """\
[unix_http_server]
file={place}/sock
[supervisord]
nodaemon=true
logfile={place}/log
pidfile={place}/pid
childlogdir={place}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{place}/sock
[program:shop]
command=/bin/sh -c "cat {current}/app.txt >{place}/said; exec sh {current}/run"
autostart=false
autorestart=false
startsecs=1
startretries=0
"""
PUMA = """\
directory "{current}"
bind "tcp://127.0.0.1:{port}"
pidfile "{shared}/tmp/pids/puma.pid"
rackup "config.ru"
workers 0
"""
RACK = "run ->(env) { [200, {'content-type' => 'text/plain'}, [File.read('app.txt')]] }\n"


def needed(program: str, package: str) -> str:
    found = shutil.which(program)
    assert found, f"this test needs {program}: apt-get install {package}"
    return found


@pytest.fixture
def supervised(stage: Stages, tmp_path: Path) -> Iterator[StageUnderTest]:
    place = tmp_path / "supervisor"
    place.mkdir()
    ctl = [needed("supervisorctl", "supervisor"), "-c", str(place / "conf")]
    shop = stage(
        hosts=1,
        recipes={"supervisor": {"programs": ["shop"], "command": ctl, "patience": 10}},
        files={"app.txt": "first\n", "run": "exec sleep 1000\n"},
    )
    current = shop.host().deploy_to / "current"
    (place / "conf").write_text(SUPERVISOR.format(place=place, current=current))
    command = [needed("supervisord", "supervisor"), "-c", str(place / "conf")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as daemon:
        try:
            waits_for((place / "sock").exists)
            yield shop
        finally:
            daemon.terminate()


def test_a_supervised_program_serves_each_live_release(supervised: StageUnderTest, tmp_path: Path) -> None:
    said = tmp_path / "supervisor/said"
    supervised.deploy().ok()
    assert said.read_text() == "first\n"
    supervised.commit({"app.txt": "second\n"})
    supervised.deploy().ok()
    assert said.read_text() == "second\n"
    supervised.rollback().ok()
    assert said.read_text() == "first\n"


def test_a_supervised_program_that_dies_fails_the_flow_with_its_log(supervised: StageUnderTest) -> None:
    supervised.commit({"run": "echo no database here >&2; exit 3\n"})
    done = supervised.deploy().failed()
    assert "no database here" in done.out
    assert supervised.live


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_puma_serves_each_live_release(stage: Stages, port: int, tmp_path: Path) -> None:
    puma = needed("puma", "puma")
    shop = stage(hosts=1, recipes={"puma": {}}, files={"app.txt": "first\n", "config.ru": RACK})
    shop.deploy("skip=puma.restart").ok()
    pids = shop.host().shared / "tmp/pids"
    pids.mkdir(parents=True)
    current = shop.host().deploy_to / "current"
    config = tmp_path / "puma.rb"
    config.write_text(PUMA.format(current=current, shared=shop.host().shared, port=port))
    with subprocess.Popen([puma, "-C", str(config)], cwd=current, stdout=subprocess.DEVNULL) as server:
        try:
            goes_forth_and_back(shop, port)
        finally:
            server.terminate()


@pytest.fixture
def registry() -> Iterator[Path]:
    """Yield a directory for the sockets of Passenger, whose paths would be too long in a directory of pytest."""
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory)


@pytest.mark.parametrize("touch", [False, True], ids=["asked", "touched"])
def test_passenger_serves_each_live_release(
    stage: Stages, port: int, tmp_path: Path, registry: Path, *, touch: bool
) -> None:
    passenger = needed("passenger", "passenger")
    own = {"PASSENGER_INSTANCE_REGISTRY_DIR": str(registry)}  # this machine may have others
    files = {"app.txt": "first\n", "config.ru": RACK, "public/x": ""}
    shop = stage(hosts=1, recipes={"passenger": {"touch": touch}}, files=files, default_env=own)
    shop.deploy("skip=passenger.restart").ok()
    current = shop.host().deploy_to / "current"
    pid = ["--pid-file", str(tmp_path / "pid")]
    words = ["start", *pid, "--engine", "builtin", "--address", "127.0.0.1", "--port", str(port)]
    command = [passenger, *words, "--disable-security-update-check", str(current)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd="/", env={**os.environ, **own}, **quiet) as server:  # type: ignore[call-overload]
        try:
            goes_forth_and_back(shop, port)
        finally:
            subprocess.run([passenger, "stop", *pid], check=True, stdout=subprocess.DEVNULL)
            server.wait(20)


def goes_forth_and_back(shop: StageUnderTest, port: int) -> None:
    """Check that the served release follows a deploy and a rollback."""
    waits_for(lambda: page(port) == "first\n")
    shop.commit({"app.txt": "second\n"})
    shop.deploy().ok()
    waits_for(lambda: page(port) == "second\n")
    shop.rollback().ok()
    waits_for(lambda: page(port) == "first\n")


def page(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            return str(answer.read().decode())
    except OSError as error:
        return str(error)


def waits_for(what: object) -> None:
    for _ in range(600):
        if what():  # type: ignore[operator]
            return
        time.sleep(0.1)
    pytest.fail(f"it did not come: {what}", pytrace=sys.stdout is not None)
