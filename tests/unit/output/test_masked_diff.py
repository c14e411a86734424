"""The differences between files with secrets, which never show a value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capdoit.output.masked_diff import MOST_LINES, describe_differences


def diff(old: str, new: str) -> list[str]:
    return describe_differences(old.encode(), new.encode())


def test_lines_with_keys_show_their_keys_only() -> None:
    assert diff("A=1\nB=s3cret\nC=3\n", "A=1\nB=0ther\nexport D='x'\n") == [
        "@@ -1,3 +1,3 @@",
        " A=***",
        "-C=***",
        "!B changed",
        "+D=***",
    ]


def test_settings_of_yaml_json_and_php_show_their_keys_only() -> None:
    assert diff("", 'db:\n  password: hunter2\n  "token": "x"\n') == [
        "@@ -1,1 +1,4 @@",
        "+db:",
        "+password: ***",
        '+"token": ***',
        " ",
    ]
    assert diff("x\n", "'host' => 'db1',\n") == ["@@ -1,1 +1,1 @@", "-***", "+'host' => ***"]


@pytest.mark.parametrize(
    "secret",
    ["0123456789abcdef", "c2VjcmV0c2VjcmV0==", "c2VjcmV0=", "ann:$apr1$x", "# was hunter2", "redis://:pw@db1"],
)
def test_a_line_without_a_key_is_masked_completely(secret: str) -> None:
    assert diff("\n", f"{secret}\n") == ["@@ -1,1 +1,1 @@", "-", "+***"]


def test_a_value_of_several_lines_is_masked_completely() -> None:
    pem = 'KEY="-----BEGIN KEY-----\nabc=def\n-----END KEY-----"\nNEXT=1\n'
    assert diff("NEXT=1\n", pem)[1:] == ["+KEY=***", "+***", "+***", " NEXT=***"]
    assert diff("NEXT=1\n", "TEXT='a\nb=c\n'\nNEXT=1\n")[1:] == ["+TEXT=***", "+***", "+***", " NEXT=***"]


@pytest.mark.parametrize(
    "value",
    [
        *(
            "key: |\n  hunter2: x\n\n  hunter2=x",
            "a: !b >-  # why\n  hunter2: x",
            "- |\n  hunter2: x",
            "- b: |2\n    hunter2: x",
        ),
        *(
            'P="a\\"b\nhunter2=x\n"',
            "P: 'it''s\n  hunter2: x'",
            "P='a\\'b\nhunter2 => x'",
            'P="a""b\n hunter2=x""\nhunter2=x"',
        ),
    ],
)
def test_the_lines_of_a_block_of_yaml_or_of_a_text_with_quotes_are_no_keys(value: str) -> None:
    lines = diff("", f"{value}\nNEXT=1")
    assert lines[-1] == "+NEXT=***"
    assert "hunter2" not in "".join(lines)


def test_a_value_that_ends_in_its_line_hides_no_key() -> None:
    values = ("'a' # it's", '"a\\\\"', "'a''b',", '"a";', "a|", "> x")
    assert diff("", "\n".join(f"P={value}\n  Q=1" for value in values)).count("+Q=***") == len(values)


def test_the_end_of_the_last_line_is_a_difference() -> None:
    assert diff("A=1", "A=1\n") == ["@@ -1,1 +1,2 @@", " A=***", "+"]


def test_other_files_are_not_compared_by_line() -> None:
    assert describe_differences(b"\xff\xfe", b"A=1\n") == ["it is not a text file"]
    assert describe_differences(bytes(300_000), b"A=1\n") == ["300000 bytes there, 4 bytes here"]


def test_many_differences_do_not_fill_the_screen() -> None:
    lines = diff("", "".join(f"A{n}=1\n" for n in range(100)))
    assert len(lines) == MOST_LINES + 1
    assert lines[-1].startswith("… and ")


@given(st.text(st.sampled_from("ab =:'\"\n#-"), max_size=60), st.text(st.sampled_from("ab =:'\"\n#-"), max_size=60))
def test_a_value_never_appears(one: str, other: str) -> None:
    secret = "Qx7"  # noqa: S105 - it is none
    lines = diff(f"{one}\nKEY={secret}\n", f"{other}\nKEY={secret}{secret}\n")
    assert secret not in "\n".join(lines)
