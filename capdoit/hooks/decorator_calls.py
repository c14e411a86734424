"""Calls of decorators: wrong arguments are refused with the line and the way to write it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from capdoit.error_location import caller_location
from capdoit.errors import ConfigError
from capdoit.hooks.tool import Tool

if TYPE_CHECKING:
    from capdoit.hooks.declarations import HookRegistry

Function = TypeVar("Function", bound=Callable[..., object])
Method = TypeVar("Method", bound=Callable[..., Any])
# The decorators, as they are written.
USAGE = {
    "before": '@….before("publishing")',
    "after": '@….after("published")',
    "health": "@….health()",
    "environment": "@….environment()",
    "task": '@….task or @….task(roles="web")',
    "on_failed": "@….on_failed",
}


class KeywordValues(NamedTuple):
    """The values that a keyword can have; in a recipe, a function of the options may return one.

    Attributes:
        expected: the values, for messages.
        has: returns True for such a value.
    """

    expected: str
    has: Callable[[Any], bool]


def _is_list_of(value: Any, *types: type) -> bool:
    return isinstance(value, types) or (isinstance(value, Collection) and all(isinstance(one, types) for one in value))


NAMES = KeywordValues("a name, or several", lambda value: _is_list_of(value, str))
YES_OR_NO = KeywordValues("True or False", lambda value: isinstance(value, bool))
KEYWORD_VALUES = {
    **dict.fromkeys(("roles", "flows", "not_provided"), NAMES),
    **dict.fromkeys(("primary", "once", "drill", "interactive", "exclusive"), YES_OR_NO),
    "tools": KeywordValues("names of programs, or capdoit.Tool", lambda value: _is_list_of(value, str, Tool)),
    # `Hook.find_pace_mistake` checks the numbers, which depend on each other.
    "at_once": KeywordValues("a number of hosts, 1 or more", lambda value: not callable(value)),
    "wait": KeywordValues("a number of seconds", lambda value: not callable(value)),
    "timeout": KeywordValues(
        "a number of seconds, or None", lambda value: value is None or (type(value) in (int, float) and value > 0)
    ),
}


def refusing_wrong_calls(method: Method) -> Method:
    """Make a call with wrong arguments a mistake of the project with its line, instead of a TypeError."""
    name, signature = method.__name__, inspect.signature(method)

    @wraps(method)
    def call(registry: HookRegistry, *arguments: Any, **keywords: Any) -> Any:
        with registry.declaration_errors():
            _check_call(name, signature, arguments, keywords)
            _check_values(name, keywords, is_recipe=bool(registry.recipe))
            return method(registry, *arguments, **keywords)
        return _leave_as_it_is  # the mistake is collected

    return call  # type: ignore[return-value]


def _check_call(name: str, signature: inspect.Signature, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> None:
    first = arguments[0] if arguments else "published"
    fits = callable(first) or (isinstance(first, str) and (name in ("before", "after") or not arguments))
    try:
        signature.bind(None, *arguments, **keywords)
    except TypeError:
        fits = False
    if not fits:
        raise ConfigError(f"{caller_location()}: {name} is called with wrong arguments; write {USAGE[name]}")


def _check_values(name: str, keywords: Mapping[str, Any], is_recipe: bool) -> None:
    for keyword, value in keywords.items():
        known = KEYWORD_VALUES.get(keyword)
        if known and not known.has(value) and not (is_recipe and callable(value)):
            found = "a function" if callable(value) else repr(value)
            raise ConfigError(f"{caller_location()}: {name}: {keyword}={found}: expected {known.expected}")


def _leave_as_it_is(function: Function) -> Function:
    return function
