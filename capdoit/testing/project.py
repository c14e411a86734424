"""A git repository, a project on which the real doit runs, its hosts' directories, and how a run ended."""

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
    """An environment in which nothing of the user's own is seen.

    Args:
        home: the directory that becomes ``HOME``, with git's configuration in it; it is made.
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
    if "PYTHONPATH" in os.environ:  # doit imports what the tests import, recipes among it
        env["PYTHONPATH"] = os.environ["PYTHONPATH"]
    return env


class GitRepo:
    """A git repository with a working tree.

    Args:
        path: its directory, which is made.
        env: the environment that git runs in.
    """

    def __init__(self, path: Path, env: Mapping[str, str]) -> None:
        self.path, self._env = path, env
        path.mkdir()
        self.git("init", "--quiet")

    def git(self, *args: str) -> str:
        """Run git in it; returns what it says, without the last newline."""
        done = subprocess.run(["git", *args], cwd=self.path, env=self._env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"git {args}: {done.stdout}{done.stderr}"
        return done.stdout.removesuffix("\n")

    def commit(self, files: Mapping[str, str | bytes | None]) -> str:
        """Write files and commit everything.

        Args:
            files: what is in each; None removes it. A file that begins with ``#!`` can be run.

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
    """How a run of doit ended.

    Attributes:
        command: its arguments.
        code: its exit code; negative when a signal ended it.
        out: its stdout and stderr, as they came.
    """

    command: tuple[str, ...]
    code: int
    out: str

    def ok(self) -> Completed:
        """Assert that it succeeded."""
        return self.failed(0)

    def failed(self, code: int = 1) -> Completed:
        """Assert that it ended with that code."""
        assert self.code == code, f"doit {' '.join(self.command)} ended with {self.code}, not {code}:\n{self.out}"
        return self


@dataclass(frozen=True)
class HostUnderTest:
    """A host's directories, which are on this machine.

    Attributes:
        name: as deploy.yml calls it.
        deploy_to: the directory it is deployed to.
    """

    name: str
    deploy_to: Path

    @property
    def shared(self) -> Path:
        """What its releases share."""
        return self.deploy_to / "shared"

    @property
    def current(self) -> str | None:
        """The release that is live on it; None when none is.

        Raises:
            AssertionError: ``current`` leads elsewhere than to a release by its absolute path.
        """
        link = self.deploy_to / "current"
        if not link.is_symlink():
            return None
        place, _, release = os.readlink(link).rpartition("/")
        assert place == str(self.deploy_to / "releases"), f"current of {self.name} leads elsewhere: {place}"
        return release

    @property
    def releases(self) -> list[str]:
        """All names in its ``releases``, sorted."""
        directory = self.deploy_to / "releases"
        return sorted(os.listdir(directory)) if directory.is_dir() else []

    def release(self, name: str) -> Path:
        """The directory of a release."""
        return self.deploy_to / "releases" / name


def _hears_signals() -> None:
    """As at a terminal: tests that run in the background have these ignored, and doit would inherit that."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Project:
    """A project with dodo.py and deploy.yml, which has one stage, production.

    Args:
        path: its directory, which is made.
        repo: the repository that it deploys.
        env: the environment that doit runs in.
        hosts: what deploy.yml says of each host, by name; ``deploy_to`` is among it.
        settings: what else deploy.yml says.

    Attributes:
        settings: all that deploy.yml says now.
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
        self._made_with = {
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
        """Write deploy.yml: as it was made, but for these settings; None leaves one out."""
        said = {**self._made_with, "stages": {"production": {"hosts": self.hosts}}, **settings}
        self.settings = {name: value for name, value in said.items() if value is not None}
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
        # Python takes a compiled module for up to date when the source has the same size and second.
        shutil.rmtree(file.parent / "__pycache__", ignore_errors=True)

    def start(self, *args: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start doit, with nothing on its stdin, and its stderr in its stdout."""
        return subprocess.Popen(
            [sys.executable, "-m", "doit", *args],
            cwd=self.path,
            env={**self._env, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            preexec_fn=_hears_signals,  # noqa: PLW1509 - it calls nothing that could wait for a thread
        )

    def doit(
        self, *args: str, env: Mapping[str, str] | None = None, check: bool = False, timeout: float = 60
    ) -> Completed:
        """Run doit to its end.

        Args:
            *args: its arguments, such as ``deploy:production``.
            env: added to its environment.
            check: assert that it succeeds.
            timeout: seconds after which it is killed and the test fails.
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
        """A host's directories."""
        assert name in self.hosts, f"there is no host {name}; there are {', '.join(self.hosts)}"
        return HostUnderTest(name, self.path / str(self.hosts[name]["deploy_to"]))

    def deploy_to(self, host: str) -> Path:
        """The directory that a host is deployed to."""
        return self.host(host).deploy_to

    def shared(self, host: str) -> Path:
        """What a host's releases share."""
        return self.host(host).shared

    def current(self, host: str) -> str | None:
        """The release that is live on a host; None when none is."""
        return self.host(host).current

    def releases(self, host: str) -> list[str]:
        """All names in a host's releases, sorted."""
        return self.host(host).releases

    def link_files(self) -> None:
        """Put the linked files where they have to be on every host."""
        linked: Sequence[str] = self._made_with["linked_files"]
        for host in self.hosts:
            for name in linked:
                file = self.shared(host) / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(f"{name} of {host}\n")
