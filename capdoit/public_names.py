"""Wrong uses of capdoit's public names in a dodo.py or a recipe: one sentence with the line, instead of a traceback."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from importlib.util import find_spec
from typing import Any, TypeVar

from capdoit.error_location import caller_location
from capdoit.text import join_names, suggest_name

Public = TypeVar("Public", bound=Callable[..., Any])


def make_name_error(name: str, known: Iterable[str]) -> Exception:
    """Return the error of a name that the package does not have, as an attribute of it or in ``from capdoit import``.

    Modules can be imported, and Python itself asks for names with underscores.
    """
    if name.startswith("_") or find_spec(f"capdoit.{name}"):
        return AttributeError(f"module 'capdoit' has no attribute {name!r}")
    from capdoit.doit_errors import UnknownAttribute, UnknownImport

    kind = UnknownImport if _is_import() else UnknownAttribute
    return kind(f"{caller_location()}: capdoit has no {name}{_name_known(name, known)}")


def _is_import() -> bool:
    """Return True if ``from capdoit import NAME`` asks for a name: Python makes another error of an AttributeError."""
    return sys._getframe(3).f_code.co_name == "_handle_fromlist"


def refusing_wrong_arguments(public: Public) -> Public:
    """Make a call of a function or class with wrong arguments a mistake of its caller, with the line."""
    if isinstance(public, type):
        public.__init__ = refusing_wrong_arguments(public.__init__)  # type: ignore[misc]
        return public
    signature = inspect.signature(public)

    @wraps(public)
    def call(*arguments: Any, **keywords: Any) -> Any:
        try:
            signature.bind(*arguments, **keywords)
        except TypeError as error:
            from capdoit.doit_errors import WrongArguments

            name = public.__qualname__.removesuffix(".__init__")
            raise WrongArguments(f"{caller_location()}: {name}{_explain(error, signature, keywords)}") from None
        return public(*arguments, **keywords)

    return call  # type: ignore[return-value]


def _explain(error: TypeError, signature: inspect.Signature, keywords: Mapping[str, Any]) -> str:
    known = [name for name in signature.parameters if name != "self"]
    unknown = [name for name in keywords if name not in known]
    return f" has no {unknown[0]}={_name_known(unknown[0], known)}" if unknown else f": {error}"


def _name_known(name: str, known: Iterable[str]) -> str:
    return f"{suggest_name(name, known)} (there are {join_names(known)})"
