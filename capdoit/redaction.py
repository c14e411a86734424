"""Redaction of secrets in text that people, journals or files may see.

A text of somebody else, such as the output of a host, is masked where it enters: `Redactor.redact`. Everything that
capdoit writes is masked once more where it leaves: `Redactor.redact_message`. It does not mask the secrets that may be
a part of capdoit's own words, so a secret such as "release" hides no word of a message.
"""

from __future__ import annotations

import json
import operator
import re
import shlex
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from capdoit.script import quote
from capdoit.text import make_printable
from capdoit.url_credentials import MASK, mask_url_passwords

SHORTEST_SECRET = 4  # characters; a shorter text is a part of too many words
SHORTEST_LINE = 8  # characters; a shorter line of a secret, such as a brace, is common in any output
SHORTEST_PREFIX = 3  # characters of a secret before a cut
LONGEST_OWN_NUMBER = 8  # digits; a longer one is not found in a release, time or size by chance
PERCENT_FREE = re.compile(r"[A-Za-z0-9_.~-]")


class Redactor:
    """The secrets of a run, and the masking of text by them."""

    def __init__(self) -> None:
        self._secrets: tuple[str, ...] = ()
        self._distinct_secrets: tuple[str, ...] = ()  # those that are no part of capdoit's own words
        self._short_secrets: frozenset[str] = frozenset()

    def add(self, secrets: Iterable[str]) -> None:
        """Mask these texts from now on, except those that are too short."""
        secrets = [*secrets]
        self._short_secrets |= {*filter(is_too_short, secrets)}
        found = {look for secret in secrets if is_maskable(secret) for look in _spellings(secret)}
        self._secrets = tuple(sorted({*self._secrets, *found}, key=len, reverse=True))
        self._distinct_secrets = tuple(secret for secret in self._secrets if not _may_be_own_word(secret))

    def redact(self, text: str) -> str:
        """Return a text of somebody else with every secret masked, one that is cut at a `…` included."""
        return _mask(text, self._secrets)

    def redact_assignments(self, text: str) -> str:
        """Return a script's assignments with every secret masked, a value that is too short a secret included."""
        for secret in self._short_secrets:
            for value in (quote(secret), _escape_quotes(quote(secret))):  # in a script, in a script within a script
                text = text.replace(f"={value}", f"={MASK}")
        return self.redact(text)

    def redact_message(self, text: str) -> str:
        """Return a text of capdoit with every secret masked, unless it may be a part of what capdoit itself writes."""
        return _mask(text, self._distinct_secrets)

    def redact_all(self, value: Any) -> Any:
        """Return a value with `redact_message` applied to its strings, those in containers and dataclasses included.

        Args:
            value: strings, numbers, lists, tuples, sets, dicts and dataclasses; any other object stays as it is.
        """
        return _map_strings(self.redact_message, value)

    def redact_error(self, error: BaseException) -> None:
        """Mask every secret in the texts of an error that a hook raised."""
        error.args = _map_strings(self.redact, error.args)


def is_maskable(secret: str) -> bool:
    """Return True if a secret is long enough to be masked."""
    return len(secret.strip()) >= SHORTEST_SECRET


def is_too_short(secret: str) -> bool:
    """Return True if a secret is shown as it is, because it is too short to be masked; an empty one hides nothing."""
    return bool(secret.strip()) and not is_maskable(secret)


def _mask(text: str, secrets: Iterable[str]) -> str:
    text = mask_url_passwords(text)
    for secret in secrets:
        text = text.replace(secret, MASK)
        if "…" in text:  # a text that was cut, perhaps within a secret
            text = _mask_cut_secret(secret, text)
    return text


def _map_strings(change: Callable[[str], str], value: Any) -> Any:
    """Return a value with its strings changed, those in containers and dataclasses included.

    What has nothing to change is not built again: most events have no secret, and there are hundreds of them. Lists,
    sets and dictionaries are always copied, since they may change later.
    """
    if isinstance(value, str):
        return change(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        changed = [_map_strings(change, one) for one in value]
        if isinstance(value, (tuple, frozenset)) and all(map(operator.is_, changed, value)):
            return value
        return type(value)(*changed) if hasattr(value, "_fields") else type(value)(changed)  # a NamedTuple has fields
    if isinstance(value, dict):
        return {_map_strings(change, key): _map_strings(change, one) for key, one in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return _map_fields(change, value)
    return value


def _map_fields(change: Callable[[str], str], value: Any) -> Any:
    before = {name: getattr(value, name) for name in _list_fields(value.__class__)}
    after = {name: _map_strings(change, one) for name, one in before.items()}
    return value if all(map(operator.is_, after.values(), before.values())) else replace(value, **after)


@cache
def _list_fields(kind: Any) -> tuple[str, ...]:
    """Return the names of a dataclass's fields that its constructor takes."""
    return tuple(field.name for field in fields(kind) if field.init)


def _spellings(secret: str) -> set[str]:
    """Return a secret as it may appear: as it is, or line by line and printable, as output is; each of them quoted."""
    lines = [line.strip() for line in secret.split("\n") if line.strip()]
    shown = [line for line in lines if len(lines) == 1 or len(line) >= SHORTEST_LINE]
    quoted = {spelling for text in (secret, *shown) for spelling in _quotations(text)}
    return {secret, *map(make_printable, shown), *quoted}


def _quotations(text: str) -> Iterator[str]:
    """Yield a text as programs quote it, without the quotation marks around it."""
    yield _escape_quotes(text)  # bash -x, and in a script
    yield _escape_quotes(_escape_quotes(text))  # in a script within a script
    yield shlex.quote(text).removeprefix("'").removesuffix("'")  # dash -x
    yield re.sub(r"([^\w@%+=:,./-])", r"\\\1", text)  # printf %q
    yield re.sub(r'(["$`\\])', r"\\\1", text)  # within double quotes of sh
    yield repr(text)[1:-1]
    yield json.dumps(text)[1:-1]
    yield "".join(char if PERCENT_FREE.match(char) else _percent_encoded(char) for char in text)  # in a URL


def _escape_quotes(text: str) -> str:
    """Return a text as it stands between single quotes of sh."""
    return text.replace("'", "'\\''")


def _percent_encoded(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogateescape"))


def _mask_cut_secret(secret: str, text: str) -> str:
    """Return a text in which the beginning of a secret is masked where the text was cut within the secret."""
    for length in range(len(secret) - 1, SHORTEST_PREFIX - 1, -1):
        text = text.replace(f"{secret[:length]}…", f"{MASK}…")
    return text


def _may_be_own_word(secret: str) -> bool:
    """Return True if a secret may be a part of what capdoit writes: of a word of its modules, or of a number."""
    is_short_number = secret.isdecimal() and len(secret) <= LONGEST_OWN_NUMBER
    return is_short_number or secret.lower() in _own_words()


@cache
def _own_words() -> str:
    return "".join(file.read_text(encoding="utf-8") for file in Path(__file__).parent.rglob("*.py")).lower()
