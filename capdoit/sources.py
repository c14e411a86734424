"""Sources of values that deploy.yml does not contain itself, such as an environment variable.

A source gives its value when something uses it, and once per run: commands are not run twice.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from capdoit.errors import ValueUnavailable
from capdoit.text import join_names, make_printable


class PendingValue(Exception):
    """A value is needed that is not known yet.

    Args:
        source: its source.
    """

    def __init__(self, source: Source) -> None:
        super().__init__(source.tag)
        self.source = source


class Source(ABC):
    """The source of one value.

    Attributes:
        is_secret: whether the value is a secret wherever it is used.
        is_external: whether the value, or a part of it, is not in deploy.yml.
    """

    is_secret: bool = False
    is_external: bool = True

    @property
    @abstractmethod
    def name(self) -> str:
        """The variable or command, for people."""

    @property
    @abstractmethod
    def tag(self) -> str:
        """The value as deploy.yml has it, such as ``!env NAME``."""

    @property
    @abstractmethod
    def noun(self) -> str:
        """The value in messages, without the value itself."""

    @abstractmethod
    def find(self, environment: Mapping[str, str] = os.environ) -> str | None:
        """Return the value if it is known already; None if it is not, and nothing is done to know it.

        Args:
            environment: environment variables of the controller.
        """

    def find_secrets(self) -> list[str]:
        """Return the texts that are masked where a secret may stand, as far as they are known."""
        found = self.find()
        return [found] if found else []

    @abstractmethod
    def read(self) -> str:
        """Return the value.

        Raises:
            ValueUnavailable: there is none; the text follows the name of what needs it.
        """


@dataclass(frozen=True)
class EnvironmentVariable(Source):
    """An environment variable of the controller: ``!env NAME``.

    Attributes:
        variable: name of the variable.
        default: the value if the variable is not set; None if there is none.
    """

    variable: str
    default: str | Source | None = None

    @property
    def name(self) -> str:
        """The name of the variable."""
        return self.variable

    @property
    def tag(self) -> str:
        """The value as deploy.yml has it."""
        return f"!env {self.name}"

    @property
    def noun(self) -> str:
        """The value in messages."""
        return f"the value of {self.name}"

    def find(self, environment: Mapping[str, str] = os.environ) -> str | None:
        """Return the value; None if the variable is not set and has no default."""
        default = self.default.find(environment) if isinstance(self.default, Source) else self.default
        return environment.get(self.variable, default)

    def find_secrets(self) -> list[str]:
        """Return the value of the variable, or those of its default; a default that deploy.yml has is not a secret."""
        if found := os.environ.get(self.variable):
            return [found]
        return self.default.find_secrets() if isinstance(self.default, Source) else []

    def read(self) -> str:
        """Return the value; errors as in `Source.read`."""
        found = self.find()
        if found is None and isinstance(self.default, Source):
            return self.default.read()
        if found is None:
            raise ValueUnavailable(f"needs the environment variable {self.name}, which is not set")
        return found


@dataclass(frozen=True)
class FilledText(Source):
    """A text of deploy.yml with values in place of its references, such as ``%{stage}``.

    Attributes:
        text: the text as deploy.yml has it.
        parts: the parts of the text, and the sources of the parts that are not in deploy.yml.
    """

    text: str
    parts: tuple[str | Source, ...]

    @property
    def _sources(self) -> list[Source]:
        return [part for part in self.parts if isinstance(part, Source)]

    @property
    def is_secret(self) -> bool:  # type: ignore[override]
        """True if a part is a secret."""
        return any(source.is_secret for source in self._sources)

    @property
    def is_external(self) -> bool:  # type: ignore[override]
        """True if a part is not in deploy.yml."""
        return bool(self._sources)

    @property
    def name(self) -> str:
        """The names of the variables and commands."""
        return join_names(source.name for source in self._sources)

    @property
    def tag(self) -> str:
        """The value as deploy.yml has it."""
        return make_printable(self.text)

    @property
    def noun(self) -> str:
        """The value in messages."""
        return f"the value of {self.tag}"

    def find(self, environment: Mapping[str, str] = os.environ) -> str | None:
        """Return the text; None if one of its parts is not known."""
        found = [part.find(environment) if isinstance(part, Source) else part for part in self.parts]
        return None if None in found else "".join(map(str, found))

    def find_secrets(self) -> list[str]:
        """Return the secrets among the parts, and the whole text if there is one: a part may be too short to mask."""
        secrets = [secret for source in self._sources for secret in source.find_secrets()]
        return [*secrets, *super().find_secrets()] if secrets else []

    def read(self) -> str:
        """Return the text; errors as in `Source.read`."""
        return "".join(part.read() if isinstance(part, Source) else part for part in self.parts)


@dataclass(frozen=True)
class ToFillIn(Source):
    """A value that somebody still has to write into deploy.yml: ``!todo TEXT``.

    Attributes:
        wanted: the value that is wanted, for people.
    """

    wanted: str

    @property
    def name(self) -> str:
        """The wanted value."""
        return self.wanted

    @property
    def tag(self) -> str:
        """The value as deploy.yml has it."""
        return f"!todo {make_printable(self.wanted)}"

    @property
    def noun(self) -> str:
        """The value in messages."""
        return "a value that is not filled in yet"

    def find(self, environment: Mapping[str, str] = os.environ) -> str | None:  # noqa: ARG002
        """Return None: deploy.yml does not have the value yet."""
        return None

    def read(self) -> str:
        """Raise ValueUnavailable."""
        raise ValueUnavailable(f"is not filled in: replace !todo by {self.wanted}")


@dataclass(frozen=True)
class ValueOfHosts(Source):
    """A value of ``vars`` that only hosts have, where a setting of the stage refers to it.

    Attributes:
        reference: the reference, such as ``vars.rack``.
    """

    reference: str

    @property
    def name(self) -> str:
        """The reference."""
        return self.reference

    @property
    def tag(self) -> str:
        """The value as deploy.yml has it."""
        return f"%{{{self.name}}}"

    @property
    def noun(self) -> str:
        """The value in messages."""
        return f"the value of {self.tag}"

    def find(self, environment: Mapping[str, str] = os.environ) -> str | None:  # noqa: ARG002
        """Return None: there is none for a stage."""
        return None

    def read(self) -> str:
        """Raise ValueUnavailable."""
        raise ValueUnavailable(f"needs {self.tag}, which only hosts have")
