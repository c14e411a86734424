"""The git transfer: each host keeps a bare mirror of the repository in ``repo/`` and exports the commit from it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from capdoit.config.path_readers import read_inner_path
from capdoit.config.readers import STRING, accepting, choice_reader, read_string
from capdoit.config.rules import SettingRule
from capdoit.config.stages import DEFAULT_BRANCH
from capdoit.errors import RevisionNotChosen
from capdoit.transfers.protocol import CommitSource, ResolvedCode, Transfer
from capdoit.url_credentials import find_url_passwords, without_secrets

if TYPE_CHECKING:
    from capdoit.config.stages import Stage
    from capdoit.config.yaml_nodes import YamlValue
    from capdoit.hosts.connection import Connection
    from capdoit.script import Value
    from capdoit.state.context import FlowContext
    from capdoit.transfers.git_code import FoundCode
    from capdoit.transfers.git_commits import Repository

CONTROL_CHARACTER = re.compile(r"[\0\r\n]")  # git refuses them, or ends a line there
OMISSIONS = ("submodules", "lfs")
REACTION = choice_reader(("warn", "ignore"), "a reaction")


@accepting({**STRING, "pattern": "^/|^[^/]+$|:"})
def read_repo_url(value: YamlValue) -> str:
    """Read the URL of the repository; a relative path would mean another directory on each host."""
    text = value.as_string()
    if not text.startswith("/") and "/" in text and ":" not in text:
        value.add_mistake(f"found {text!r}, expected a URL, HOST:PATH, or an absolute path")
    if any(CONTROL_CHARACTER.search(secret) for secret in find_url_passwords(text)):
        value.add_mistake("the password in a URL cannot have a line break or a NUL byte")
    return text


@accepting({"type": "object", "properties": dict.fromkeys(OMISSIONS, REACTION.accepts), "additionalProperties": False})
def read_omissions(value: YamlValue) -> dict[str, str]:
    """Read the reaction to each kind of contents that a release lacks."""
    return value.read_fields(dict.fromkeys(OMISSIONS, REACTION), "setting of git", {})


class GitCommits(CommitSource):
    """The commits of the repository that a stage deploys."""

    def find_tip(self, stage: Stage, branch: str, connection: Connection) -> str:
        """Return the commit of the branch, as one host sees it now; change nothing.

        Raises:
            NotReady: the branch does not exist, or its name is ambiguous.
            HostError: the host cannot be asked, or cannot reach the repository.
        """
        return _choose_commit(stage, branch, _look_up(stage, branch, connection, examine=False))

    def open_repository(
        self, stage: Stage, revisions: Sequence[str], project: Path
    ) -> AbstractContextManager[Repository]:
        """Return a repository on the controller that holds these commits, as far as they exist.

        Raises:
            NotReady: the project is not a clone with them, and the controller cannot fetch them.
        """
        from capdoit.transfers.git_commits import repository_with

        return repository_with(revisions, project, _repo_url(stage), _environment(stage))


class GitTransfer(Transfer):
    """The transfer that deploys a commit of a git repository."""

    name = "git"
    settings: Mapping[str, SettingRule] = {
        "repo_url": SettingRule(read_repo_url, "The URL of the git repository.", is_required=True, is_secret=True),
        "branch": SettingRule(read_string, "The branch, tag or commit to deploy.", default=DEFAULT_BRANCH),
        "repo_tree": SettingRule(read_inner_path, "The directory of the repository, if only one is deployed."),
        "git": SettingRule(read_omissions, "Whether a deploy warns of submodules and files in Git LFS."),
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

        Warn of what a release would lack.

        Raises:
            NotReady: the branch does not exist, or its name is ambiguous.
            HostsFailed: a host could not fetch.
        """
        stage, fleet = context.request.stage, context.fleet
        branch = context.request.plan.revision if context.request.plan else context.request.branch
        first = fleet.release_connections[:1]
        fetched = fleet.all(partial(_fetch, context, branch))
        found = context.executor.act(lambda: fetched, lambda: fleet.all(partial(_look_up, stage, branch), first))
        chosen = found[first[0].name]
        revision = _choose_commit(stage, branch, chosen)
        for sentence, hosts in _find_omissions(context.request.branch, found).items():
            context.warn(f"{hosts}: {sentence}")
        return ResolvedCode(revision, subject=chosen.subject)

    def export_values(self, stage: Stage) -> Mapping[str, Any]:
        """Return the repository, and the directory in it that is deployed; empty for all of it."""
        return {"repo_url": _repo_url(stage), "repo_tree": _repo_tree(stage)}

    def environment(self, stage: Stage) -> Mapping[str, str]:
        """Return the environment in which git finds the credentials of the repository."""
        return _environment(stage)

    def check_host(self, stage: Stage, branch: str, connection: Connection) -> None:
        """Check that a host can reach the repository and that the branch exists.

        Raises:
            NotReady: the branch does not exist, or its name is ambiguous.
            HostError: the host cannot be asked, or cannot reach the repository.
        """
        self.commits.find_tip(stage, branch, connection)

    def find_omissions(self, stage: Stage, branch: str, connection: Connection) -> list[str]:
        """Return a sentence about submodules and one about files in Git LFS, if the branch has them.

        Raises:
            NotReady: the branch does not exist, or its name is ambiguous.
            HostError: the host cannot be asked, or cannot reach the repository.
        """
        from capdoit.transfers.git_code import describe_omissions

        found = _look_up(stage, branch, connection)
        _choose_commit(stage, branch, found)
        return describe_omissions(found, branch)


