"""Users, passwords and tokens in URLs: found, masked, and separated from the URL."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

MASK = "***"
# A password in a URL, or a token in the place of the user: user names are shorter.
URL_PASSWORD = re.compile(r"(?P<before>[a-z]://[^/@:\s]*:)(?P<secret>[^/\s]*)@")
URL_TOKEN = re.compile(r"(?P<before>https?://)(?P<secret>[^/@:\s]{20,})(?=(?::[^/\s]*)?@)")
URL_USER = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*://)(?P<user>[^/@:\s]*)(?::(?P<password>[^/\s]*))?@(?P<host>[^/\s]*)"
)


@dataclass(frozen=True)
class UrlCredentials:
    """The credentials that were in a URL, without percent-encoding.

    Attributes:
        site: scheme, host and port of the URL: ``https://git.example.com``.
        user: the user, or the token in its place.
        password: the password; None if the URL had only a token.
    """

    site: str
    user: str = field(repr=False)
    password: str | None = field(repr=False)


def mask_url_passwords(text: str) -> str:
    """Return a text with the passwords and tokens in its URLs masked."""
    if "://" not in text:
        return text
    return URL_TOKEN.sub(rf"\g<before>{MASK}", URL_PASSWORD.sub(rf"\g<before>{MASK}@", text))


def find_url_passwords(text: str) -> list[str]:
    """Return the passwords and tokens in the URLs of a text, as they are and without percent-encoding."""
    if "://" not in text:
        return []
    found = [match["secret"] for url in (URL_PASSWORD, URL_TOKEN) for match in url.finditer(text)]
    return [*found, *map(_decode, found)]


def without_secrets(url: str) -> str:
    """Return a URL without its password, and without the token in the place of its user."""
    without_password = URL_PASSWORD.sub(lambda found: found["before"][:-1] + "@", url)
    return URL_TOKEN.sub(r"\g<before>", without_password).replace("://@", "://")


def read_credentials(url: str) -> UrlCredentials | None:
    """Return the credentials in a URL; None if it has neither a password nor a token."""
    found = URL_USER.search(url)
    if not found or not find_url_passwords(url):
        return None
    password = found["password"]
    return UrlCredentials(
        site=found["scheme"] + found["host"],
        user=_decode(found["user"]),
        password=None if password is None else _decode(password),
    )


def _decode(text: str) -> str:
    from urllib.parse import unquote

    return unquote(text, errors="surrogateescape")
