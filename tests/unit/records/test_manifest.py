"""Differences between a manifest and a release."""

from __future__ import annotations

import pytest

from capdoit.errors import HostError
from capdoit.records.manifest import END, MOST_LINES, compare_listings, format_changes, parse_comparison, parse_listing


def _line(line: str) -> str:
    """Return a line of a listing; the checksums in these tests are short and follow their paths."""
    path, _, sum_ = line.partition("\tsha256\t")
    return f"{sum_.zfill(64)}  {path}" if sum_ else line


def compared(was: str, now: str) -> list[str]:
    """Return the changes that a host reports with these lines of differences."""
    lines = [f"{side}\t{_line(line)}" for side, text in (("was", was), ("is", now)) for line in text.splitlines()]
    return list(
        map(str, parse_comparison("web1", "\n".join(["revision\tabc", "manifest\tyes", *lines, END, ""])).changes)
    )


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ("./a\tstat\t81a4 1\n./a\tsha256\t12", "", "missing a"),
        ("", "./a\tstat\t81a4 1\n./a\tsha256\t12", "added a"),
        ("", "./a\tlink\tx", "added a"),
        ("./a\tstat\t81a4 1", "./a\tstat\t8180 1", "changed a: mode 644 -> 600"),
        ("./a\tstat\t81a4 1", "./a\tstat\t81a4 2", "changed a: size 1 -> 2"),
        ("./a\tsha256\t12", "./a\tsha256\t13", "changed a: contents"),
        ("./a\tsha256\t12", "", "changed a: cannot be read"),
        ("./a\tlink\tx", "./a\tlink\ty", "changed a: symlink x -> y"),
        ("./a\tlink\tx", "./a\tstat\t81a4 1\n./a\tsha256\t1", "changed a: was a symlink, is a file"),
        ("./a\tstat\t81a4 1\n./a\tsha256\t1", "./a\tstat\t41ed", "changed a: was a file, is a directory"),
        (".\tstat\t41ed", ".\tstat\t41c0", "changed .: mode 755 -> 700"),
        ("\\2e2f610a62\tstat\t81a4 1", "", "missing a\\nb"),
        ("\\zz\tstat\t81a4 1", "", "missing \\zz"),
        ("garbage", "", "missing garbage"),
        ("", "~\tend\tyes", "missing the end of the manifest: it was cut short"),
        ("./\x1b[2J\tstat\tnonsense", "", "missing \\x1b[2J"),
    ],
)
def test_a_difference_is_described_as_missing_added_or_changed(was: str, now: str, said: str) -> None:
    assert compared(was, now) == [said]


def test_a_file_that_was_unreadable_when_shipped_is_not_a_change() -> None:
    assert compared("", "./a\tsha256\t12") == []


@pytest.mark.parametrize(
    ("was", "now", "unreadable", "said"),
    [
        ("", "", "./a\tother\t2", ["a: cannot be read"]),
        ("", "", "./a\tother\t0", []),
        ("./a\tstat\t41ed", "./a\tstat\t41c0", "./a\tother\t0", ["a: cannot be read (mode 755 -> 700)"]),
        ("", "./a\tstat\t41c0", "./a\tother\t0", ["added a: cannot be read"]),
        ("./a\tsha256\t12", "", "./a\tother\t0", ["a: cannot be read"]),
        ("./a\tstat\t81a4 1", "./a\tstat\t8180 2", "./a\tother\t0", [
            "changed a: mode 644 -> 600, size 1 -> 2, cannot be read",
        ]),
        ("./a\tstat\t41ed", "./a\tstat\t4000", "./a\tuser\t2", ["changed a: mode 755 -> 0, cannot be read"]),
        ("", "", "./a\tuser\t2", ["changed a: cannot be read"]),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_damage_only_if_no_other_user_made_it_private(
    was: str, now: str, unreadable: str, said: list[str]
) -> None:
    lines = [f"{side}\t{_line(line)}" for side, text in (("was", was), ("is", now)) for line in text.splitlines()]
    text = "\n".join(["revision\tabc", "manifest\tyes", *lines, END, f"unreadable\t{unreadable}", ""])
    found = parse_comparison("web1", text)
    assert [str(change) for change in found.changes] == said
    assert [str(change) for change in found.damage] == [one for one in said if one.startswith("changed")]


def test_an_added_file_is_not_damage() -> None:
    found = parse_comparison(
        "web1", f"revision\tabc\nmanifest\tyes\nwas\t./b\tstat\t81a4 1\n{END}\nis\t./a\tstat\t81a4 1\n"
    )
    assert [str(change) for change in found.damage] == ["missing b"]
    assert found.count_changes() == "1 missing, 1 added"


def test_a_list_of_differences_at_the_limit_is_marked_as_cut() -> None:
    lines = [f"was\t./{n}\tstat\t81a4 1" for n in range(MOST_LINES)]
    found = parse_comparison("web1", "\n".join(["revision\tabc", "manifest\tyes", *lines, ""]))
    assert found.is_cut
    assert found.count_changes() == f"{MOST_LINES} missing, and more"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "revision\tabc\nmanifest\tyes\nwas\t./a\tstat\t1\n",
        "hello\n",
        "revision\tabc\nmanifest\tyes\n",
        f"revision\tabc\n{END}\n",
    ],
)
def test_an_incomplete_answer_is_refused(text: str) -> None:
    with pytest.raises(HostError):
        parse_comparison("web1", text)


def test_a_release_without_manifest_has_no_damage() -> None:
    found = parse_comparison("web1", "revision\tabc\n")
    assert (found.has_manifest, found.damage, found.is_as_shipped) == (False, (), False)


def test_differences_between_hosts_are_listed_by_path() -> None:
    lists = {
        "web1": "./a\tstat\t81a4 1\n./b\tlink\tx\n./c\tstat\t41ed",
        "web2": "./a\tstat\t81a4 2\n./c\tstat\t41ed",
        "web3": "./a\tstat\t81a4 1\n./b\tlink\tx\n./c\tstat\t41ed",
    }
    found = compare_listings({host: parse_listing(text.split("\n")) for host, text in lists.items()})
    assert list(map(str, found)) == [
        "differs a: file 644 1 bytes on web1 web3, file 644 2 bytes on web2",
        "differs b: a symlink to x on web1 web3, missing on web2",
    ]


def test_changes_beyond_the_limit_are_counted() -> None:
    found = parse_comparison(
        "web1", "\n".join(["revision\tabc", "manifest\tyes", *(f"was\t./{n}\tstat\t1" for n in range(5)), END, ""])
    )
    assert format_changes(found.changes, 3) == ["missing 0", "missing 1", "missing 2", "and 2 more"]
