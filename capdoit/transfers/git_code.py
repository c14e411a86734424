"""The commit that a branch names, chosen from what a host found; and what a release of it would lack."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from capdoit.errors import RevisionNotChosen
from capdoit.records.fact_lines import parse_fact_lines
from capdoit.records.facts import parse_revision
from capdoit.text import find_similar_name, join_names

SHA_PREFIX = re.compile(r"[0-9a-fA-F]{7,64}")
FULL_SHA = re.compile(r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}")
SINGLE_KEYS = {"commit", "subject", "unexamined", "end"}
REPEATED_KEYS = {"ref", "unreadable_ref", "existing_ref", "submodule", "lfs_file"}
MOST_SHOWN = 5
KINDS = {"refs/heads/": "a branch", "refs/tags/": "a tag"}


@dataclass(frozen=True)
class FoundCode:
    """The refs and the commit that a host found in the repository for a branch.

    Attributes:
        refs: the commit of each ref that the branch may mean, by the full name of the ref.
        commit: the commit whose sha the branch is, or begins; empty if there is none.
        unreadable_refs: full names of refs without a commit that git can read, such as the tag of a tree.
        existing_refs: full names of branches and tags, if the branch is none of them.
        is_examined: False if the host could not look into the commit.
        submodules: the first paths of submodules in the commit.
        lfs_files: the first paths of files in Git LFS whose contents the host cannot write.
        subject: subject line of the commit; empty if the host did not look into the commit.
    """

    refs: Mapping[str, str] = field(default_factory=dict)
    commit: str = ""
    unreadable_refs: Sequence[str] = ()
    existing_refs: Sequence[str] = ()
    is_examined: bool = True
    submodules: Sequence[str] = ()
    lfs_files: Sequence[str] = ()
    subject: str = ""


def list_possible_refs(branch: str) -> list[str]:
    """Return the full names of the refs that a branch may mean, by git's rules; a full sha is never a ref."""
    if branch == "HEAD" or branch.startswith("refs/"):
        return [branch]
    if FULL_SHA.fullmatch(branch):
        return []
    return [f"refs/heads/{branch}", f"refs/tags/{branch}", f"refs/{branch}"]


def possible_sha(branch: str) -> str:
    """Return the branch if it can be a sha or the first digits of one, else an empty text."""
    return branch if SHA_PREFIX.fullmatch(branch) else ""


def parse_found_code(host: str, text: str) -> FoundCode:
    """Return what a host found.

    Raises:
        HostError: the text is not an answer of the script.
    """
    facts = parse_fact_lines(host, text, SINGLE_KEYS, REPEATED_KEYS, "git")
    refs = [fact.partition(" ") for fact in facts["ref"]]
    return FoundCode(
        refs={name: parse_revision(host, commit) for commit, _, name in refs},
        commit="".join(parse_revision(host, commit) for commit in facts["commit"]),
        unreadable_refs=tuple(facts["unreadable_ref"]),
        existing_refs=tuple(facts["existing_ref"]),
        is_examined=not facts["unexamined"],
        submodules=tuple(facts["submodule"]),
        lfs_files=tuple(facts["lfs_file"]),
        subject="".join(facts["subject"]),
    )


def choose_commit(found: FoundCode, branch: str, repo_url: str) -> str:
    """Return the commit that a branch names.

    Args:
        found: what a host found for the branch.
        branch: the branch, tag or commit to deploy.
        repo_url: the repository, for messages.

    Raises:
        RevisionNotChosen: the commit does not exist, git cannot read it, or several refs have that name.
    """
    refs = list(dict.fromkeys([*found.refs, *found.unreadable_refs]))
    if len(refs) > 1:
        kinds = " and ".join(map(_describe_ref, refs))
        spellings = " or ".join(f"branch={ref}" for ref in refs)
        raise RevisionNotChosen(f"{branch!r} is {kinds} of {repo_url}; say which one: {spellings}", refs)
    if found.unreadable_refs:
        raise RevisionNotChosen(
            f"{branch!r} of {repo_url} is {_describe_ref(refs[0])} without a commit that git can read"
        )
    revision = next(iter(found.refs.values()), found.commit)
    if not revision:
        raise _no_such_commit(found, branch, repo_url)
    return revision


def _no_such_commit(found: FoundCode, branch: str, repo_url: str) -> RevisionNotChosen:
    reason = f"{repo_url} has no branch, tag or commit {branch!r}; choose another with branch=, or in deploy.yml"
    similar = find_similar_name(branch, [name for ref in found.existing_refs for name in _spellings(ref)])
    return RevisionNotChosen(f"{reason}; did you mean {similar}?", [similar]) if similar else RevisionNotChosen(reason)


def _spellings(ref: str) -> list[str]:
    """Return the names that git has for a ref: ``refs/heads/main``, ``heads/main`` and ``main``."""
    parts = ref.split("/")
    return ["/".join(parts[number:]) for number in range(3)]


def describe_omissions(found: FoundCode, branch: str) -> list[str]:
    """Return what a release of the commit would lack, a sentence each."""
    sentences = []
    if not found.is_examined:
        sentences.append(f"it could not be found out whether {branch} has submodules, or files in Git LFS")
    if found.submodules:
        paths = _list_first(found.submodules)
        sentences.append(
            f"{branch} has submodules, which are deployed as empty directories: {paths}. "
            "If that is meant, set git: {submodules: ignore} in deploy.yml"
        )
    if found.lfs_files:
        paths = _list_first(found.lfs_files)
        sentences.append(
            f"{branch} has files in Git LFS, and only their pointers are deployed: {paths}. "
            "If that is meant, set git: {lfs: ignore} in deploy.yml"
        )
    return sentences


def _describe_ref(ref: str) -> str:
    return next((kind for prefix, kind in KINDS.items() if ref.startswith(prefix)), "a ref")


def _list_first(paths: Sequence[str]) -> str:
    """Return the first paths; the host sends no more than one of the others, so their number is not known."""
    return join_names(paths[:MOST_SHOWN]) + (" and others" if len(paths) > MOST_SHOWN else "")
