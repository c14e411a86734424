"""The options of a recipe: the fields of a dataclass, checked against deploy.yml."""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from capdoit.config.readers import BOOLEAN, STRINGS, STRINGS_BY_NAME, JsonSchema, matching
from capdoit.config.recipe_uses import RecipeUse
from capdoit.config.yaml_nodes import ANY_SIZE
from capdoit.error_location import locate_error
from capdoit.errors import ConfigError, RecipeError
from capdoit.hooks.option_texts import parse_text, stand_in
from capdoit.script import NAME, Secret, SecretText
from capdoit.text import join_names, make_printable, suggest_name

T = TypeVar("T")
RoleNames = Annotated[tuple[str, ...], "roles"]


@dataclasses.dataclass(frozen=True)
class OptionType:
    """The type of an option.

    Attributes:
        name: its name for people.
        accepts: the JSON Schema of the values that it accepts in deploy.yml.
    """

    name: str
    accepts: JsonSchema

    @property
    def is_scalar(self) -> bool:
        """True if a value may be a single text, number or word."""
        parts = self.accepts.get("anyOf", [self.accepts])
        return any("enum" in part or part.get("type") not in ("array", "object", "null") for part in parts)


TYPES: Mapping[Any, OptionType] = {
    str: OptionType("string", {"type": "string", "minLength": 1}),
    int: OptionType("integer", {"type": "integer", "minimum": 0, "maximum": ANY_SIZE}),
    float: OptionType("number", {"type": "number"}),
    bool: OptionType("true or false", BOOLEAN),
    Secret: OptionType("secret (!env NAME)", matching(NAME)),
    RoleNames: OptionType("list of roles", STRINGS),
    tuple[str, ...]: OptionType("list of strings", STRINGS),
    Mapping[str, str]: OptionType("mapping of strings", STRINGS_BY_NAME),
    type(None): OptionType("null", {"type": "null"}),
}
INEXPRESSIBLE = OptionType("", {})
COMMENT = re.compile(r"\s*(?:(\w+)\s*:.*?)?#:\s*(.*)")


@dataclasses.dataclass(frozen=True)
class Option:
    """One option of a recipe.

    Attributes:
        name: name in deploy.yml.
        type: its type.
        is_required: whether it has no default.
        default: its default, as deploy.yml would have it; None also if the option is required.
        doc: the field's ``#:`` comment.
    """

    name: str
    type: OptionType
    is_required: bool
    default: Any
    doc: str


def describe_options(options: type | None) -> list[Option]:
    """Return the options of a dataclass, in order; an empty list for a recipe without options."""
    if options is None:
        return []
    hints, comments = typing.get_type_hints(options, include_extras=True), _comments(options)
    return [
        Option(f.name, find_type(hints[f.name]), _is_required(f), _default(f), comments.get(f.name, ""))
        for f in dataclasses.fields(options)
    ]


def read_options(options: type | None, use: RecipeUse, file: str, roles: set[str] | None) -> Any:
    """Return an instance of a recipe's dataclass with the options from deploy.yml; None for a recipe without options.

    Args:
        options: the dataclass.
        use: the recipe's entry in deploy.yml.
        file: path of the recipe's module.
        roles: roles of all hosts; None if not all hosts are known.

    Raises:
        RecipeError: names every option that is unknown, missing, of a wrong type, or a role that no host has.
    """
    fields = {f.name: f for f in dataclasses.fields(options)} if options else {}
    hints = typing.get_type_hints(options, include_extras=True) if options else {}
    written = {name: value for name, value in use.options.items() if name in fields}
    values = {name: _to_python(value, hints[name], fields[name]) for name, value in written.items()}
    mistakes = [
        *_find_unknown_options(use, file, fields),
        *(f"{use.places[n]}: {wrong}" for n, value in values.items() for wrong in _mistakes(n, value, hints[n], roles)),
        *_find_missing_options(use, fields, hints),
    ]
    if mistakes:
        raise RecipeError(*mistakes)
    return _make_options(options, values, use) if options else None


def check_options_class(options: object, place: str) -> None:
    """Check that a class can hold the options of a recipe.

    Args:
        options: value of the recipe's ``options=``.
        place: beginning of the error's message.

    Raises:
        RecipeError: it is not a dataclass, or a field has a type that deploy.yml cannot express.
    """
    if options is None:
        return
    if not isinstance(options, type) or not dataclasses.is_dataclass(options):
        raise RecipeError(f"{place}: options= of a Recipe must be a dataclass, not {options!r}")
    for name, hint in run_recipe_code(place, lambda: typing.get_type_hints(options, include_extras=True)).items():
        if not find_type(hint).name:
            known = join_names(one.name for hint, one in TYPES.items() if hint is not type(None))
            raise RecipeError(f"{place}: option {name} has a type that deploy.yml cannot express; possible are {known}")


def find_secrets_in_options(options: object) -> list[Secret]:
    """Return the secrets among the options of a recipe."""
    return [value for value in vars(options).values() if isinstance(value, Secret)] if options else []


