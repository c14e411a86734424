"""A stage to test recipes on: a project, hosts that are directories of this machine, stand-ins, strikes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from capdoit.testing.invariants import damage
from capdoit.testing.processes import at_home, within
from capdoit.testing.project import DODO, Completed, GitRepo, HostUnderTest, Project, clean_env
from capdoit.testing.sshd import Fleet
from capdoit.testing.stand_in import Call, StandIns
from capdoit.testing.strikes import FAIL, KILL, armed

ROLES = ("app", "web", "db")
Files = Mapping[str, str | bytes | None]
LAST_WORK = 10.0  # seconds in which hosts have to end the work of a controller that died


class StageUnderTest:
    """The stage ``production`` of a project; what the fixtures `stage` and `ssh_stage` make.

    doit runs as a process of its own, with real scripts in a real sh, in an environment where nothing of the
    user's own is seen: HOME is new, PATH is that of the tests.

    Args:
        place: the directory of everything, which is made.
        hosts: what deploy.yml says of each host, by name.
        files: what is committed on main.
        dodo: what dodo.py has below ``cap``.
        settings: what else deploy.yml says.
        homes: the homes of the hosts' users, where they are not doit's.

    Attributes:
        project: its `Project`: ``config`` writes deploy.yml anew, ``dodo`` the whole of dodo.py, ``repo`` is what it
            deploys.
    """

    def __init__(
        self,
        place: Path,
        hosts: Mapping[str, Mapping[str, Any]],
        files: Files,
        dodo: str,
        settings: Mapping[str, Any],
        homes: Sequence[Path] = (),
    ) -> None:
        place.mkdir()
        env = clean_env(place / "home")
        self._homes = (place / "home", *homes)
        self._stand_ins = StandIns(place / "stand-ins", hosts)
        self._env = self._with_stand_ins(None, {})
        described = {
            name: {**said, "default_env": self._with_stand_ins(name, said.get("default_env", {}))}
            for name, said in hosts.items()
        }
        self.project = Project(place / "project", GitRepo(place / "repo", env), env, described, settings)
        self.project.dodo(DODO + dodo)
        self.project.link_files()
        self.commit(files)

    def commit(self, files: Files) -> str:
        """Commit files on main.

        Args:
            files: what is in each; None removes it. A file that begins with ``#!`` can be run.

        Returns:
            The commit's full sha.
        """
        return self.project.repo.commit(files)

    def recipe(self, name: str, source: str) -> None:
        """Write ``recipes/NAME.py`` beside dodo.py; ``recipes={NAME: {}}`` turns it on when the stage is made."""
        self.project.write_module(f"recipes/{name}.py", source)

    # -- running

    def deploy(self, *variables: str, env: Mapping[str, str] | None = None) -> Completed:
        """Run ``doit deploy:production`` with these variables, such as ``branch=main``; see `doit`."""
        return self.doit("deploy:production", *variables, env=env)

    def rollback(self, *variables: str, env: Mapping[str, str] | None = None) -> Completed:
        """Run ``doit rollback:production`` with these variables; see `doit`."""
        return self.doit("rollback:production", *variables, env=env)

    def doit(self, *args: str, env: Mapping[str, str] | None = None, timeout: float = 60) -> Completed:
        """Run doit to its end; when a signal ended it, wait until the hosts have ended its work, too.

        Args:
            *args: its arguments.
            env: added to its environment.
            timeout: seconds after which it is killed and the test fails.
        """
        done = self.project.doit(*args, env={**self._env, **(env or {})}, timeout=timeout)
        if done.code < 0 and not within(LAST_WORK, lambda: not at_home(self._homes)):
            pytest.fail(f"doit is dead, and its work goes on: {', '.join(at_home(self._homes))}")
        return done

    # -- looking

    def host(self, name: str = "web1") -> HostUnderTest:
        """A host's directories."""
        return self.project.host(name)

    @property
    def live(self) -> str | None:
        """The one release that is live on all hosts that get releases; None when none is.

        Raises:
            AssertionError: the hosts disagree.
        """
        release_hosts = (name for name, said in self.project.hosts.items() if not said.get("no_release"))
        live = {name: self.host(name).current for name in release_hosts}
        assert len({*live.values()}) == 1, f"the hosts disagree about what is live: {live}"
        return next(iter(live.values()))

    def assert_healthy(self, *, may_be_empty: bool = False) -> None:
        """Assert that all is well on every host, whatever happened before.

        On hosts that get releases: ``current`` is the absolute link to a release that is there and has its REVISION,
        the same on all; the linked files and directories of deploy.yml are links into ``shared`` that lead somewhere;
        ``releases`` holds nothing but releases. On all hosts: the lock is free and names nobody, nothing half-made is
        in ``.capdoit``, and no process is in the host's directory (sessions get five seconds to end).

        Args:
            may_be_empty: it is also well when nothing is live on any host.

        Raises:
            AssertionError: names everything that is wrong, and on which host.
        """
        found = damage(self.project, may_be_empty)
        assert not found, "the fleet is not healthy:\n" + "\n".join(f"  {line}" for line in found)

    # -- stand-ins

    def stand_in(self, name: str, answer: str = "", status: int = 0, script: str | None = None) -> None:
        """Have a program of that name come first on the PATH of every host, and of doit itself.

        It records each call, prints the answer, and exits with the status. Another one of the same name takes its
        place and goes on with its record. What is called by a path, or by a ``sudo`` that sets a PATH of its own, is
        not stood in for. The programs that capdoit itself uses on hosts (``git``, ``tar``, ``ln``, …) are called by
        its scripts, too.

        Args:
            name: the program's.
            answer: what it prints, exactly.
            status: its exit status.
            script: POSIX sh to run instead, after the answer; it has the arguments as ``$1``, … and its exit status
                is the program's.
        """
        self._stand_ins.add(name, answer, status, script or "")

    def calls(self, name: str) -> list[Call]:
        """How a stand-in was called, in the order in which the calls began, those of all hosts in one row.

        Raises:
            AssertionError: there is no stand-in of that name.
        """
        return self._stand_ins.calls(name)

    # -- strikes

    def fail_at(self, step: str, host: str | None = None, when: str = "after") -> AbstractContextManager[None]:
        """Inside the ``with``, a command fails on a host when a flow comes to this point.

        Args:
            step: of either flow, moments such as ``updated`` among them.
            host: where; on every host when None.
            when: ``after``, the step and the hooks after it are done by then; ``before``, the hooks before the step
                are done. So ``fail_at("published")`` strikes when the recipes have done what they do ``after``
                ``published``, and ``fail_at("published", when="before")`` when they have not, but the release is live.

        Raises:
            AssertionError: at its end, when no flow came to the point; at once, when there is none.
        """
        hosts = [host] if host else list(self.project.hosts)
        return armed(self.project, FAIL, when, step, hosts)

    def kill_at(self, step: str, when: str = "after") -> AbstractContextManager[None]:
        """Inside the ``with``, doit is killed by SIGKILL when a flow comes to this point; arguments as in `fail_at`.

        The flow's exit code is -9. When `doit`, `deploy` or `rollback` returns, nothing of it runs any more, so that
        the next command finds the same hosts each time.

        Raises:
            AssertionError: at its end, when no flow came to the point; at once, when there is none.
        """
        return armed(self.project, KILL, when, step, list(self.project.hosts))

    # -- the hosts' PATH

    def _with_stand_ins(self, host: str | None, env: Mapping[str, str]) -> dict[str, str]:
        rest = env.get("PATH", os.environ.get("PATH", os.defpath))
        return {**env, "PATH": f"{self._stand_ins.folder(host)}:{rest}"}


