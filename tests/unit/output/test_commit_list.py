"""The sentences of `doit cap pending`."""

from __future__ import annotations

import pytest

from capdoit.output.commit_list import describe_gap
from capdoit.records.revision_gap import Commit, Gap

COMMIT = Commit("1f3e" * 10, "2016-06-14T08:00:00Z", "Ann", "a fix")
GONE = "aaaaaaaaaaaa, what is live on web1, is not a commit that the repository has"
SENTENCES = [
    ((COMMIT,), (), "main is 1 commit ahead of what is live on web1:"),
    ((COMMIT, COMMIT), (), "main is 2 commits ahead of what is live on web1:"),
    ((), (COMMIT,), "main is 1 commit behind what is live on web1; a deploy would take away (-):"),
    ((), (), "Nothing is pending: main is bbbbbbbbbbbb, what is live on web1."),
    (None, (), f"{GONE}: it was removed from there, or another transfer deployed it."),
]


@pytest.mark.parametrize(("comes", "goes", "expected"), SENTENCES, ids=range(len(SENTENCES)))
def test_pending_describes_the_commits_between_live_and_branch(
    comes: tuple[Commit, ...] | None, goes: tuple[Commit, ...], expected: str
) -> None:
    assert describe_gap("main", "b" * 40, Gap(("web1",), "a" * 40, comes, goes)) == expected
