"""Random sequences of an operator's commands, compared with a model of the result."""

from __future__ import annotations

import itertools
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from capdoit.testing import DODO, GitRepo, Project, clean_env

NUMBER = itertools.count()
FAILING = (
    DODO
    + """
@cap.after('updated')
def fail(host):
    host.run('exit 7')
"""
)
SLOW = (
    DODO
    + """
@cap.after('{step}')
def wait(host):
    host.run('touch {mark}; sleep 30')
"""
)


class Stage(RuleBasedStateMachine):
    """One stage with up to three local hosts, and the model of what must be true of it.

    Attributes:
        good: of each host, the releases that were live and were not rolled back from, oldest first; the last is live.
    """

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp(prefix="random"))
        env = clean_env(self.place / "home")
        self.repo = GitRepo(self.place / "repo", env)
        self.repo.commit({"app.txt": "0"})
        hosts = {"web1": self._host("web1"), "web2": self._host("web2")}
        self.project = Project(self.place / "project", self.repo, env, hosts, {"linked_files": [], "keep_releases": 20})
        self.good: dict[str, list[str]] = {"web1": [], "web2": []}

    def teardown(self) -> None:
        shutil.rmtree(self.place)

    @initialize(taken_over=st.booleans())
    def begin(self, taken_over: bool) -> None:
        """Let half of the stages begin as trees of Capistrano."""
        if not taken_over:
            return
        for name in ("20160101000000", "20160202000000"):
            for host in self.project.hosts:
                self._as_capistrano_does(self.project.deploy_to(host), name)
                self.good[host].append(name)

    @rule()
    def deploy(self) -> None:
        self.project.dodo(DODO)
        self.repo.commit({"app.txt": str(next(NUMBER))})
        self.project.doit("deploy:production", check=True)
        for good in self.good.values():
            good.append(str(self.project.current("web1")))

    @rule()
    def deploy_fails(self) -> None:
        self.project.dodo(FAILING)
        self.project.doit("deploy:production").failed()

    @rule(step=st.sampled_from(["started", "updated"]), number=st.sampled_from([signal.SIGKILL, signal.SIGTERM]))
    def deploy_is_killed(self, step: str, number: signal.Signals) -> None:
        mark = self.place / "mark"
        self.project.dodo(SLOW.format(step=step, mark=mark))
        with self.project.start("deploy:production") as flow:
            while not mark.exists() and flow.poll() is None:
                time.sleep(0.01)
            flow.send_signal(number)
            flow.communicate()
        mark.unlink()
        for host in self.project.hosts:
            self._wait_for_the_lock(host)

    @rule()
    def rollback(self) -> None:
        self.project.dodo(DODO)
        done = self.project.doit("rollback:production")
        before = {good[-2] if len(good) > 1 else None for good in self.good.values()}
        if len(before) > 1 or None in before:
            done.failed()
        else:
            done.ok()
            self._gone_back_to(str(before.pop()))

    @precondition(lambda self: self.can_go_to())
    @rule(data=st.data())
    def rollback_to(self, data: st.DataObject) -> None:
        self.project.dodo(DODO)
        wanted = data.draw(st.sampled_from(self.can_go_to()))
        self.project.doit("rollback:production", f"rollback_release={wanted}", check=True)
        self._gone_back_to(wanted)

    @precondition(lambda self: "web3" not in self.project.hosts)
    @rule()
    def add_a_host(self) -> None:
        self.project.hosts["web3"] = self._host("web3")
        self.good["web3"] = []
        self.project.config()

    @precondition(lambda self: "web3" in self.project.hosts)
    @rule()
    def remove_a_host(self) -> None:
        gone = self.project.hosts.pop("web3")
        shutil.rmtree(self.project.path / str(gone["deploy_to"]), ignore_errors=True)
        del self.good["web3"]
        self.project.config()

    def can_go_to(self) -> list[str]:
        """Return the releases that were live on all hosts, except the live release."""
        return sorted(set.intersection(*(set(good[:-1]) for good in self.good.values())))

    def _gone_back_to(self, release: str) -> None:
        for good in self.good.values():
            del good[good.index(release) + 1 :]

    def _wait_for_the_lock(self, host: str) -> None:
        lock = self.project.deploy_to(host) / ".capdoit/lock"
        while lock.exists() and subprocess.run(["flock", "-n", lock, "true"], check=False).returncode:
            time.sleep(0.05)

    @invariant()
    def every_host_has_live_what_the_model_says(self) -> None:
        for host, good in self.good.items():
            assert self.project.current(host) == (good[-1] if good else None)

    @invariant()
    def what_is_live_is_complete(self) -> None:
        for host in (host for host, good in self.good.items() if good):
            live = self.project.deploy_to(host) / "current"
            assert (live / "REVISION").read_text().strip()
            assert (live / "app.txt").exists()

    def _host(self, name: str) -> dict[str, object]:
        return {"transport": "local", "roles": ["web"], "deploy_to": f"hosts/{name}"}

    def _as_capistrano_does(self, deploy_to: Path, name: str) -> None:
        release = deploy_to / "releases" / name
        release.mkdir(parents=True)
        (release / "app.txt").write_text(name)
        (release / "REVISION").write_text("a" * 40 + "\n")
        (deploy_to / "current").unlink(missing_ok=True)
        (deploy_to / "current").symlink_to(release)
        with (deploy_to / "revisions.log").open("a") as log:
            log.write(f"Branch main (at {'a' * 40}) deployed as release {name} by ann\n")


def run(sequences: int, *, anew: bool) -> None:
    said = settings(
        max_examples=sequences,
        derandomize=not anew,
        stateful_step_count=6,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    run_state_machine_as_test(Stage, settings=said)


@pytest.mark.extended("variant")
def test_a_few_random_sequences_end_as_the_model_predicts() -> None:
    run(2, anew=False)


@pytest.mark.full
@pytest.mark.parametrize("_part", range(30))  # many parts, so that all workers end at the same time
def test_300_random_sequences_end_as_the_model_predicts(_part: int) -> None:
    run(10, anew=True)
