"""The commits between what was live and a revision, as the project's own clone has them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from capdoit.records.revision_gap import Gap
from capdoit.testing import GitRepo
from capdoit.transfers import git_commits
from capdoit.transfers.git_commits import find_known_changes

UNKNOWN = "ab" * 20


def subjects(changes: list[Gap]) -> list[tuple[tuple[str, ...], list[str], list[str]]]:
    return [(one.hosts, [c.subject for c in one.comes or ()], [c.subject for c in one.goes]) for one in changes]


def test_each_group_of_hosts_has_the_commits_that_come_and_go(git_repo: GitRepo) -> None:
    first = git_repo.git("rev-parse", "HEAD")
    hotfix = git_repo.commit({"hotfix": "1"})
    git_repo.git("checkout", "--quiet", first)
    git_repo.commit({"a": "1"})
    tip = git_repo.commit({"b": "1"})
    before = {"web1": first, "web2": hotfix, "web3": first, "web4": tip, "web5": ""}
    assert subjects(find_known_changes(git_repo.path, before, tip)) == [
        (("web1", "web3"), ["change b", "change a"], []),
        (("web2",), ["change b", "change a"], ["change hotfix"]),
    ]


def test_a_revision_that_the_clone_lacks_hides_no_other_one(git_repo: GitRepo) -> None:
    first = git_repo.git("rev-parse", "HEAD")
    tip = git_repo.commit({"a": "1"})
    for before in ({"web1": UNKNOWN, "web2": first}, {"web2": first, "web1": UNKNOWN}):
        assert subjects(find_known_changes(git_repo.path, before, tip)) == [(("web2",), ["change a"], [])]


def test_a_git_that_hangs_is_not_waited_for(git_repo: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, tip = git_repo.git("rev-parse", "HEAD"), git_repo.commit({"a": "1"})
    (tmp_path / "git").write_text("#!/bin/sh\nexec sleep 60\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(git_commits, "CLONE_SECONDS", 0.2)
    began = time.monotonic()
    assert find_known_changes(git_repo.path, {"web1": first}, tip) == []
    assert time.monotonic() - began < 30


def test_nothing_is_known_of_commits_that_the_clone_lacks(
    git_repo: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tip, first = git_repo.commit({"a": "1"}), git_repo.git("rev-parse", "HEAD~1")
    git_repo.git("clone", "--quiet", "--depth=1", f"file://{git_repo.path}", str(tmp_path / "shallow"))
    assert find_known_changes(git_repo.path, {"web1": UNKNOWN}, tip) == []
    assert find_known_changes(git_repo.path, {"web1": first}, "the sha256 of an archive") == []
    assert find_known_changes(tmp_path / "shallow", {"web1": first}, tip) == []
    assert find_known_changes(tmp_path, {"web1": first}, tip) == []
    monkeypatch.setenv("PATH", str(tmp_path))  # without git
    assert find_known_changes(git_repo.path, {"web1": first}, tip) == []
