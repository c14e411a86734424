"""What tests are made of: real git repositories, real sshd's, and a project on which the real doit runs."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sshd import Fleet

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


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment in which nothing of the user's own is seen: a new HOME, git's configuration in it."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "gitconfig").write_text(GIT_CONFIG)
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "USER": "tester",
        "LANG": "C.UTF-8",
        "GIT_CONFIG_GLOBAL": str(home / "gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
    }


class GitRepo:
    """A git repository with a working tree.

    Args:
        path: its directory.
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
        """Write files (None removes one) and commit everything; returns the commit's full sha."""
        for name, content in files.items():
            self._write(self.path / name, content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", f"change {', '.join(files)}")
        return self.git("rev-parse", "HEAD")

    def _write(self, file: Path, content: str | bytes | None) -> None:
        if content is None:
            file.unlink()
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.fixture
def git_repo(tmp_path: Path, env: dict[str, str]) -> GitRepo:
    """A git repository with one commit on main."""
    repo = GitRepo(tmp_path / "repo", env)
    repo.commit({"app.txt": "first\n"})
    return repo


@pytest.fixture(scope="session")
def sshds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Five sshd's; whoever stops one starts it again."""
    fleet = Fleet(tmp_path_factory.mktemp("fleet"), 5)
    try:
        fleet.start_all()
        yield fleet
    finally:
        fleet.stop_all()


@dataclass(frozen=True)
class Completed:
    """How a run of doit ended.

    Attributes:
        command: its arguments.
        code: its exit code.
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


class Project:
    """A project with dodo.py and deploy.yml, which has one stage, production.

    Args:
        path: its directory.
        repo: the repository that it deploys.
        env: the environment that doit runs in.
        hosts: what deploy.yml says of each host, by name; ``deploy_to`` is among it.
        settings: what else deploy.yml says.
    """

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
        self._settings = {
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
        said = {**self._settings, "stages": {"production": {"hosts": self.hosts}}, **settings}
        said = {name: value for name, value in said.items() if value is not None}
        # JSON is YAML
        (self.path / "deploy.yml").write_text(json.dumps(said, indent=2, ensure_ascii=False))

    def dodo(self, text: str) -> None:
        """Write dodo.py."""
        (self.path / "dodo.py").write_text(text)

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
        )

    def doit(
        self, *args: str, env: Mapping[str, str] | None = None, check: bool = False, timeout: float = 60
    ) -> Completed:
        """Run doit to its end; ``check`` asserts that it succeeds."""
        with self.start(*args, env=env) as process:
            try:
                out, _ = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                out, _ = process.communicate()
                pytest.fail(f"doit {' '.join(args)} took longer than {timeout} s:\n{out}")
        completed = Completed(args, process.returncode, out)
        return completed.ok() if check else completed

    def deploy_to(self, host: str) -> Path:
        """The directory that a host is deployed to."""
        return self.path / str(self.hosts[host]["deploy_to"])

    def shared(self, host: str) -> Path:
        """What a host's releases share."""
        return self.deploy_to(host) / "shared"

    def current(self, host: str) -> str | None:
        """The release that is live on a host; None when none is."""
        link = self.deploy_to(host) / "current"
        if not link.is_symlink():
            return None
        place, _, release = os.readlink(link).rpartition("/")
        assert place == str(self.deploy_to(host) / "releases"), f"current of {host} leads elsewhere: {place}"
        return release

    def releases(self, host: str) -> list[str]:
        """All names in a host's releases, sorted."""
        directory = self.deploy_to(host) / "releases"
        return sorted(os.listdir(directory)) if directory.is_dir() else []

    def link_files(self) -> None:
        """Put the linked files where they have to be on every host."""
        for host in self.hosts:
            for name in self._settings["linked_files"]:
                file = self.shared(host) / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(f"{name} of {host}\n")


def sampled(cases: Iterable[object], every: int) -> list[object]:
    """All cases; only some of them run in the ordinary suite."""
    return [case if n % every == 0 else pytest.param(case, marks=pytest.mark.full) for n, case in enumerate(cases)]


MakeProject = Callable[..., Project]


@pytest.fixture
def make_project(tmp_path: Path, git_repo: GitRepo, env: dict[str, str], request: pytest.FixtureRequest) -> MakeProject:
    """Makes a project with so many hosts, local ones or sshd's, with the linked files in place or not."""

    def make(hosts: int = 2, *, ssh: bool = False, linked_files_exist: bool = True, **settings: Any) -> Project:
        names = [f"web{n}" for n in range(1, hosts + 1)]
        if ssh:
            fleet: Fleet = request.getfixturevalue("sshds")
            settings = {"ssh_config": str(fleet.ssh_config), **settings}
            trees = {name: str(fleet.hosts[name].root / tmp_path.name) for name in names}
            described = {name: {"roles": ["app", "web"], "deploy_to": trees[name]} for name in names}
        else:
            local = {"transport": "local", "roles": ["app", "web"]}
            described = {name: {**local, "deploy_to": f"hosts/{name}"} for name in names}
        project = Project(tmp_path / "project", git_repo, env, described, settings)
        if linked_files_exist:
            project.link_files()
        return project

    return make


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    """A project with two local hosts."""
    return make_project()


@pytest.fixture
def ssh_project(make_project: MakeProject) -> Project:
    """A project with three hosts that ssh leads to."""
    return make_project(3, ssh=True)


# -- for recipes

RECORD = """\
#!/bin/sh
call=$(mktemp {calls}/{name}.XXXXXXXX)
printf '%s\\0' "$PWD" "$@" >"$call.part"
mv "$call.part" "$call"
{script}
"""


@dataclass(frozen=True)
class Call:
    """One call of a stand-in."""

    cwd: str
    argv: tuple[str, ...]


@dataclass(frozen=True)
class HostUnderTest:
    """A host's paths."""

    deploy_to: Path

    @property
    def current(self) -> str | None:
        link = self.deploy_to / "current"
        return link.readlink().name if link.is_symlink() else None

    @property
    def releases(self) -> list[str]:
        return sorted(path.name for path in (self.deploy_to / "releases").glob("*"))

    def release(self, name: str) -> Path:
        return self.deploy_to / "releases" / name

    @property
    def shared(self) -> Path:
        return self.deploy_to / "shared"


class StageUnderTest:
    """A project with local hosts; doit runs for real, and so do the scripts."""

    def __init__(self, project: Project, place: Path) -> None:
        self.project, self._place = project, place
        (place / "bin").mkdir(parents=True)
        (place / "calls").mkdir()

    def commit(self, files: Mapping[str, str | bytes | None]) -> str:
        return self.project.repo.commit(files)

    def doit(self, *args: str, env: Mapping[str, str] | None = None, timeout: float = 300) -> Completed:
        path = f"{self._place / 'bin'}:{self.project._env['PATH']}"
        return self.project.doit(*args, env={"PATH": path, **(env or {})}, timeout=timeout)

    def deploy(self, *variables: str, env: Mapping[str, str] | None = None) -> Completed:
        return self.doit("deploy:production", *variables, env=env)

    def rollback(self, *variables: str, env: Mapping[str, str] | None = None) -> Completed:
        return self.doit("rollback:production", *variables, env=env)

    def host(self, name: str = "web1") -> HostUnderTest:
        return HostUnderTest(self.project.deploy_to(name))

    @property
    def live(self) -> str | None:
        (live,) = {self.host(name).current for name in self.project.hosts}
        return live

    def stand_in(self, name: str, answer: str = "", status: int = 0, script: str = "") -> None:
        """Put a program first on the PATH of every host that records how it is called."""
        script = script or f"printf '%s' '{answer}'\nexit {status}"
        program = self._place / "bin" / name
        program.write_text(RECORD.format(calls=self._place / "calls", name=name, script=script))
        program.chmod(0o755)

    def calls(self, name: str) -> list[Call]:
        """How a stand-in was called, in order."""
        files = sorted((self._place / "calls").glob(f"{name}.????????"), key=lambda file: file.stat().st_mtime_ns)
        parts = (file.read_bytes().decode().split("\0")[:-1] for file in files)
        return [Call(cwd, tuple(argv)) for cwd, *argv in parts]


MakeStage = Callable[..., StageUnderTest]


@pytest.fixture
def stage(tmp_path: Path, git_repo: GitRepo, env: dict[str, str]) -> MakeStage:
    """Makes a stage with so many hosts, whose code is these files."""
    number = itertools.count()

    def make(
        hosts: int = 2,
        recipes: Mapping[str, Any] | None = None,
        files: Mapping[str, str | bytes | None] | None = None,
        roles: tuple[str, ...] = ("app", "web", "db"),
        dodo: str = "",
        **settings: Any,
    ) -> StageUnderTest:
        place = tmp_path / f"stage{next(number)}"
        place.mkdir()
        if files:
            git_repo.commit(files)
        described = {
            f"web{n}": {"transport": "local", "roles": list(roles), "deploy_to": f"hosts/web{n}"}
            for n in range(1, hosts + 1)
        }
        said = {"recipes": recipes or {}, "linked_files": [], "linked_dirs": [], **settings}
        project = Project(place / "project", git_repo, env, described, said)
        project.dodo(DODO + dodo)
        return StageUnderTest(project, place)

    return make
