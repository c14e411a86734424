"""The masking of secrets in everything that is shown."""

from __future__ import annotations

import io

import pytest

from capdoit.output.console import Console
from capdoit.text import make_printable

KEY = "-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA\n\n  c2hvcnQgYnV0\tbm90\r\nabc=\n-----END KEY-----\n"


def shown(secret: str, *lines: str) -> list[str]:
    """Return what the console shows of some lines when a text is secret."""
    stream = io.StringIO()
    console = Console(stream)
    console.redactor.add([secret])
    for line in lines:
        console.write(line)
    return stream.getvalue().splitlines()


def test_each_line_of_a_multiline_secret_is_masked() -> None:
    lines = [make_printable(line) for line in KEY.split("\n")]
    assert shown(KEY, *lines) == ["***", "***", "", "  ***\\r", "abc=", "***", ""]


@pytest.mark.parametrize("line", ["a token s3cr3tval…", "a token s3cr…", "a token s3cr3tvalue…"])
def test_a_line_cut_inside_a_secret_shows_none_of_it(line: str) -> None:
    console = Console(io.StringIO())
    console.redactor.add(["s3cr3tvalue"])
    assert console.redact(line) == "a token ***…"


def test_a_multiline_secret_is_masked_as_one() -> None:
    assert shown(KEY, f"it is {KEY}.") == ["it is ***."]


@pytest.mark.parametrize("secret", ["pin", "pin\n", "pin\r\n"])
def test_a_short_secret_is_masked(secret: str) -> None:
    assert shown(secret, "the pin is pin") == ["the *** is ***"]


@pytest.mark.parametrize("secret", ["a\tb", "a\x1b[1mb", "\u200bab", "a\x0bb"])
def test_a_secret_with_escaped_characters_is_masked_in_its_escaped_form(secret: str) -> None:
    assert shown(secret, make_printable(f"<{secret}>")) == ["<***>"]


@pytest.mark.parametrize("secret", ["", "\n", " \n "])
def test_an_empty_secret_masks_nothing(secret: str) -> None:
    assert shown(secret, "a b") == ["a b"]
