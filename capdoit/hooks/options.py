"""The options of a recipe: a dataclass, whose types, defaults and comments say what deploy.yml may say."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from capdoit.config.readers import RecipeUse
from capdoit.errors import ConfigError, RecipeError, locate_error
from capdoit.script import Secret
from capdoit.text import listed, near, printable

T = TypeVar("T")
RoleNames = Annotated[tuple[str, ...], "roles"]
WORDS = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Secret: "a secret, as !env NAME",
    RoleNames: "a list of roles",
    type(None): "nothing",
}
COMMENT = re.compile(r"\s*(?:(\w+)\s*:.*?)?#:\s*(.*)")


@dataclasses.dataclass(frozen=True)
class Option:
    """One option, as its dataclass has it.

    Attributes:
        name: as deploy.yml spells it.
        kind: its type, in words.
        default: as deploy.yml would say it; None when it is needed.
        doc: the comment beside it, which begins with ``#:``.
    """

    name: str
    kind: str
    default: str | None
    doc: str


def described(options: type | None) -> list[Option]:
    """The options of a dataclass, in order; none when there is no dataclass."""
    if options is None:
        return []
    kinds, comments = typing.get_type_hints(options, include_extras=True), _comments(options)
    return [
        Option(f.name, words(kinds[f.name]), _default(f), comments.get(f.name, "")) for f in dataclasses.fields(options)
    ]


def made(options: type | None, use: RecipeUse, place: str, roles: set[str]) -> Any:
    """The options that deploy.yml says, as the recipe's dataclass; None when it has none.

    Args:
        options: the dataclass.
        use: what deploy.yml says.
        place: the recipe's file.
        roles: those that hosts play.

    Raises:
        RecipeError: with every option that is unknown, of the wrong type, missing, or no host's role.
    """
    fields = {f.name: f for f in dataclasses.fields(options)} if options else {}
    kinds = typing.get_type_hints(options, include_extras=True) if options else {}
    mistakes = [
        f"{use.places[name]}: recipe {use.name} ({place}) has no option {name}{near(name, fields)}"
        for name in use.options
        if name not in fields
    ]
    values = {name: _value(value, kinds[name]) for name, value in use.options.items() if name in fields}
    for name, value in values.items():
        mistakes += [f"{use.places[name]}: {wrong}" for wrong in _wrongs(name, value, kinds[name], roles)]
    mistakes += [
        f"{use.place}: recipe {use.name} needs the option {name}, {words(kinds[name])}"
        for name, f in fields.items()
        if f.default is f.default_factory is dataclasses.MISSING and name not in values
    ]
    if mistakes:
        raise RecipeError(*mistakes)
    try:
        return loaded(f"{use.place}: recipe {use.name}", lambda: options(**values)) if options else None
    except RecipeError as error:
        if isinstance(error.__cause__, ValueError):
            raise RecipeError(f"{use.place}: recipe {use.name}: {error.__cause__}") from None
        raise


def check(options: object, place: str) -> None:
    """Refuse what cannot hold options.

    Raises:
        RecipeError: it is no dataclass, or has a type that deploy.yml cannot say.
    """
    if options is None:
        return
    if not isinstance(options, type) or not dataclasses.is_dataclass(options):
        raise RecipeError(f"{place}: options= of a Recipe is a dataclass, not {options!r}")
    for name, kind in loaded(place, lambda: typing.get_type_hints(options, include_extras=True)).items():
        if not words(kind):
            known = listed(word for kind, word in WORDS.items() if kind is not type(None))
            raise RecipeError(f"{place}: option {name} is of a type that deploy.yml cannot say; it can say {known}")


def secrets(options: object) -> list[Secret]:
    """The secrets among the options."""
    return [value for value in vars(options).values() if isinstance(value, Secret)] if options else []


def loaded(place: str, load: Callable[[], T]) -> T:
    """What a recipe's code makes; however it fails, the error says which recipe it is.

    Raises:
        RecipeError: it failed; so does a ConfigError, which has its own place.
    """
    try:
        return load()
    except (ConfigError, KeyboardInterrupt):
        raise
    except BaseException as error:  # an exit, too: doit would end without a word, as if all were well
        what = printable(f"{type(error).__name__}: {error}")
        raise RecipeError(f"{place}: cannot be loaded: {what}{locate_error(error)}") from error


def words(kind: Any) -> str:
    """A type in words; empty for one that deploy.yml cannot say."""
    if kind in WORDS:
        return WORDS[kind]
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        return " or ".join(map(str, inner))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(words(one) for one in inner) if all(map(words, inner)) else ""
    if kind == tuple[str, ...]:
        return "a list of texts"
    return "a mapping of texts" if kind == Mapping[str, str] else ""


def _value(value: object, kind: Any) -> object:
    """What deploy.yml says, as Python has it."""
    if isinstance(value, list):
        return tuple(value)
    return float(value) if kind is float and type(value) is int else value


def _wrongs(name: str, value: object, kind: Any, roles: set[str]) -> list[str]:
    if not _fits(value, kind):
        shown = "a secret" if isinstance(value, Secret) else "a text" if kind is Secret else repr(value)
        return [f"option {name} is {shown}, expected {words(kind)}"]
    if kind == RoleNames and isinstance(value, tuple):
        return [f"option {name}: no host has the role {role}{near(role, roles)}" for role in value if role not in roles]
    return []


def _fits(value: object, kind: Any) -> bool:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        return value in inner
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, one) for one in inner)
    if kind == RoleNames or origin is tuple:
        return isinstance(value, tuple)
    return isinstance(value, dict) if origin else type(value) is kind


def _default(field: dataclasses.Field[Any]) -> str | None:
    if field.default_factory is not dataclasses.MISSING:
        return json.dumps(field.default_factory())
    return None if field.default is dataclasses.MISSING else json.dumps(field.default)


def _comments(options: type) -> dict[str, str]:
    """The ``#:`` comments of a dataclass by the names of their fields: behind a field, or above it."""
    try:
        lines = inspect.getsource(options).splitlines()
    except OSError:
        return {}
    found: dict[str, str] = {}
    above: list[str] = []
    for line in lines:
        comment, name = COMMENT.match(line), line.partition(":")[0].strip()
        if comment and not comment[1]:
            above.append(comment[2])
            continue
        if name.isidentifier() and (above or comment):
            found[name] = " ".join([*above, *([comment[2]] if comment else [])])
        above = []
    return found
