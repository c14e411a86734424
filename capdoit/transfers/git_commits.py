"""The commits between two revisions, read from a git repository on the controller.

A repository that belongs to the operator is only read. Commits that it lacks are fetched into a temporary repository.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from capdoit.errors import NotReady
from capdoit.records.revision_gap import Commit, Gap
from capdoit.text import make_printable
from capdoit.units import TIMESTAMP

COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
DATE = f"--date=format-local:{TIMESTAMP}"  # local is the time zone of TZ
LOG_FORMAT = "%H%x00%cd%x00%an%x00%s"
# Background maintenance would still write into a temporary repository while it is removed.
OPTIONS = ("-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "log.showSignature=false")
CLONE_SECONDS = 10.0  # of a call of git for a report page, which a flow must not wait for
ALL_REFS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
# git sets these for its hooks, so doit in a hook would use another repository.
VARIABLES_OF_HOOKS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY")


class Repository:
    """A git repository on this machine, which is only read.

    Args:
        path: a directory in it.
        environment: environment variables of git besides those of this process.
        timeout_seconds: time of one call of git; None for any time.
    """

    def __init__(
        self, path: Path, environment: Mapping[str, str] | None = None, timeout_seconds: float | None = None
    ) -> None:
        self._path, self._environment, self._timeout_seconds = path, environment or {}, timeout_seconds

    def has(self, revision: str) -> bool:
        """Return True if the repository has a commit, given by its full sha."""
        if not COMMIT.fullmatch(revision):
            return False
        return self._run("cat-file", "-e", f"{revision}^{{commit}}").returncode == 0

    @property
    def is_complete(self) -> bool:
        """True if this is a repository with all ancestors of its commits."""
        return self._run("rev-parse", "--is-shallow-repository").stdout.strip() == "false"

    def has_setting(self, name: str) -> bool:
        """Return True if git has a setting here, in the repository or for the user."""
        return self._run("config", name).returncode == 0

    def compare(self, before: str, after: str) -> tuple[list[Commit], list[Commit]]:
        """Return the commits that ``after`` has and ``before`` lacks, and the reverse, newest first.

        Raises:
            NotReady: the repository lacks one of the two.
        """
        log = ("log", DATE, "--encoding=UTF-8", "--left-right", f"--format=%m{LOG_FORMAT}")
        lines = self.run_checked(*log, f"{before}...{after}", "--").split("\n")[:-1]
        comes, goes = ([_commit(line[1:]) for line in lines if line[0] == side] for side in "><")
        return comes, goes

    def run_checked(self, *arguments: str) -> str:
        """Run git in the repository and return its output.

        Raises:
            NotReady: git failed; the text has its last line of output.
        """
        done = self._run(*arguments)
        if done.returncode:
            last_line = make_printable((done.stderr.strip().splitlines() or ["no reason"])[-1])
            raise NotReady(f"git {arguments[0]}: {last_line}")
        return done.stdout

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        own = {name: value for name, value in os.environ.items() if name not in VARIABLES_OF_HOOKS}
        env = {
            **own,
            **self._environment,
            "TZ": "UTC",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
        }
        command = ["git", "-C", str(self._path), *OPTIONS, *arguments]
        try:
            done = subprocess.run(
                command,
                env=env,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=self._timeout_seconds,
            )
        except FileNotFoundError:
            raise NotReady("git is not installed on this machine") from None
        except subprocess.TimeoutExpired:
            raise NotReady(f"git {arguments[0]}: no answer after {self._timeout_seconds:g} s") from None
        # Not decoded by subprocess, which makes a line end of each carriage return in a commit's subject.
        decoded = (output.decode("utf-8", "replace") for output in (done.stdout, done.stderr))
        return subprocess.CompletedProcess(command, done.returncode, *decoded)


def has_branch(project: Path, branch: str) -> bool:
    """Return True if the project's own clone has a branch."""
    try:
        Repository(project, timeout_seconds=CLONE_SECONDS).run_checked("rev-parse", "--verify", f"refs/heads/{branch}")
    except NotReady:
        return False
    return True


def find_known_changes(project: Path, before: Mapping[str, str], after: str) -> list[Gap]:
    """Return the commits between what was live and a revision, as far as the project's own clone has them.

    Args:
        project: directory of the project, which may be in a clone.
        before: the revision that was live, by host; empty if it is not known.
        after: the revision.
    """
    hosts: dict[str, list[str]] = {}
    for host, revision in before.items():
        if COMMIT.fullmatch(revision) and revision != after:
            hosts.setdefault(revision, []).append(host)
    clone = Repository(project, timeout_seconds=CLONE_SECONDS)
    try:
        if not (hosts and clone.has(after) and clone.is_complete):
            return []
        return [_compare(clone, names, revision, after) for revision, names in hosts.items() if clone.has(revision)]
    except NotReady:
        return []


def _compare(clone: Repository, hosts: Sequence[str], before: str, after: str) -> Gap:
    comes, goes = clone.compare(before, after)
    return Gap(tuple(hosts), before, tuple(comes), tuple(goes))


@contextmanager
def repository_with(
    revisions: Sequence[str], project: Path, url: str, environment: Mapping[str, str]
) -> Iterator[Repository]:
    """Provide a repository that has these commits: the project's clone, else a temporary one.

    Args:
        revisions: full shas; a temporary repository lacks those that ``url`` does not have.
        project: directory of the project, which may be in a clone.
        url: the repository that is deployed.
        environment: environment variables with which git can fetch from ``url``.

    Raises:
        NotReady: the project is not a clone with all of them, and ``url`` cannot be fetched from.
    """
    clone = Repository(project)
    if clone.is_complete and all(map(clone.has, revisions)):
        yield clone
        return
    with TemporaryDirectory(prefix="capdoit-") as directory:
        try:
            repository = _fetch_commits(Repository(Path(directory), environment), revisions, url)
        except NotReady as error:
            raise NotReady(
                f"the commits are not known: {project} is not a clone that has them (git fetch there may help), "
                f"and this machine cannot fetch from {url}: {error}"
            ) from None
        yield repository


def _fetch_commits(empty: Repository, revisions: Sequence[str], url: str) -> Repository:
    """Return the repository after fetching commits and their ancestors, without files."""
    empty.run_checked("init", "--quiet", "--bare")
    empty.run_checked("remote", "add", "--", "origin", url)
    if "GIT_SSH" not in os.environ and not empty.has_setting("core.sshCommand"):
        empty.run_checked("config", "core.sshCommand", "ssh -o BatchMode=yes -o ConnectTimeout=10")
    fetch = ("fetch", "--quiet", "--no-tags", "--filter=tree:0", "origin")
    try:
        empty.run_checked(*fetch, *filter(COMMIT.fullmatch, revisions))
    except NotReady:  # the server refuses requests for a commit by its sha, or lacks one of the commits
        empty.run_checked(*fetch, *ALL_REFS)
    empty.run_checked("remote", "remove", "origin")  # git would fetch missing objects from it
    return empty


def _commit(line: str) -> Commit:
    revision, date, author, subject = (line.split("\0") + [""] * 3)[:4]
    return Commit(make_printable(revision), make_printable(date), make_printable(author), make_printable(subject))