def find_pending_options(options: type | None, use: RecipeUse) -> tuple[Secret, ...]:
    """Return the values from elsewhere of options whose types are not secrets, as far as they are not known yet."""
    hints = typing.get_type_hints(options, include_extras=True) if options else {}
    found = {name: value for name, value in use.options.items() if isinstance(value, Secret) and not value.is_known}
    return tuple(value for name, value in found.items() if name in hints and not _has_type(value, hints[name]))


def run_recipe_code(place: str, code: Callable[[], T]) -> T:
    """Return the result of a recipe's own code, and turn every error of it into a RecipeError.

    Args:
        place: beginning of the error's message; names the recipe.
        code: function to call.

    Raises:
        RecipeError: the code failed.
        ConfigError: the code raised it; it has a location already.
    """
    try:
        return code()
    except (ConfigError, KeyboardInterrupt):
        raise
    except BaseException as error:  # also SystemExit: doit would end without a message and with exit code 0
        what = make_printable(f"{type(error).__name__}: {error}")
        raise RecipeError(f"{place}: cannot be loaded: {what}{locate_error(error)}") from error


def find_type(hint: Any) -> OptionType:
    """Return the type of an option by its annotation; one without a name if deploy.yml cannot express the type."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return OptionType(" or ".join(map(str, arguments)), {"enum": [*arguments]})
    if origin in (typing.Union, types.UnionType):
        found = [find_type(argument) for argument in arguments]
        names = [one.name for one in found]
        return OptionType(" or ".join(names) if all(names) else "", {"anyOf": [one.accepts for one in found]})
    return TYPES.get(hint, INEXPRESSIBLE)


def _find_unknown_options(use: RecipeUse, file: str, known: Mapping[str, object]) -> list[str]:
    return [
        f"{use.places[name]}: recipe {use.name} ({file}) has no option {name}{suggest_name(name, known)}"
        f"{' ' if suggest_name(name, known) else '; '}doit cap recipes {use.name} shows all"
        for name in use.options
        if name not in known
    ]


def _find_missing_options(
    use: RecipeUse, fields: Mapping[str, dataclasses.Field[Any]], hints: Mapping[str, Any]
) -> list[str]:
    return [
        f"{use.place}: recipe {use.name} requires the option {name} ({find_type(hints[name]).name})"
        for name, f in fields.items()
        if _is_required(f) and name not in use.options
    ]


def _make_options(options: type, values: Mapping[str, object], use: RecipeUse) -> Any:
    place = f"{use.place}: recipe {use.name}"
    try:
        return run_recipe_code(place, lambda: options(**values))
    except RecipeError as error:
        if isinstance(error.__cause__, ValueError):  # the recipe's own check of a value
            raise RecipeError(f"{place}: {error.__cause__}") from None
        raise


def _to_python(value: object, hint: Any, field: dataclasses.Field[Any]) -> object:
    """Return a value of deploy.yml with the type that the dataclass expects."""
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, str) and not _has_type(value, hint) and _has_type((value,), hint):
        return (value,)  # a single string is a list of one
    if isinstance(value, Secret) and not _has_type(value, hint):
        return parse_text(value, hint) if value.is_known else stand_in(value, hint, field)
    return float(value) if hint is float and type(value) is int else value


def _mistakes(name: str, value: object, hint: Any, roles: set[str] | None) -> list[str]:
    if not _has_type(value, hint):
        shown = value.source.noun if isinstance(value, Secret) else "not a secret" if hint is Secret else repr(value)
        return [f"option {name} is {shown}, expected {find_type(hint).name}"]
    if hint == RoleNames and isinstance(value, tuple) and roles is not None:
        return [
            f"option {name}: no host has the role {role}{suggest_name(role, roles)}"
            for role in value
            if role not in roles
        ]
    return []


def _has_type(value: object, hint: Any) -> bool:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return value in arguments
    if origin in (typing.Union, types.UnionType):
        return any(_has_type(value, argument) for argument in arguments)
    if hint == RoleNames or origin is tuple:
        return isinstance(value, tuple)
    return isinstance(value, dict) if origin else type(value) is hint or (hint is str and isinstance(value, SecretText))


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is field.default_factory is dataclasses.MISSING


def _default(field: dataclasses.Field[Any]) -> Any:
    """Return the default of a field, as deploy.yml would have it; None if the field has none."""
    if _is_required(field):
        return None
    value = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
    return list(value) if isinstance(value, tuple) else value


def _comments(options: type) -> dict[str, str]:
    """Return the ``#:`` comments of a dataclass and of its base classes by field name."""
    classes = [one for one in reversed(options.__mro__) if dataclasses.is_dataclass(one)]
    return {name: comment for one in classes for name, comment in _own_comments(one).items()}


def _own_comments(options: type) -> dict[str, str]:
    """Return the ``#:`` comments in the code of a class; a comment is behind its field, or above it."""
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
