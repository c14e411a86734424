"""Redaction of secrets in text that people, journals or files may see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from typing import Any

from capdoit.text import make_printable

MASK = "***"
SHORTEST_LINE = 8  # characters; a shorter line of a secret, such as a brace, is common in any output
SHORTEST_PREFIX = 3  # characters of a secret at the cut end of a line


class Redactor:
    """The secrets of a run, and the masking of text by them."""

    def __init__(self) -> None:
        self._secrets: tuple[str, ...] = ()

    def add(self, secrets: Iterable[str]) -> None:
        """Mask these texts from now on."""
        looks = {look for secret in secrets if secret.strip() for look in _spellings(secret)}
        self._secrets = tuple(sorted({*self._secrets, *looks}, key=len, reverse=True))

    def redact(self, text: str) -> str:
        """Return a text with every secret masked, one that is cut at the end included."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
            if text.endswith("…"):  # a line that was cut, perhaps within a secret
                text = _mask_cut_secret(secret, text[:-1]) + "…"
        return text

    def redact_all(self, value: Any) -> Any:
        """Return a value with every secret masked in its strings, those in containers and dataclasses included.

        Args:
            value: strings, numbers, lists, tuples, dicts and dataclasses; any other object stays as it is.
        """
        if not self._secrets:
            return value
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, (list, tuple)):
            return type(value)(map(self.redact_all, value))
        if isinstance(value, dict):
            return {self.redact_all(key): self.redact_all(one) for key, one in value.items()}
        if is_dataclass(value) and not isinstance(value, type):
            return replace(value, **{f.name: self.redact_all(getattr(value, f.name)) for f in fields(value) if f.init})
        return value


def _spellings(secret: str) -> set[str]:
    """Return a secret as it may appear: as it is, or line by line and printable, as output is."""
    lines = [line.strip() for line in secret.split("\n") if line.strip()]
    return {secret, *(make_printable(line) for line in lines if len(lines) == 1 or len(line) >= SHORTEST_LINE)}


def _mask_cut_secret(secret: str, text: str) -> str:
    """Return a text whose end is masked if it is the beginning of a secret."""
    lengths = range(len(secret) - 1, SHORTEST_PREFIX - 1, -1)
    found = next((length for length in lengths if text.endswith(secret[:length])), 0)
    return text[: len(text) - found] + MASK if found else text