class Stages:
    """Makes stages; what the fixtures `stage` and `ssh_stage` give.

    Args:
        directory: where they are.
        fleet: the sshd's that their hosts are; they are directories of this machine, used without ssh, when None.
    """

    def __init__(self, directory: Path, fleet: Fleet | None = None) -> None:
        self._directory, self._fleet = directory, fleet
        self._made = 0

    def __call__(
        self,
        hosts: int | Mapping[str, Mapping[str, Any]] = 2,
        roles: Sequence[str] = ROLES,
        recipes: Mapping[str, Mapping[str, Any]] | None = None,
        files: Files | None = None,
        dodo: str = "",
        **settings: Any,
    ) -> StageUnderTest:
        """Make a stage.

        Args:
            hosts: how many, named web1, web2, …; or their names, each with what deploy.yml says of it beyond how it
                is reached: ``{"app1": {"roles": ["app"]}, "db1": {"roles": ["db"], "no_release": True}}``.
            roles: what a host plays that says nothing else.
            recipes: those that deploy.yml turns on, in order, each with its options.
            files: what the repository has on main.
            dodo: what dodo.py has below ``cap = capdoit.load("deploy.yml")``.
            **settings: what else deploy.yml says, such as ``linked_dirs=["log"]`` (none when not given); the linked
                files are there on every host.
        """
        described = {f"web{n}": {} for n in range(1, hosts + 1)} if isinstance(hosts, int) else hosts
        self._made += 1
        place = self._directory / f"stage{self._made}"
        reached = self._reached(place, list(described))
        said = {name: {"roles": list(roles), **reached[name], **more} for name, more in described.items()}
        told = {"recipes": dict(recipes or {}), "linked_files": [], "linked_dirs": [], **self._ssh(), **settings}
        homes = [sshd.home for sshd in self._fleet.hosts.values()] if self._fleet else []
        return StageUnderTest(place, said, files or {"app.txt": "first\n"}, dodo, told, homes)

    def _ssh(self) -> dict[str, str]:
        return {"ssh_config": str(self._fleet.ssh_config)} if self._fleet else {}

    def _reached(self, place: Path, names: Sequence[str]) -> dict[str, dict[str, str]]:
        """How deploy.yml says each host is reached."""
        if not self._fleet:
            return {name: {"transport": "local", "deploy_to": f"hosts/{name}"} for name in names}
        sshds = list(self._fleet.hosts.values())
        assert len(names) <= len(sshds), f"there are {len(sshds)} sshd's, and {len(names)} hosts"
        trees = [sshd.root / f"{place.parent.name}-{place.name}" for sshd in sshds]
        return {
            name: {"hostname": sshd.name, "deploy_to": str(tree)}
            for name, sshd, tree in zip(names, sshds, trees, strict=False)
        }
