"""Mistakes in a dodo.py or a recipe outside of what doit calls: doit prints them without a traceback."""

from __future__ import annotations

from doit.exceptions import InvalidDodoFile

from capdoit.errors import ConfigError


class UnknownAttribute(ConfigError, InvalidDodoFile, AttributeError):  # type: ignore[misc]
    """A name that the package does not have, as an attribute."""


class UnknownImport(ConfigError, InvalidDodoFile, ImportError):  # type: ignore[misc]
    """A name that the package does not have, in ``from capdoit import``."""


class WrongArguments(ConfigError, InvalidDodoFile, TypeError):  # type: ignore[misc]
    """A call of a public function or class with wrong arguments."""
