"""Passwords and tokens in URLs: masked in text, and separated from the URL."""

from __future__ import annotations

import pytest

from capdoit.url_credentials import mask_url_passwords, read_credentials, without_secrets

GITHUB_KEY = "ghp_0123456789abcdefghij"
CASES = {
    "https://ann:pw@example.com/a": ("https://ann@example.com/a", "https://example.com", "ann", "pw"),
    "http://ann:p%2Fw@[::1]:8080/a": ("http://ann@[::1]:8080/a", "http://[::1]:8080", "ann", "p/w"),
    "https://ann:p@w@example.com/a@b": ("https://ann@example.com/a@b", "https://example.com", "ann", "p@w"),
    "https://a%40b:@example.com/": ("https://a%40b@example.com/", "https://example.com", "a@b", ""),
    "https://:pw@example.com/": ("https://example.com/", "https://example.com", "", "pw"),
    f"https://{GITHUB_KEY}@example.com/a": ("https://example.com/a", "https://example.com", GITHUB_KEY, None),
    f"https://{GITHUB_KEY}:x@example.com/a": ("https://example.com/a", "https://example.com", GITHUB_KEY, "x"),
    "ssh://git:pw@example.com:22/a": ("ssh://git@example.com:22/a", "ssh://example.com:22", "git", "pw"),
}


@pytest.mark.parametrize("url", CASES)
def test_the_credentials_are_separated_from_the_url(url: str) -> None:
    bare, *credentials = CASES[url]
    assert without_secrets(url) == bare
    found = read_credentials(url)
    assert found
    assert [found.site, found.user, found.password] == credentials


@pytest.mark.parametrize(
    "url",
    [
        "https://ann@example.com/a",
        "https://example.com:8443/a@b:c",
        "git@example.com:a/b",
        "/srv/a:b@c",
        "file:///a:b@c",
    ],
)
def test_a_url_without_a_secret_stays_as_it_is(url: str) -> None:
    assert without_secrets(url) == mask_url_passwords(url) == url
    assert read_credentials(url) is None


def test_a_token_is_masked_with_and_without_a_password_behind_it() -> None:
    text = f"from https://{GITHUB_KEY}@example.com/a to https://{GITHUB_KEY}:x-oauth-basic@example.com/b"
    assert mask_url_passwords(text) == "from https://***@example.com/a to https://***:***@example.com/b"
