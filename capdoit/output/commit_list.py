"""The commits that a flow would bring and take away, as people read them."""

from __future__ import annotations

from collections.abc import Sequence

from capdoit.records.revision_gap import Commit, Gap
from capdoit.text import fit_table, join_names, shorten_revision

LOST = "it was removed from there, or another transfer deployed it"


def describe_gap(branch: str, tip: str, gap: Gap, flow: str = "deploy") -> str:
    """Return a sentence that compares what is live on some hosts with what a flow would bring.

    Args:
        branch: the branch, tag or commit to deploy, or the release to go back to.
        tip: its commit.
        gap: the commits in between.
        flow: ``deploy`` or ``rollback``.
    """
    live = f"what is live on {join_names(gap.hosts)}"
    if not gap.revision:
        return (
            f"Nothing is live on {join_names(gap.hosts)}, or it has no revision: a {flow} would bring all of {branch}."
        )
    if gap.comes is None:
        return f"{shorten_revision(gap.revision)}, {live}, is not a commit that the repository has: {LOST}."
    if gap.comes and gap.goes:
        comes, goes = count_commits(gap.comes), count_commits(gap.goes)
        return f"{branch} and {live} have diverged; a {flow} would bring {comes} (+) and take away {goes} (-):"
    if gap.goes:
        return f"{branch} is {count_commits(gap.goes)} behind {live}; a {flow} would take away (-):"
    if gap.comes:
        return f"{branch} is {count_commits(gap.comes)} ahead of {live}:"
    return f"Nothing is pending: {branch} is {shorten_revision(tip)}, {live}."


def list_commits(gap: Gap, width: float) -> list[str]:
    """Return a line for each commit. Only if some go away, a sign says which go and which come."""
    marked = [*(("+", commit) for commit in gap.comes or ()), *(("-", commit) for commit in gap.goes)]
    rows = [(sign, shorten_revision(c.revision), c.date, c.author, c.subject) for sign, c in marked]
    if gap.goes:
        return fit_table(None, rows, width, 5).splitlines()
    return fit_table(None, [row[1:] for row in rows], width, 4).splitlines()


def count_commits(commits: Sequence[Commit]) -> str:
    """Return the number of commits in words: ``1 commit``, ``2 commits``."""
    return f"{len(commits)} commit{'s' if len(commits) > 1 else ''}"
