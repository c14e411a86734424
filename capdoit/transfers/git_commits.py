"""Commits, as a git repository on the controller knows them; nothing is fetched into one that is somebody's."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from capdoit.errors import NotReady
from capdoit.text import printable

COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
FIELDS = "%H%x00%cd%x00%an%x00%s"
# A process that a background gc belongs to would still write when the temporary repository is removed.
QUIET = ("-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "log.showSignature=false")
REFS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
# What git sets for its hooks would lead it elsewhere.
ELSEWHERE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY")


@dataclass(frozen=True)
class Commit:
    """One commit; all of it can be shown.

    Attributes:
        revision: its full sha.
        date: the day on which it was made.
        author: who wrote it.
        subject: the first line of its message.
    """

    revision: str
    date: str
    author: str
    subject: str


class Repository:
    """A git repository on this machine, which is only read.

    Args:
        path: a directory of it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def has(self, revision: str) -> bool:
        """Whether it has a commit; no other text than a full sha is one."""
        known = COMMIT.fullmatch(revision) and self._git("cat-file", "-e", f"{revision}^{{commit}}")
        return bool(known and known.returncode == 0)

    @property
    def is_whole(self) -> bool:
        """Whether it is a repository that has what came before each of its commits."""
        return self._git("rev-parse", "--is-shallow-repository").stdout.strip() == "false"

    def between(self, start: str, end: str) -> list[Commit]:
        """The commits that ``end`` has and ``start`` has not, newest first.

        Raises:
            NotReady: the repository does not have both.
        """
        for revision in (start, end):
            if not self.has(revision):
                raise NotReady(f"there is no commit {printable(revision)}")
        log = ("log", "--date=short", "--encoding=UTF-8", f"--format={FIELDS}", f"{start}..{end}", "--")
        return [_commit(line) for line in self.checked(*log).split("\n")[:-1]]

    def checked(self, *words: str) -> str:
        """Run git in it; its output.

        Raises:
            NotReady: git fails, with the last thing it said.
        """
        done = self._git(*words)
        if done.returncode:
            said = printable((done.stderr.strip().splitlines() or ["no reason"])[-1])
            raise NotReady(f"git {words[0]}: {said}")
        return done.stdout

    def _git(self, *words: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
        env = {"GIT_SSH_COMMAND": "ssh -o BatchMode=yes", **kept, "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1"}
        command = ["git", "-C", str(self._path), *QUIET, *words]
        try:
            return subprocess.run(
                command, env=env, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8",
                errors="replace", check=False,
            )  # fmt: skip
        except FileNotFoundError:
            raise NotReady("git is not installed on this machine") from None


@contextmanager
def repository_with(revisions: Sequence[str], project: Path, url: str) -> Iterator[Repository]:
    """A repository that has these commits, if one can be had: the project's clone, else a temporary one.

    Args:
        revisions: full shas; a temporary repository may lack those that ``url`` does not have.
        project: a directory, which may be in a clone.
        url: the repository that is deployed.

    Raises:
        NotReady: the project is no clone that has all of them, and ``url`` cannot be fetched from.
    """
    clone = Repository(project)
    if clone.is_whole and all(map(clone.has, revisions)):
        yield clone
        return
    with TemporaryDirectory(prefix="capdoit-") as directory:
        try:
            fetched = _fetched(Repository(Path(directory)), revisions, url)
        except NotReady as error:
            raise NotReady(
                f"the commits cannot be told: {project} is no clone that has them (git fetch there may help), "
                f"and this machine cannot fetch from {url}: {error}"
            ) from None
        yield fetched


def _fetched(empty: Repository, revisions: Sequence[str], url: str) -> Repository:
    """The repository with these commits, their ancestors, and no files."""
    empty.checked("init", "--quiet", "--bare")
    empty.checked("remote", "add", "--", "origin", url)
    fetch = ("fetch", "--quiet", "--no-tags", "--filter=tree:0", "origin")
    try:
        empty.checked(*fetch, *filter(COMMIT.fullmatch, revisions))
    except NotReady:  # not every server gives, and not every repository has, each commit that is asked for by its sha
        empty.checked(*fetch, *REFS)
    empty.checked("remote", "remove", "origin")  # else git would ask there for what it misses
    return empty


def _commit(line: str) -> Commit:
    revision, date, author, subject = (line.split("\0") + [""] * 3)[:4]
    return Commit(printable(revision), printable(date), printable(author), printable(subject))
