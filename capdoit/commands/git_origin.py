"""The remote repository and the branch of a project, for a first deploy.yml."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from capdoit.config.readers import APPLICATION
from capdoit.url_credentials import without_secrets


@dataclass(frozen=True)
class GitOrigin:
    """The remote and the branch of a project, as git knows them.

    Attributes:
        url: the remote `origin`, without a password; empty if there is none.
        branch: the main branch of the remote, else the branch that is checked out; empty if there is none.
        folder: the directory of the project in the repository; empty at its top.
        missing: the reason why there is no URL; empty if there is one.
    """

    url: str = ""
    branch: str = ""
    folder: str = ""
    missing: str = ""

    def choose_name(self, project: Path) -> str:
        """Return a name for the application: that of the repository, else of the directory."""
        found = re.search(r"([^/:]+?)(?:\.git)?/*$", self.url)
        names = (found[1] if found else "", project.absolute().name)
        return next((name for name in map(_make_name, names) if APPLICATION.fullmatch(name)), "my_app")


def find_origin(project: Path) -> GitOrigin:
    """Return the remote and the branch of a project. Nothing is fetched."""
    if not shutil.which("git"):
        return GitOrigin(missing="git is not installed")
    if not _ask(project, "rev-parse", "--git-dir"):
        return GitOrigin(missing="this directory is not in a git repository")
    head = _ask(project, "symbolic-ref", "--short", "refs/remotes/origin/HEAD").removeprefix("origin/")
    url = without_secrets(_ask(project, "config", "--get", "remote.origin.url"))
    return GitOrigin(
        url=url,
        branch=head or _ask(project, "symbolic-ref", "--short", "HEAD"),
        folder=_ask(project, "rev-parse", "--show-prefix").rstrip("/"),
        missing="" if url else "the git repository has no remote origin",
    )


def _make_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip(".-")


def _ask(project: Path, *words: str) -> str:
    """Return the answer of git; empty if it has none."""
    done = subprocess.run(["git", *words], cwd=project, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
