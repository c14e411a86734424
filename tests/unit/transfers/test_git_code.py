"""The choice of a commit from the refs that a host found."""

from __future__ import annotations

import pytest

from capdoit.errors import HostError, NotReady
from capdoit.transfers.git_code import (
    FoundCode,
    choose_commit,
    describe_omissions,
    list_possible_refs,
    parse_found_code,
    possible_sha,
)

SHA, OTHER = "1f3e" * 10, "2a4b" * 10
URL = "git@git.example.com:shop.git"


@pytest.mark.parametrize(
    ("branch", "refs"),
    [
        ("main", ["refs/heads/main", "refs/tags/main", "refs/main"]),
        ("heads/main", ["refs/heads/heads/main", "refs/tags/heads/main", "refs/heads/main"]),
        ("refs/tags/v1", ["refs/tags/v1"]),
        ("HEAD", ["HEAD"]),
        (SHA[:12], [f"refs/heads/{SHA[:12]}", f"refs/tags/{SHA[:12]}", f"refs/{SHA[:12]}"]),
        (SHA, []),
        (SHA + SHA[:24], []),
    ],
)
def test_a_branch_may_mean_the_refs_that_git_would_look_for(branch: str, refs: list[str]) -> None:
    assert list_possible_refs(branch) == refs


@pytest.mark.parametrize(
    ("branch", "sha"),
    [(SHA, SHA), (SHA.upper(), SHA.upper()), (SHA[:7], SHA[:7]), (SHA[:6], ""), ("main", ""), (SHA + SHA, "")],
)
def test_seven_digits_or_more_may_be_a_sha(branch: str, sha: str) -> None:
    assert possible_sha(branch) == sha


@pytest.mark.parametrize(
    "found", [FoundCode({"refs/heads/main": SHA}), FoundCode(commit=SHA), FoundCode({"refs/heads/main": SHA}, OTHER)]
)
def test_a_ref_comes_before_a_sha(found: FoundCode) -> None:
    assert choose_commit(found, "main", URL) == SHA


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (FoundCode(), f"{URL} has no branch, tag or commit 'v1'; choose another with branch=, or in deploy.yml"),
        (
            FoundCode({"refs/heads/v1": SHA, "refs/tags/v1": SHA}),
            f"'v1' is a branch and a tag of {URL}; say which one: branch=refs/heads/v1 or branch=refs/tags/v1",
        ),
        (
            FoundCode({"refs/heads/v1": SHA}, unreadable_refs=("refs/tags/v1",)),
            f"'v1' is a branch and a tag of {URL}; say which one: branch=refs/heads/v1 or branch=refs/tags/v1",
        ),
        (
            FoundCode({"refs/tags/v1": SHA}, unreadable_refs=("refs/tags/v1",)),
            f"'v1' of {URL} is a tag without a commit that git can read",
        ),
        (
            FoundCode(unreadable_refs=("refs/pull/1",)),
            f"'v1' of {URL} is a ref without a commit that git can read",
        ),
    ],
)
def test_a_branch_without_exactly_one_commit_is_refused(found: FoundCode, reason: str) -> None:
    with pytest.raises(NotReady) as refused:
        choose_commit(found, "v1", URL)
    assert str(refused.value) == reason


def test_an_answer_of_a_host_is_read() -> None:
    answer = (
        f"ref\t{SHA} refs/heads/main\nsubmodule\tlib/a\nlfs_file\ta b.psd\nlfs_file\tc\nunexamined\tyes\nend\tyes\n"
    )
    assert parse_found_code("web1", answer) == FoundCode(
        {"refs/heads/main": SHA}, is_examined=False, submodules=("lib/a",), lfs_files=("a b.psd", "c")
    )


@pytest.mark.parametrize("answer", ["", "ref\t../x refs/heads/main\nend\tyes\n", "ref\nend\tyes\n", "end\tno\n"])
def test_a_malformed_answer_is_an_error_of_the_host(answer: str) -> None:
    with pytest.raises(HostError):
        parse_found_code("web1", answer)


def test_a_commit_that_could_not_be_examined_is_described() -> None:
    assert describe_omissions(FoundCode(is_examined=False), "main") == [
        "it could not be found out whether main has submodules, or files in Git LFS"
    ]


def test_a_complete_commit_has_nothing_to_describe() -> None:
    assert describe_omissions(FoundCode(commit=SHA), "main") == []
