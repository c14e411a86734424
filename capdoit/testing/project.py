"""A git repository, a project that the real doit runs on, its hosts' directories, and the result of a run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

GIT_CONFIG = """\
[user]
    name = Tester
    email = tester@example.com
[init]
    defaultBranch = main
[safe]
    directory = *
[gc]
    auto = 0
"""
DODO = 'import capdoit\ncap = capdoit.load("deploy.yml")\n'


def clean_env(home: Path) -> dict[str, str]:
    """Return environment variables without the user's settings.

    Args:
        home: directory for ``HOME``; it is created, with git's configuration in it.
    """
    home.mkdir()
    (home / "gitconfig").write_text(GIT_CONFIG)
    env = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "USER": "tester",
        "LANG": "C.UTF-8",
        "GIT_CONFIG_GLOBAL": str(home / "gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    if "PYTHONPATH" in os.environ:  # doit must find the modules that the tests import, such as recipes
        env["PYTHONPATH"] = os.environ["PYTHONPATH"]
    return env


class GitRepo:
    """A git repository with a working tree.

    Args:
        path: directory of the repository; it is created.
        env: environment variables for git.
    """

    def __init__(self, path: Path, env: Mapping[str, str]) -> None:
        self.path, self._env = path, env
        path.mkdir()
        self.git("init", "--quiet")

    def git(self, *args: str) -> str:
        """Run git in the repository, and return its stdout without the last newline."""
        done = subprocess.run(["git", *args], cwd=self.path, env=self._env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"git {args}: {done.stdout}{done.stderr}"
        return done.stdout.removesuffix("\n")

    def commit(self, files: Mapping[str, str | bytes | None]) -> str:
        """Write files and commit everything.

        Args:
            files: content by path; None removes the file. A file that begins with ``#!`` becomes executable.

        Returns:
            The commit's full sha.
        """
        for name, content in files.items():
            self._write(self.path / name, content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", f"change {', '.join(files)}")
        return self.git("rev-parse", "HEAD")

    def _write(self, file: Path, content: str | bytes | None) -> None:
        if content is None:
            file.unlink()
            return
        content = content.encode() if isinstance(content, str) else content
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        if content.startswith(b"#!"):
            file.chmod(0o755)


@dataclass(frozen=True)
class Completed:
    """The result of a run of doit.

    Attributes:
        command: the arguments of doit.
        code: the exit code; negative if a signal ended doit.
        out: stdout and stderr, in order.
    """

    command: tuple[str, ...]
    code: int
    out: str

    def ok(self) -> Completed:
        """Assert that doit succeeded, and return the result."""
        return self.failed(0)

    def failed(self, code: int = 1) -> Completed:
        """Assert that doit ended with this exit code, and return the result."""
        assert self.code == code, f"doit {' '.join(self.command)} ended with {self.code}, not {code}:\n{self.out}"
        return self


@dataclass(frozen=True)
class HostUnderTest:
    """The directories of a host; they are on this machine.

    Attributes:
        name: name of the host.
        deploy_to: the directory that holds ``releases`` and ``current``.
    """

    name: str
    deploy_to: Path

    @property
    def shared(self) -> Path:
        """The directory that all releases share."""
        return self.deploy_to / "shared"

    @property
    def current(self) -> str | None:
        """The live release; None if there is none.

        Raises:
            AssertionError: ``current`` is not an absolute symlink to a release.
        """
        link = self.deploy_to / "current"
        if not link.is_symlink():
            return None
        place, _, release = os.readlink(link).rpartition("/")
        assert place == str(self.deploy_to / "releases"), f"current of {self.name} points to a release in {place}"
        return release

    @property
    def releases(self) -> list[str]:
        """The names in ``releases``, sorted."""
        directory = self.deploy_to / "releases"
        return sorted(os.listdir(directory)) if directory.is_dir() else []

    def release(self, name: str) -> Path:
        """Return the directory of a release."""
        return self.deploy_to / "releases" / name


def _restore_signals() -> None:
    """Restore the default handling of signals. Tests that run in the background ignore them, and doit would, too."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Project:
    """A project with dodo.py and deploy.yml, and the stage ``production``.

    Args:
        path: directory of the project; it is created.
        repo: repository to deploy.
        env: environment variables for doit.
        hosts: settings of each host in deploy.yml by name, ``deploy_to`` among them.
        settings: other settings of deploy.yml.

    Attributes:
        settings: all current settings of deploy.yml.
    """

    settings: dict[str, Any]

    def __init__(
        self,
        path: Path,
        repo: GitRepo,
        env: Mapping[str, str],
        hosts: dict[str, dict[str, Any]],
        settings: Mapping[str, Any],
    ) -> None:
        self.path, self.repo, self.hosts = path, repo, hosts
        self._env = env
        self._defaults = {
            "application": "shop",
            "repo_url": str(repo.path),
            "branch": "main",
            "linked_files": ["config/database.yml"],
            "linked_dirs": ["log", "tmp/pids"],
            **settings,
        }
        path.mkdir()
        self.config()
        self.dodo(DODO)

    def config(self, **settings: Any) -> None:
        """Write deploy.yml with its first settings and with these instead of them; None leaves a setting out."""
        values = {**self._defaults, "stages": {"production": {"hosts": self.hosts}}, **settings}
        self.settings = {name: value for name, value in values.items() if value is not None}
        # JSON is YAML
        (self.path / "deploy.yml").write_text(json.dumps(self.settings, indent=2, ensure_ascii=False))

    def dodo(self, text: str) -> None:
        """Write dodo.py."""
        self.write_module("dodo.py", text)

    def write_module(self, name: str, text: str) -> None:
        """Write a module of the project."""
        file = self.path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        # Python keeps using a compiled module if the size and the second of its source did not change.
        shutil.rmtree(file.parent / "__pycache__", ignore_errors=True)

    def start(self, *args: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start doit with an empty stdin; its stderr goes to its stdout."""
        return subprocess.Popen(
            [sys.executable, "-m", "doit", *args],
            cwd=self.path,
            env={**self._env, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            preexec_fn=_restore_signals,  # noqa: PLW1509 - it calls nothing that could wait for a thread
        )

    def doit(
        self, *args: str, env: Mapping[str, str] | None = None, check: bool = False, timeout: float = 60
    ) -> Completed:
        """Run doit, and return its result.

        Args:
            *args: arguments of doit, such as ``deploy:production``.
            env: more environment variables.
            check: assert that doit succeeds.
            timeout: seconds after which doit is killed and the test fails.
        """
        with self.start(*args, env=env) as process:
            try:
                out, _ = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                out, _ = process.communicate()
                pytest.fail(f"doit {' '.join(args)} took longer than {timeout} s:\n{out}")
        completed = Completed(args, process.returncode, out)
        return completed.ok() if check else completed

    def host(self, name: str) -> HostUnderTest:
        """Return the directories of a host."""
        assert name in self.hosts, f"there is no host {name}; there are {', '.join(self.hosts)}"
        return HostUnderTest(name, self.path / str(self.hosts[name]["deploy_to"]))

    def deploy_to(self, host: str) -> Path:
        """Return the directory of a host that holds ``releases`` and ``current``."""
        return self.host(host).deploy_to

    def shared(self, host: str) -> Path:
        """Return the directory that all releases of a host share."""
        return self.host(host).shared

    def current(self, host: str) -> str | None:
        """Return the live release of a host; None if there is none."""
        return self.host(host).current

    def releases(self, host: str) -> list[str]:
        """Return the names in ``releases`` of a host, sorted."""
        return self.host(host).releases

    def link_files(self) -> None:
        """Create the linked files in ``shared`` of every host."""
        linked: Sequence[str] = self._defaults["linked_files"]
        for host in self.hosts:
            for name in linked:
                file = self.shared(host) / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(f"{name} of {host}\n")