TRANSFER = GitTransfer()


def _repo_url(stage: Stage) -> str:
    """Return the URL of the repository without its password: arguments of git can be read by everyone."""
    return without_secrets(str(stage.transfer_settings["repo_url"]))


def _environment(stage: Stage) -> Mapping[str, str]:
    from capdoit.transfers.git_credentials import make_credential_environment

    return make_credential_environment(str(stage.transfer_settings["repo_url"]))


def _repo_tree(stage: Stage) -> str:
    return str(stage.transfer_settings.get("repo_tree", ""))


def _choose_commit(stage: Stage, branch: str, found: FoundCode) -> str:
    from capdoit.transfers.git_code import choose_commit
    from capdoit.transfers.git_commits import has_branch

    try:
        return choose_commit(found, branch, _repo_url(stage))
    except RevisionNotChosen as error:
        if not (found.refs or found.unreadable_refs) and has_branch(Path(), branch):
            error.unpushed_branch = branch
        raise


def _find_omissions(branch: str, found: Mapping[str, FoundCode]) -> Mapping[str, str]:
    """Return what a release would lack, a sentence each, with the hosts that found it."""
    from capdoit.text import group_names
    from capdoit.transfers.git_code import describe_omissions

    return group_names((host, sentence) for host, one in found.items() for sentence in describe_omissions(one, branch))


def _look_up(stage: Stage, branch: str, connection: Connection, examine: bool = True) -> FoundCode:
    """Return what the branch is in the repository, by asking from a host, which is not changed."""
    from capdoit.hosts.request import Request
    from capdoit.transfers.git_code import parse_found_code

    question = _question(stage, branch, examine)
    script = connection.script("git ls-remote", "transfers/git_resolve", question, more_env=_environment(stage))
    return parse_found_code(connection.name, connection.checked(Request(script, capture=True)).text)


def _fetch(context: FlowContext, branch: str, connection: Connection) -> FoundCode:
    """Update the mirror of a host; return what the branch is there. A dry run finds nothing."""
    from capdoit.transfers.git_code import FoundCode, parse_found_code

    stage = context.request.stage
    question = _question(stage, branch)
    answer = context.run(connection, "git fetch", "transfers/git_fetch", question, env=_environment(stage))
    return FoundCode() if answer is None else parse_found_code(connection.name, answer)


def _question(stage: Stage, branch: str, examine: bool = True) -> dict[str, Value]:
    """Return the values of the scripts that look for a branch; ``examine`` asks what a release of it would lack."""
    from capdoit.transfers.git_code import list_possible_refs, possible_sha

    settings = stage.transfer_settings.get("git", {})
    return {
        "repo_url": _repo_url(stage),
        "repo_tree": _repo_tree(stage),
        "refs": list_possible_refs(branch),
        "sha": possible_sha(branch),
        **{f"examine_{name}": examine and settings.get(name) != "ignore" for name in OMISSIONS},
    }
