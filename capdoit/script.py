"""Scripts for hosts, the quoting of their values, and secrets that are never printed.

A script has a static ``.sh`` file as its body, so shellcheck can read the file. Assignments of values come before the
body; no value is inserted into the body.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from capdoit.errors import ConfigError, ValueUnavailable
from capdoit.sources import Source

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
REFERENCE = re.compile(rf"\$(?:\$|({NAME.pattern})|\{{({NAME.pattern})\}})")


@dataclass(frozen=True)
class Secret:
    """A secret, read when it is used and never printed.

    Attributes:
        source: where it comes from, such as an environment variable of the controller.
        user: place and name of the setting that it is the value of, for messages.
    """

    source: Source
    user: str = field(default="deploy.yml", compare=False, repr=False)

    @property
    def is_known(self) -> bool:
        """True if it can be revealed without doing anything for it."""
        return self.source.find() is not None

    def reveal(self) -> str:
        """Return the secret.

        Raises:
            ConfigError: there is none, such as a variable that is not set.
        """
        try:
            return self.source.read()
        except ValueUnavailable as error:
            raise ConfigError(f"{self.user} {error}") from None

    def __str__(self) -> str:
        return "***"


class SecretText(str):
    """A text that comes from elsewhere and is secret; its repr only names its source.

    Attributes:
        source: its source.
    """

    source: Source

    def __new__(cls, text: str, source: Source) -> SecretText:
        secret = super().__new__(cls, text)
        secret.source = source
        return secret

    def __repr__(self) -> str:
        return self.source.tag


@dataclass(frozen=True)
class Template:
    """A text with references to environment variables, which the host replaces when it runs a command.

    Attributes:
        text: ``$NAME`` and ``${NAME}`` are references, ``$$`` is a dollar, and nothing else is interpreted.
    """

    text: str

    @property
    def word(self) -> str:
        """The template as one word of POSIX sh, which expands the references."""
        plain, *found = REFERENCE.split(self.text)
        pieces = [quote(plain)]
        for name, braced, text in zip(found[::3], found[1::3], found[2::3], strict=True):
            pieces += [f'"${{{name or braced}}}"' if name or braced else quote("$"), quote(text)]
        return "".join(piece for piece in pieces if piece != "''") or "''"

    def filled(self, values: Mapping[str, str]) -> Template:
        """Return the template with the values of some variables instead of the references to them."""

        def fill(found: re.Match[str]) -> str:
            name = found[1] or found[2]
            return values[name].replace("$", "$$") if name in values else found[0]

        return Template(REFERENCE.sub(fill, self.text))

    def followed_by(self, text: str) -> Template:
        """Return the template with a text behind it, which may have references."""
        return Template(self.text + text)


EnvValue = str | Template


def as_template(value: EnvValue) -> Template:
    """Return a value as a template; a text that is not one has no references."""
    return value if isinstance(value, Template) else Template(value.replace("$", "$$"))


@dataclass(frozen=True)
class HomePath:
    """A path in the home directory of the login, for a script that runs before that directory is known.

    Attributes:
        path: the part below the home directory, with a slash in front.
    """

    path: str

    @property
    def word(self) -> str:
        """The path as one word of POSIX sh; the loop of the session (``hosts/loop.sh``) sets login_home."""
        return f'"$login_home"{quote(self.path)}'


Value = str | int | bool | list[str] | tuple[str, ...] | tuple[Template, ...] | HomePath


@dataclass(frozen=True)
class Script:
    """A POSIX sh script that one host runs in one round trip.

    Attributes:
        name: name of the script in messages.
        body: the commands.
        env: environment variables of the script; values may be secret, so a dry run does not show them. References in
            templates mean the variables as they are before any of these is set.
        given: assignments of values, placed before the body; they contain no secrets.
    """

    name: str
    body: str
    env: Mapping[str, EnvValue] = field(default_factory=dict, repr=False)
    given: str = ""

    @property
    def text(self) -> str:
        """The script without its environment."""
        return self.given + self.body

    @property
    def before_body(self) -> str:
        """The environment and the values; secrets are revealed."""
        # One command: sh expands all its words before it assigns the first variable.
        exports = [f"{check_name(name)}={_environment_word(value)}" for name, value in self.env.items()]
        return (f"export {' '.join(exports)}\n" if exports else "") + self.given

    def frame(self) -> str:
        """Return the text to send: the environment, then the script."""
        return self.before_body + self.body


def quote(value: str) -> str:
    """Return a text quoted as one word of POSIX sh.

    Raises:
        ValueError: the text has a NUL byte, which a shell cannot pass on.
    """
    if "\0" in value:
        raise ValueError(f"a NUL byte cannot be given to a shell: {value!r}")
    return "'" + value.replace("'", "'\\''") + "'"


def words(values: Iterable[EnvValue]) -> str:
    """Return texts as a list of words of POSIX sh, for ``eval "set -- $words"``, which expands those of templates."""
    return " ".join(map(_environment_word, values))


def assign(values: Mapping[str, Value]) -> str:
    """Return the assignments of shell variables, a line each."""
    return "".join(f"{check_name(key)}={_value_word(value)}\n" for key, value in values.items())


def check_name(name: str) -> str:
    """Return the name of a shell variable unchanged.

    Raises:
        ValueError: the name is not valid.
    """
    if not NAME.fullmatch(name):
        raise ValueError(f"not a name of an environment variable: {name!r}")
    return name


def _environment_word(value: EnvValue) -> str:
    return value.word if isinstance(value, Template) else quote(value)


def _value_word(value: Value) -> str:
    return value.word if isinstance(value, HomePath) else quote(_text(value))


def _text(value: str | int | bool | list[str] | tuple[EnvValue, ...]) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    return words(value) if isinstance(value, (list, tuple)) else str(value)
