"""The recipes of workers with real workers as units of a real systemd: which release does which job."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from capdoit.testing import Stages, StageUnderTest, processes
from tests.recipes.systemd_manager import Manager, running_manager

pytestmark = pytest.mark.real
# A job that writes which release has done it.
SIDEKIQ_JOBS = """
require "sidekiq"
Sidekiq.configure_server {{ |config| config.redis = {{ url: "{redis}" }} }}
class Note
  include Sidekiq::Worker
  def perform(name)
    sleep 3 if name == "slow"
    File.write("{done}/#{{name}}", "{release}")
  end
end
"""
DELAYED_JOB = """
require "active_record"
require "delayed_job_active_record"
ActiveRecord::Base.establish_connection(adapter: "sqlite3", database: "{database}", timeout: 9000)
Note = Struct.new(:name) do
  def perform
    sleep 3 if name == "slow"
    File.write("{done}/#{{name}}", "{release}")
  end
end
"""
DELAYED_JOB_TABLE = """
ActiveRecord::Schema.define do
  create_table :delayed_jobs do |table|
    %i[priority attempts].each { |name| table.integer name, default: 0, null: false }
    %i[handler last_error].each { |name| table.text name }
    %i[run_at locked_at failed_at created_at updated_at].each { |name| table.datetime name }
    %i[locked_by queue].each { |name| table.string name }
  end
end
"""
DELAYED_JOB_UNIT = """
[Service]
WorkingDirectory={current}
ExecStart=/usr/bin/ruby -r ./jobs.rb -e 'Delayed::Worker.sleep_delay = 0.2; Delayed::Worker.new(quiet: true).start'
TimeoutStopSec=15
"""
CELERY = """
import time
from celery import Celery

app = Celery("jobs", broker="{redis}")

@app.task
def note(name):
    if name == "slow":
        time.sleep(3)
    with open(f"{done}/{{name}}", "w") as file:
        file.write("{release}")
"""
CELERY_UNIT = """
[Service]
WorkingDirectory={current}
ExecStart={celery} -A jobs worker -c 2
KillMode=mixed
TimeoutStopSec=15
"""
SIDEKIQ_UNIT = """
[Service]
Type=notify
WorkingDirectory={current}
ExecStart=/usr/bin/sidekiq -r ./jobs.rb -c 1 -t 5
TimeoutStopSec=15
"""
# In the middle of a flow, a job is put into the queue, and nobody does it for two seconds.
ENQUEUE = """
import pathlib, time

PLACE = pathlib.Path("%s")

@cap.before("publishing")
def enqueue(host, flow):
    name = f"{flow.name}-{flow.release}"
    (PLACE / "enqueued").write_text(name)
    host.run([str(PLACE / "enqueue"), name])
    time.sleep(2)
    assert not (PLACE / "done" / name).exists(), "a quiet worker has done a job"
    if (PLACE / "fail").exists():
        raise RuntimeError("as the test wants it")
