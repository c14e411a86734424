"""The masking of secrets in everything that is shown."""

from __future__ import annotations

import io
from typing import NamedTuple

import pytest

from capdoit.output.console import Console
from capdoit.redaction import Redactor
from capdoit.script import Script, assign
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


@pytest.mark.parametrize("secret", ["pin9", "pin9\n", "pin9\r\n"])
def test_a_secret_of_four_characters_is_masked(secret: str) -> None:
    assert shown(secret, "the pin is pin9") == ["the pin is ***"]


@pytest.mark.parametrize("secret", ["e", "pin", "pin\n", " p "])
def test_a_shorter_secret_is_not_masked(secret: str) -> None:
    assert shown(secret, "the pin is p") == ["the pin is p"]


@pytest.mark.parametrize(
    "spelling",
    [
        "hunter'2 $x\" \\ä",
        "hunter'\\''2 $x\" \\ä",
        "hunter'\"'\"'2 $x\" \\ä",
        "hunter\\'2\\ \\$x\\\"\\ \\\\ä",
        "hunter'2 \\$x\\\" \\\\ä",
        "hunter\\'2 $x\" \\\\ä",
        "hunter'2 $x\\\" \\\\\\u00e4",
        "hunter%272%20%24x%22%20%5C%C3%A4",
    ],
    ids=["plain", "bash -x", "dash -x", "printf %q", "double quotes", "repr", "json", "url"],
)
def test_a_secret_is_masked_as_programs_quote_it(spelling: str) -> None:
    assert shown("hunter'2 $x\" \\ä", f"<{spelling}>") == ["<***>"]


@pytest.mark.parametrize("secret", ["s3cr3tvalue", "hunter'2", KEY, "7", "p'q"])
def test_a_secret_is_masked_in_the_assignments_of_a_script_also_if_it_is_too_short(secret: str) -> None:
    redactor = Redactor()
    redactor.add([secret])
    inner = Script("command", "true", {"TOKEN": secret, "RAILS_ENV": "production"}).before_body
    assert redactor.redact_assignments(inner) in [
        f"export TOKEN={mask} RAILS_ENV='production'\n" for mask in ("***", "'***'")
    ]
    outer = redactor.redact_assignments(assign({"inner_script": inner}))
    assert "TOKEN=***" in outer.replace("'\\''", "")
    assert "RAILS_ENV='\\''production'\\''" in outer


def test_a_secret_that_is_cut_within_a_quoted_text_is_masked() -> None:
    assert shown("s3cr3tvalue", "web1: answered with 's3cr3tv…'") == ["web1: answered with '***…'"]


class Named(NamedTuple):
    name: str
    hosts: frozenset[str]


def test_secrets_in_containers_are_masked_and_the_containers_keep_their_type() -> None:
    redactor = Redactor()
    redactor.add(["s3cr3tvalue"])
    held = [{"s3cr3tvalue"}, Named("a s3cr3tvalue", frozenset({"b s3cr3tvalue"})), {"s3cr3tvalue": ("s3cr3tvalue", 7)}]
    assert redactor.redact_all(held) == [{"***"}, Named("a ***", frozenset({"b ***"})), {"***": ("***", 7)}]


def test_each_cut_line_of_a_text_is_masked_at_its_end() -> None:
    assert shown("s3cr3tvalue", "a s3cr3t…\nb s3cr…") == ["a ***…", "b ***…"]


@pytest.mark.parametrize("secret", ["release", "Deploy", "live", "2026", "20261128"])
def test_a_secret_that_is_a_word_of_capdoit_is_masked_in_the_text_of_hosts_only(secret: str) -> None:
    console = Console(io.StringIO())
    console.redactor.add([secret])
    message = f"deploy: {secret} release 20261128223344 is live"
    assert console.redact(message) == message
    assert console.redactor.redact(f"it is {secret}.") == "it is ***."


@pytest.mark.parametrize("secret", ["a\tbc", "a\x1b[1mb", "\u200babc", "a\x0bbc"])
def test_a_secret_with_escaped_characters_is_masked_in_its_escaped_form(secret: str) -> None:
    assert shown(secret, make_printable(f"<{secret}>")) == ["<***>"]


@pytest.mark.parametrize("secret", ["", "\n", " \n "])
def test_an_empty_secret_masks_nothing(secret: str) -> None:
    assert shown(secret, "a b") == ["a b"]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("fatal: unable to access 'https://ann:pw@git.example.com/shop.git/'", "https://ann:***@git.example.com/shop.git/"),
        ("ssh://ann:p@ss:w@host:22/x", "ssh://ann:***@host:22/x"),
        ("https://:pw@host/x and http://a:b@c/", "https://:***@host/x and http://a:***@c/"),
        (f"https://{'t' * 40}@github.com/x", "https://***@github.com/x"),
        ("https://ann@host/x", "https://ann@host/x"),
        ("http://host:8080/a@b ann:pw@host", "http://host:8080/a@b ann:pw@host"),
    ],
)  # fmt: skip
def test_passwords_in_urls_are_masked_without_being_known(text: str, masked: str) -> None:
    assert masked in shown("another-secret", text)[0]
