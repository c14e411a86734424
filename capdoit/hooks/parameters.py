"""The parameters of tasks on demand: variables of the command line with a name, a type and perhaps a default."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from capdoit.errors import ConfigError
from capdoit.text import join_names, suggest_name

YES_OR_NO = {"yes": True, "no": False}


@dataclass(frozen=True)
class ParameterType:
    """The type of a parameter.

    Attributes:
        name: its name for people.
        read: returns the value of a text; raises ValueError or KeyError if the text is wrong.
        choices: the possible texts; empty if there are too many to list.
    """

    name: str
    read: Callable[[str], object]
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Parameter:
    """A parameter of a task on demand.

    Attributes:
        name: its name on the command line.
        type: its type.
        is_required: whether it has no default.
        default: its default; None if it is required.
    """

    name: str
    type: ParameterType
    is_required: bool
    default: object

    def read(self, text: str) -> object:
        """Return the value of a text.

        Raises:
            ConfigError: the text has the wrong type.
        """
        try:
            return self.type.read(text)
        except (ValueError, KeyError):
            hint = suggest_name(text, self.type.choices)
            raise ConfigError(f"{self.name}={text}: expected {self.type.name}{hint}; nothing was done") from None


def _read_text(text: str) -> str:
    if not text:
        raise ValueError
    return text


def _read_names(text: str) -> tuple[str, ...]:
    names = tuple(word.strip() for word in text.split(","))
    if not all(names):
        raise ValueError
    return names


TYPES: Mapping[Any, ParameterType] = {
    str: ParameterType("a text", _read_text),
    int: ParameterType("an integer", int),
    float: ParameterType("a number", float),
    bool: ParameterType("yes or no", YES_OR_NO.__getitem__, tuple(YES_OR_NO)),
    tuple[str, ...]: ParameterType("texts with commas between them", _read_names),
}


def read_parameters(parameters: tuple[Parameter, ...], texts: Mapping[str, str]) -> dict[str, object]:
    """Return the value of each parameter by its name.

    Args:
        parameters: the parameters.
        texts: the variables of the command line.

    Raises:
        ConfigError: a value has the wrong type, or a required parameter has no value.
    """
    missing = [one for one in parameters if one.is_required and one.name not in texts]
    if missing:
        wanted = join_names(f"{one.name}= ({one.type.name})" for one in missing)
        raise ConfigError(f"the task needs {wanted}; nothing was done")
    return {one.name: one.read(texts[one.name]) if one.name in texts else one.default for one in parameters}


def find_parameters(function: Callable[..., object], given: Container[str], place: str) -> tuple[Parameter, ...]:
    """Return the parameters of a task's function: its arguments behind ``*``.

    Args:
        function: the function.
        given: names of arguments that are no parameters.
        place: beginning of the error's message.

    Raises:
        ConfigError: an argument has a type that a variable of the command line cannot have.
    """
    found = [one for name, one in inspect.signature(function).parameters.items() if name not in given]
    keyword_only = [one for one in found if one.kind is inspect.Parameter.KEYWORD_ONLY]
    return tuple(_make_parameter(function, one, place) for one in keyword_only)


def _make_parameter(function: Callable[..., object], found: inspect.Parameter, place: str) -> Parameter:
    is_required = found.default is inspect.Parameter.empty
    kind = find_parameter_type(_hint_of(function, found))
    if kind is None:
        known = join_names([*(one.name for one in TYPES.values()), "Literal"])
        raise ConfigError(f"{place}: the type of {found.name} cannot be typed as NAME=VALUE; possible are {known}")
    return Parameter(found.name, kind, is_required, None if is_required else found.default)


def find_parameter_type(hint: Any) -> ParameterType | None:
    """Return the type of a parameter by its annotation; None if a variable of the command line cannot have it."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        choices = {str(argument): argument for argument in arguments}
        return ParameterType(" or ".join(choices), choices.__getitem__, tuple(choices))
    if origin in (typing.Union, types.UnionType):
        others = [argument for argument in arguments if argument is not type(None)]
        return find_parameter_type(others[0]) if len(others) == 1 else None
    return TYPES.get(hint)


def _hint_of(function: Callable[..., object], found: inspect.Parameter) -> Any:
    """Return the annotation of an argument; without one, the type of its default, or str."""
    if found.annotation is inspect.Parameter.empty:
        return str if found.default in (None, inspect.Parameter.empty) else type(found.default)

    def annotated() -> None:
        """Have only this annotation: those of other arguments may exist for type checkers only."""

    annotated.__annotations__ = {found.name: found.annotation}
    try:
        return typing.get_type_hints(annotated, globalns=getattr(function, "__globals__", {}))[found.name]
    except (NameError, TypeError, SyntaxError):
        return None
