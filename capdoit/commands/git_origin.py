"""The remote repository and the branch of a project, for a first deploy.yml."""

from __future__ import annotations

import re
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
    """

    url: str = ""
    branch: str = ""
    folder: str = ""

    def choose_name(self, project: Path) -> str:
        """Return a name for the application: that of the repository, else of the directory; empty if neither fits."""
        found = re.search(r"([^/:]+?)(?:\.git)?/*$", self.url)
        names = (found[1] if found else "", project.absolute().name)
        return next((name for name in names if APPLICATION.fullmatch(name)), "")


def find_origin(project: Path) -> GitOrigin:
    """Return the remote and the branch of a project. Nothing is fetched."""
    head = _ask(project, "symbolic-ref", "--short", "refs/remotes/origin/HEAD").removeprefix("origin/")
    return GitOrigin(
        url=without_secrets(_ask(project, "config", "--get", "remote.origin.url")),
        branch=head or _ask(project, "symbolic-ref", "--short", "HEAD"),
        folder=_ask(project, "rev-parse", "--show-prefix").rstrip("/"),
    )


def _ask(project: Path, *words: str) -> str:
    """Return the answer of git; empty if it has none, or is not installed."""
    try:
        done = subprocess.run(["git", *words], cwd=project, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
