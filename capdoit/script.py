"""The one place where values become shell text, and secrets that cannot print themselves.

A script is a static ``.sh`` file, which shellcheck reads as it is, behind assignments of its values.
Nothing is ever interpolated into its body.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

Value = str | int | bool | list[str] | tuple[str, ...]

PACKAGE = Path(__file__).parent
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


def render(
    name: str, body: Path | Sequence[Path], values: Mapping[str, Value], env: Mapping[str, str] | None = None
) -> Script:
    """A script from its file and its values.

    Args:
        name: what it does, for messages.
        body: the ``.sh`` file, or several, one after the other.
        values: what the body calls ``$name``: a text or number as it is, a truth as ``yes`` or the
            empty text, a list as words for ``eval "set -- $name"``.
        env: the environment of the script's commands.
    """
    given = "".join(f"{check_name(key)}={quote(_text(value))}\n" for key, value in values.items())
    bodies = [body] if isinstance(body, Path) else body
    return Script(name, "".join(map(body_of, bodies)), env or {}, given)


def script_file(name: str) -> Path:
    """Return the path of a script of capdoit, such as ``steps/finished``."""
    return PACKAGE / f"{name}.sh"


@cache
def body_of(file: Path) -> str:
    """What a host gets of a ``.sh`` file: all but the lines of comments, which its shell would read byte by byte."""
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if not line.lstrip().startswith("#"))


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
