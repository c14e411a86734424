"""The git transfer: each host keeps a bare mirror of the repository in ``repo/`` and exports the commit from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from capdoit.config.readers import read_inner_path, read_string
from capdoit.config.settings import SettingRule
from capdoit.errors import NotReady
from capdoit.transfers.protocol import CommitSource, ResolvedCode, Transfer

if TYPE_CHECKING:
    from capdoit.config.stages import Stage
    from capdoit.config.yaml_nodes import YamlValue
    from capdoit.hosts.connection import Connection
    from capdoit.script import Value
    from capdoit.state.context import FlowContext
    from capdoit.transfers.git_commits import Repository


def read_repo_url(value: YamlValue) -> str:
    """Read the URL of the repository; a relative path would mean another directory on each host."""
    text = value.as_string()
    if not text.startswith("/") and "/" in text and ":" not in text:
        value.add_mistake(f"found {text!r}, expected a URL, HOST:PATH, or an absolute path")
    return text


class GitCommits(CommitSource):
    """The commits of the repository that a stage deploys."""

    def find_tip(self, stage: Stage, branch: str, connection: Connection) -> str:
        """Return the commit of the branch, as one host sees it now; fetch nothing.

        Raises:
            NotReady: the branch does not exist.
            HostError: the host cannot be asked, or cannot reach the repository.
        """
        return _existing(stage, branch, _look_up(stage, branch, connection))

    def open_repository(
        self, stage: Stage, revisions: Sequence[str], project: Path
    ) -> AbstractContextManager[Repository]:
        """Return a repository on the controller that holds these commits, as far as they exist.

        Raises:
            NotReady: the project is not a clone with them, and the controller cannot fetch them.
        """
        from capdoit.transfers.git_commits import repository_with

        return repository_with(revisions, project, _repo_url(stage))


class GitTransfer(Transfer):
    """The transfer that deploys a commit of a git repository."""

    name = "git"
    settings: Mapping[str, SettingRule] = {
        "repo_url": SettingRule(read_repo_url, is_required=True, is_secret=True),
        "branch": SettingRule(read_string, default="master"),
        "repo_tree": SettingRule(read_inner_path),
    }
    implied_by = "repo_url"
    tools = ("git", "tar")
    export = ("transfers/git_export",)
    heeds_branch = True
    commits = GitCommits()

    def source(self, stage: Stage, branch: str | None) -> str:
        """Return the branch, tag or commit that is deployed."""
        return branch or str(stage.transfer_settings["branch"])

    def resolve(self, context: FlowContext) -> ResolvedCode:
        """Update the mirrors of all hosts; return the commit that the branch is on the first host.

        Raises:
            NotReady: the branch does not exist.
            HostsFailed: a host could not fetch.
        """
        request, fleet = context.request, context.fleet
        fetched = fleet.all(partial(_fetch, context))
        first = fleet.release_connections[:1]
        found = context.executor.act(
            lambda: fetched, lambda: fleet.all(partial(_look_up, request.stage, request.branch), first)
        )
        if request.plan:
            return ResolvedCode(request.plan.revision)
        return ResolvedCode(_existing(request.stage, request.branch, found[first[0].name]))

    def export_values(self, stage: Stage) -> Mapping[str, Any]:
        """Return the directory of the repository that is deployed; empty for all of it."""
        return {"repo_tree": stage.transfer_settings.get("repo_tree", "")}

    def check_host(self, stage: Stage, branch: str, connection: Connection) -> None:
        """Check that a host can reach the repository and that the branch exists.

        Raises:
            NotReady: the branch does not exist.
            HostError: the host cannot be asked, or cannot reach the repository.
        """
        self.commits.find_tip(stage, branch, connection)


TRANSFER = GitTransfer()


def _repo_url(stage: Stage) -> str:
    return str(stage.transfer_settings["repo_url"])


def _existing(stage: Stage, branch: str, revision: str) -> str:
    """Return a revision that was found for the branch.

    Raises:
        NotReady: none was found.
    """
    if not revision:
        what = f"{_repo_url(stage)} has no branch, tag or commit {branch!r}"
        raise NotReady(f"{what}; choose another with branch=, or in deploy.yml")
    return revision


def _look_up(stage: Stage, branch: str, connection: Connection) -> str:
    """Return the commit of the branch by asking the repository from a host; empty if there is none."""
    from capdoit.hosts.request import Request

    values = {"repo_url": _repo_url(stage), "branch": branch}
    script = connection.script("git ls-remote", "transfers/git_resolve", values)
    return _checked_revision(connection, connection.checked(Request(script, capture=True)).text)


def _fetch(context: FlowContext, connection: Connection) -> str:
    """Update the mirror of a host; return the commit of the branch there, empty if there is none."""
    request = context.request
    values: dict[str, Value] = {"repo_url": _repo_url(request.stage), "branch": request.branch}
    return _checked_revision(connection, context.run(connection, "git fetch", "transfers/git_fetch", values) or "")


def _checked_revision(connection: Connection, output: str) -> str:
    from capdoit.records.facts import parse_revision

    found = output.strip()
    return parse_revision(connection.name, found) if found else ""
