"""Scripts for hosts, the quoting of their values, and secrets that are never printed.

A script has a static ``.sh`` file as its body, so shellcheck can read the file. Assignments of values come before the
body; no value is inserted into the body.
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
    """A secret, read from the controller's environment when it is used and never printed.

    Attributes:
        variable: name of the environment variable that has the secret.
    """

    variable: str

    def reveal(self) -> str:
        """Return the secret.

        Raises:
            KeyError: the variable is not set.
        """
        return os.environ[self.variable]

    def __str__(self) -> str:
        return "***"


@dataclass(frozen=True)
class Script:
    """A POSIX sh script that one host runs in one round trip.

    Attributes:
        name: name of the script in messages.
        body: the commands.
        env: environment variables of the script; values may be secret, so a dry run does not show them.
        given: assignments of values, placed before the body; they contain no secrets.
    """

    name: str
    body: str
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    given: str = ""

    @property
    def text(self) -> str:
        """The script without its environment."""
        return self.given + self.body

    def frame(self) -> str:
        """Return the text to send: the environment, then the script."""
        return "".join(f"export {check_name(k)}={quote(v)}\n" for k, v in self.env.items()) + self.text


def quote(value: str) -> str:
    """Return a text quoted as one word of POSIX sh.

    Raises:
        ValueError: the text has a NUL byte, which a shell cannot pass on.
    """
    if "\0" in value:
        raise ValueError(f"a NUL byte cannot be given to a shell: {value!r}")
    return "'" + value.replace("'", "'\\''") + "'"


def words(values: Iterable[str]) -> str:
    """Return texts as a list of words of POSIX sh, for ``eval "set -- $words"``."""
    return " ".join(quote(value) for value in values)


def assign(values: Mapping[str, Value]) -> str:
    """Return the assignments of shell variables, a line each."""
    return "".join(f"{check_name(key)}={quote(_text(value))}\n" for key, value in values.items())


def check_name(name: str) -> str:
    """Return the name of a shell variable unchanged.

    Raises:
        ValueError: the name is not valid.
    """
    if not NAME.fullmatch(name):
        raise ValueError(f"not a name of an environment variable: {name!r}")
    return name


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    return words(value) if isinstance(value, (list, tuple)) else str(value)
