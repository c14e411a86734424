"""The sentences of `doit cap pending`."""

from __future__ import annotations

import pytest

from capdoit.commands.pending import Gap, sentence
from capdoit.transfers.git_commits import Commit

COMMIT = Commit("1f3e" * 10, "2016-06-14", "Ann", "a fix")
GONE = "aaaaaaaaaaaa, what is live on web1, is no commit that the repository still has"
SENTENCES = [
    ((COMMIT,), (), "main is 1 commit ahead of what is live on web1:"),
    ((COMMIT, COMMIT), (), "main is 2 commits ahead of what is live on web1:"),
    ((), (COMMIT,), "main is 1 commit behind what is live on web1; a deploy would take away (-):"),
    ((), (), "Nothing is pending: main is bbbbbbbbbbbb, what is live on web1."),
    (
        None,
        (),
        f"{GONE}; pending needs the git transfer.",
    ),
]


@pytest.mark.parametrize(("comes", "goes", "expected"), SENTENCES, ids=range(len(SENTENCES)))
def test_what_pending_says(comes: tuple[Commit, ...] | None, goes: tuple[Commit, ...], expected: str) -> None:
    assert sentence("main", "b" * 40, Gap(("web1",), "a" * 40, comes, goes)) == expected


def test_an_archives_sha256_is_known_for_what_it_is() -> None:
    said = sentence("main", "b" * 40, Gap(("web1",), "a" * 64))
    assert said.endswith("is no commit, but the sha256 of an archive; pending needs the git transfer.")
