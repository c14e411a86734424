"""The hosts and groups of hooks that restart an application once a release is live."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

# Keyword arguments of `Recipe.after`, for a recipe with the options roles, at_once and wait.
BY_OPTIONS: Mapping[str, Callable[[Any], Any]] = {
    "roles": lambda options: options.roles,
    "at_once": lambda options: options.at_once,
    "wait": lambda options: options.wait,
}