"""


@pytest.fixture
def manager() -> Iterator[Manager]:
    with running_manager() as running:
        yield running


def start_stage(stage: Stages, manager: Manager, recipe: str, enqueue: str, files: dict[str, str]) -> StageUnderTest:
    """Return a stage with one host, whose worker is a unit of the manager."""
    (manager.place / "done").mkdir()
    program = manager.place / "enqueue"
    program.write_text(f"#!/bin/sh\n{enqueue}\n")
    program.chmod(0o755)
    recipes = {recipe: {"units": ["worker.service"], "user_units": True, "settle": 0.5}}
    shop = stage(hosts=1, recipes=recipes, files=files, dodo=ENQUEUE % manager.place)
    shop.stand_in("systemctl", script=manager.systemctl)
    return shop


def done_by(manager: Manager, name: str) -> str:
    """Wait until a job is done, and return the release that has done it."""
    file = manager.place / "done" / name
    assert processes.wait_until(60, file.exists), f"{name} was not done"
    return file.read_text().strip()


def done_during_flow(manager: Manager) -> str:
    """Wait until the job of the last flow is done, and return the release that has done it."""
    return done_by(manager, (manager.place / "enqueued").read_text())


def play(shop: StageUnderTest, manager: Manager, write: Callable[[str], dict[str, str | bytes | None]]) -> None:
    """Deploy twice, fail once, and roll back: the job of each flow is done by the release that is live after it."""
    enqueue = str(manager.place / "enqueue")
    shop.deploy().ok()
    assert done_during_flow(manager) == "first"
    shop.commit(write("second"))
    subprocess.run([enqueue, "slow"], check=True)
    shop.deploy().ok()
    assert done_by(manager, "slow") == "first", "a job that runs when the flow begins is finished"
    assert done_during_flow(manager) == "second"
    (manager.place / "fail").touch()
    assert "as the test wants it" in shop.deploy().failed().out
    assert done_during_flow(manager) == "second"
    (manager.place / "fail").unlink()
    shop.rollback().ok()
    assert done_during_flow(manager) == "first"
    subprocess.run([enqueue, "at-last"], check=True)
    assert done_by(manager, "at-last") == "first"


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[str]:
    """Yield the URL of a real redis-server."""
    program = shutil.which("redis-server")
    assert program, "this test needs redis-server: apt-get install redis-server"
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [program, "--port", str(port), "--save", "", "--dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        ping = ["redis-cli", "-p", str(port), "ping"]
        assert processes.wait_until(
            60, lambda: subprocess.run(ping, capture_output=True, check=False).stdout == b"PONG\n"
        )
        yield f"redis://127.0.0.1:{port}/0"
        server.terminate()


def test_sidekiq_does_each_job_with_the_live_release(stage: Stages, manager: Manager, redis: str) -> None:
    assert shutil.which("sidekiq"), "this test needs sidekiq: apt-get install ruby-sidekiq"
    done = manager.place / "done"

    def write(release: str) -> dict[str, str | bytes | None]:
        return {"jobs.rb": SIDEKIQ_JOBS.format(redis=redis, done=done, release=release)}

    job = json.dumps({"class": "Note", "args": ["NAME"], "queue": "default", "jid": "JID", "retry": True})
    port = redis.rpartition(":")[2].partition("/")[0]
    fill = f"""sed "s/NAME/$1/; s/JID/$1/" <<'JOB' | redis-cli -p {port} -x lpush queue:default\n{job}\nJOB"""
    shop = start_stage(stage, manager, "sidekiq", fill, {name: str(text) for name, text in write("first").items()})
    manager.write_unit("worker.service", SIDEKIQ_UNIT.format(current=shop.host().deploy_to / "current"))
    play(shop, manager, write)


def test_delayed_job_does_each_job_with_the_live_release(stage: Stages, manager: Manager) -> None:
    libraries = ["-e", "require 'delayed_job_active_record'; require 'sqlite3'"]
    assert subprocess.run(["ruby", *libraries], check=False).returncode == 0, (
        "apt-get install ruby-delayed-job-active-record"
    )
    database, done = manager.place / "jobs.sqlite3", manager.place / "done"

    def write(release: str) -> dict[str, str | bytes | None]:
        return {"jobs.rb": DELAYED_JOB.format(database=database, done=done, release=release)}

    client = manager.place / "client.rb"
    client.write_text(str(write("nobody")["jobs.rb"]))
    subprocess.run(["ruby", "-r", client, "-e", DELAYED_JOB_TABLE], check=True)
    fill = f"""exec ruby -r {client} -e 'Delayed::Job.enqueue(Note.new(ARGV[0]))' "$1" """
    shop = start_stage(stage, manager, "delayed_job", fill, {name: str(text) for name, text in write("first").items()})
    manager.write_unit("worker.service", DELAYED_JOB_UNIT.format(current=shop.host().deploy_to / "current"))
    play(shop, manager, write)


@pytest.fixture(scope="module")
def celery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of a real celery in an environment of its own."""
    folder = tmp_path_factory.mktemp("celery")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    subprocess.run([folder / "bin/pip", "install", "-q", "celery[redis]", "packaging"], check=True)
    return folder / "bin/celery"


def test_celery_does_each_task_with_the_live_release(stage: Stages, manager: Manager, celery: Path, redis: str) -> None:
    done = manager.place / "done"

    def write(release: str) -> dict[str, str | bytes | None]:
        return {"jobs.py": CELERY.format(redis=redis, done=done, release=release)}

    (manager.place / "jobs.py").write_text(str(write("nobody")["jobs.py"]))
    fill = f"""cd {manager.place} && exec {celery} -q -A jobs call jobs.note --args="[\\"$1\\"]" """
    shop = start_stage(stage, manager, "celery", fill, {name: str(text) for name, text in write("first").items()})
    unit = CELERY_UNIT.format(current=shop.host().deploy_to / "current", celery=celery)
    manager.write_unit("worker.service", unit)
    play(shop, manager, write)
