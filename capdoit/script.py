"""The one place where values become shell text, and secrets that cannot print themselves.

A script is a static ``.sh`` file, which shellcheck reads as it is, behind assignments of its values.
Nothing is ever interpolated into its body.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Value = str | int | bool | list[str] | tuple[str, ...]

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Secret:
    """A text that is read from the controller's environment when it is used, and never shown.

    Attributes:
        variable: the name of the environment variable that holds it.
    """

    variable: str

    def reveal(self) -> str:
        """The text itself.

        Raises:
            KeyError: the variable is not set.
        """
        return os.environ[self.variable]

    def __str__(self) -> str:
        return "***"


@dataclass(frozen=True)
class Script:
    """POSIX sh for one host, one round trip.

    Attributes:
        name: what it does, for messages.
        body: what it does, in sh.
        env: the environment it runs in; secrets may be among the values, so it travels apart.
        given: the assignments of its values, which stand before the body; no secret is among them.
    """

    name: str
    body: str
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    given: str = ""

    @property
    def text(self) -> str:
        """All of it but the environment."""
        return self.given + self.body

    def frame(self) -> str:
        """What is sent: the environment, then the script."""
        return "".join(f"export {check_name(k)}={quote(v)}\n" for k, v in self.env.items()) + self.text


def quote(value: str) -> str:
    """Any text as one word of POSIX sh.

    Raises:
        ValueError: it holds a NUL byte, which no shell can carry.
    """
    if "\0" in value:
        raise ValueError(f"a NUL byte cannot be given to a shell: {value!r}")
    return "'" + value.replace("'", "'\\''") + "'"


def words(values: Iterable[str]) -> str:
    """Texts as a list of words of POSIX sh; read back by ``eval "set -- $words"``."""
    return " ".join(quote(value) for value in values)


def assign(values: Mapping[str, Value]) -> str:
    """Return the assignments of shell variables, a line each."""
    return "".join(f"{check_name(key)}={quote(_text(value))}\n" for key, value in values.items())


def check_name(name: str) -> str:
    """The name of a shell variable, as it is.

    Raises:
        ValueError: it is none.
    """
    if not NAME.fullmatch(name):
        raise ValueError(f"not a name of an environment variable: {name!r}")
    return name


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    return words(value) if isinstance(value, (list, tuple)) else str(value)
