"""A stage for tests of recipes: a project, hosts, stand-ins and fault injection."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from capdoit.testing.fault_points import FAIL, KILL, inject_fault
from capdoit.testing.invariants import find_violations
from capdoit.testing.processes import find_processes_with_home, wait_until
from capdoit.testing.project import DODO, Completed, GitRepo, HostUnderTest, Project, clean_env
from capdoit.testing.sshd import SshdFleet
from capdoit.testing.stand_in import Call, StandIns

ROLES = ("app", "web", "db")
Files = Mapping[str, str | bytes | None]
CLEANUP_SECONDS = 10.0  # in which hosts must end the work of a controller that died


class StageUnderTest:
    """The stage ``production`` of a project; the fixtures `stage` and `ssh_stage` make it.

    doit runs in a separate process, with real scripts in a real sh. Its environment has no settings of the user:
    HOME is new, and PATH is the PATH of the tests.

    Args:
        directory: directory for everything; it is created.
        hosts: settings of each host in deploy.yml, by name.
        files: files to commit on main.
        dodo: text of dodo.py after the assignment of ``cap``.
        settings: other settings of deploy.yml.
        homes: home directories of the hosts' users, if they are not doit's.

    Attributes:
        project: the `Project`; ``config`` writes deploy.yml, ``dodo`` writes dodo.py, ``repo`` is the repository.
    """

    def __init__(
        self,
        directory: Path,
        hosts: Mapping[str, Mapping[str, Any]],
        files: Files,
        dodo: str,
        settings: Mapping[str, Any],
        homes: Sequence[Path] = (),
    ) -> None:
        directory.mkdir()
        env = clean_env(directory / "home")
        self._homes = (directory / "home", *homes)
        self._stand_ins = StandIns(directory / "stand-ins", hosts)
        self._env = self._with_stand_ins(None, {})
        hosts_with_path = {
            name: {**host, "default_env": self._with_stand_ins(name, host.get("default_env", {}))}
            for name, host in hosts.items()
        }
        repo = GitRepo(directory / "repo", env)
        self.project = Project(directory / "project", repo, env, hosts_with_path, settings)
        self.project.dodo(DODO + dodo)
        self.project.link_files()
        self.commit(files)

    def commit(self, files: Files) -> str:
        """Commit files on main.

        Args:
            files: content by path; None removes the file. A file that begins with ``#!`` becomes executable.

        Returns:
            The commit's full sha.
        """
        return self.project.repo.commit(files)

    def recipe(self, name: str, source: str) -> None:
        """Write ``recipes/NAME.py`` of the project. Turn it on with ``recipes={NAME: {}}`` when you make the stage."""
        self.project.write_module(f"recipes/{name}.py", source)

    # -- running

    def deploy(self, *variables: str, env: Mapping[str, str] | None = None) -> Completed:
        """Run ``doit deploy:production`` with variables such as ``branch=main``; see `doit`."""
        return self.doit("deploy:production", *variables, env=env)

    def rollback(self, *variables: str, env: Mapping[str, str] | None = None) -> Completed:
        """Run ``doit rollback:production`` with variables; see `doit`."""
        return self.doit("rollback:production", *variables, env=env)

    def doit(self, *args: str, env: Mapping[str, str] | None = None, timeout: float = 60) -> Completed:
        """Run doit, and return its result. If a signal ended doit, wait until the hosts have ended its work, too.

        Args:
            *args: arguments of doit.
            env: more environment variables.
            timeout: seconds after which doit is killed and the test fails.
        """
        done = self.project.doit(*args, env={**self._env, **(env or {})}, timeout=timeout)
        if done.code < 0 and not wait_until(CLEANUP_SECONDS, lambda: not find_processes_with_home(self._homes)):
            pytest.fail(f"doit has ended, but its work continues: {', '.join(find_processes_with_home(self._homes))}")
        return done

    # -- inspection

    def host(self, name: str = "web1") -> HostUnderTest:
        """Return the directories of a host."""
        return self.project.host(name)

    @property
    def live(self) -> str | None:
        """The release that is live on all hosts that get releases; None if there is none.

        Raises:
            AssertionError: the hosts disagree.
        """
        release_hosts = (name for name, host in self.project.hosts.items() if not host.get("no_release"))
        live = {name: self.host(name).current for name in release_hosts}
        assert len({*live.values()}) == 1, f"the hosts disagree about what is live: {live}"
        return next(iter(live.values()))

    def assert_healthy(self, *, may_be_empty: bool = False) -> None:
        """Assert that every host is in the state that a flow must leave, whatever happened during the flow.

        On hosts that get releases: ``current`` is an absolute symlink to a complete release with a REVISION, and all
        hosts have this release live; its linked files and directories are symlinks to existing paths in ``shared``;
        ``releases`` contains only releases. On all hosts: the lock is free and names no flow, ``.capdoit`` contains no
        temporary files, and no process runs in the host's directory (sessions may take five seconds to end).

        Args:
            may_be_empty: accept a fleet without a live release.

        Raises:
            AssertionError: names every violation and its host.
        """
        found = find_violations(self.project, may_be_empty)
        assert not found, "the fleet is not healthy:\n" + "\n".join(f"  {line}" for line in found)

    # -- stand-ins

    def stand_in(self, name: str, answer: str = "", status: int = 0, script: str | None = None) -> None:
        """Replace a program on every host, and for doit itself, by a stand-in that comes first on the PATH.

        The stand-in records each call, prints the answer, and exits with the status. A second stand-in of a name
        replaces the first one and continues its record. A program that is called by its path, or by a ``sudo`` with a
        PATH in its configuration, is not replaced. capdoit's own scripts call stand-ins, too (``git``, ``tar``,
        ``ln``, …).

        Args:
            name: name of the program.
            answer: exact text that it prints.
            status: exit status.
            script: POSIX sh that runs after the answer, with the arguments as ``$1``, …; its exit status replaces
                ``status``.
        """
        self._stand_ins.add(name, answer, status, script or "")

    def calls(self, name: str) -> list[Call]:
        """Return the calls of a stand-in on all hosts, in order.

        Raises:
            AssertionError: no stand-in has this name.
        """
        return self._stand_ins.calls(name)

    # -- fault injection

    def fail_at(self, step: str, host: str | None = None, when: str = "after") -> AbstractContextManager[None]:
        """Let a command fail on a host, inside the ``with``, when a flow reaches a point.

        Args:
            step: name of a step of either flow, empty points such as ``updated`` included.
            host: name of the host; None for all hosts.
            when: ``after``, the command fails after the step and all other hooks after it; ``before``, it fails after
                all other hooks before the step. For example, ``fail_at("published", when="before")`` fails when the
                release is live, but no recipe has run its hooks after ``published``.

        Raises:
            AssertionError: the point or the host does not exist; or, at the end, no flow has reached the point.
        """
        hosts = [host] if host else list(self.project.hosts)
        return inject_fault(self.project, FAIL, when, step, hosts)

    def kill_at(self, step: str, when: str = "after") -> AbstractContextManager[None]:
        """Kill doit by SIGKILL, inside the ``with``, when a flow reaches a point; arguments as in `fail_at`.

        The exit code is -9. `doit`, `deploy` and `rollback` return when the hosts have ended the flow's work, so the
        next command always finds the hosts in a final state.

        Raises:
            AssertionError: the point does not exist; or, at the end, no flow has reached the point.
        """
        return inject_fault(self.project, KILL, when, step, list(self.project.hosts))

    # -- PATH

    def _with_stand_ins(self, host: str | None, env: Mapping[str, str]) -> dict[str, str]:
        path = env.get("PATH", os.environ.get("PATH", os.defpath))
        return {**env, "PATH": f"{self._stand_ins.folder(host)}:{path}"}


class Stages:
    """A maker of stages; the value of the fixtures `stage` and `ssh_stage`.

    Args:
        directory: directory for the stages.
        fleet: sshd's of the hosts; None for hosts that are directories of this machine, without ssh.
    """

    def __init__(self, directory: Path, fleet: SshdFleet | None = None) -> None:
        self._directory, self._fleet = directory, fleet
        self._count = 0

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
            hosts: number of hosts: web1, web2, …; or the settings of each host by name, without its
                address: ``{"app1": {"roles": ["app"]}, "db1": {"roles": ["db"], "no_release": True}}``.
            roles: roles of hosts without ``roles``.
            recipes: recipes in deploy.yml, in order, each with its options.
            files: files of the repository on main.
            dodo: text of dodo.py after ``cap = capdoit.load("deploy.yml")``.
            **settings: other settings of deploy.yml, such as ``linked_dirs=["log"]``; linked files and directories are
                empty by default. Linked files are created on every host.
        """
        self._count += 1
        directory = self._directory / f"stage{self._count}"
        own = {f"web{n}": {} for n in range(1, hosts + 1)} if isinstance(hosts, int) else hosts
        addresses = self._addresses(directory, list(own))
        all_hosts = {name: {"roles": list(roles), **addresses[name], **host} for name, host in own.items()}
        defaults = {"recipes": dict(recipes or {}), "linked_files": [], "linked_dirs": [], **self._ssh_settings()}
        homes = [sshd.home for sshd in self._fleet.hosts.values()] if self._fleet else []
        files = files or {"app.txt": "first\n"}
        return StageUnderTest(directory, all_hosts, files, dodo, {**defaults, **settings}, homes)

    def _ssh_settings(self) -> dict[str, str]:
        return {"ssh_config": str(self._fleet.ssh_config)} if self._fleet else {}

    def _addresses(self, directory: Path, names: Sequence[str]) -> dict[str, dict[str, str]]:
        """Return the settings of each host that say where it is, by name."""
        if not self._fleet:
            return {name: {"transport": "local", "deploy_to": f"hosts/{name}"} for name in names}
        sshds = list(self._fleet.hosts.values())
        assert len(names) <= len(sshds), f"there are {len(sshds)} sshd's, and {len(names)} hosts"
        trees = [sshd.root / f"{directory.parent.name}-{directory.name}" for sshd in sshds]
        return {
            name: {"hostname": sshd.name, "deploy_to": str(tree)}
            for name, sshd, tree in zip(names, sshds, trees, strict=False)
        }
