"""Readers of the paths in deploy.yml."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from typing import NamedTuple

from capdoit.config.readers import FALSE, STRING, JsonSchema, accepting, make_list_schema
from capdoit.config.yaml_nodes import FALSE_WORDS, YamlValue
from capdoit.layout import is_inside

LINE_BREAK = re.compile(r"[\n\r]")
HAS_PARENT = r"(?:.*/)?\.\.(?:/|$)"
DEPLOY_TO: JsonSchema = {**STRING, "pattern": rf"^(?!~[^/])(?!{HAS_PARENT})(?!~?(?:\.?/)*\.?$)[^\\]+$"}
ABSOLUTE_PATH: JsonSchema = {"type": "string", "pattern": rf"^/(?!{HAS_PARENT})(?!(?:\.?/)*\.?$)|%\{{"}
INNER_PATH: JsonSchema = {
    "type": "string",
    "minLength": 1,
    "pattern": r"^(?!/)(?!(?:.*/)?\.{1,2}(?:/|$))(?!.*//+[^/])|%\{",
}
LOCAL_FILE: JsonSchema = {**STRING, "pattern": "[^/]$"}
NULL: JsonSchema = {"type": "null"}

SharedTo = tuple[tuple[str, str], ...]


class LinkedFile(NamedTuple):
    """A linked file.

    Attributes:
        path: the path below ``shared``.
        source: the file on the controller; empty for none.
        place: file, line and column of the source.
    """

    path: str
    source: str = ""
    place: str = ""


LinkedFiles = tuple[LinkedFile, ...]


@accepting(DEPLOY_TO)
def read_deploy_to(value: YamlValue) -> str:
    """Read the directory that a host is deployed to."""
    text = value.as_string()
    if text.startswith("~") and text.partition("/")[0] != "~":
        value.add_mistake(f"found {text!r}, expected ~/PATH, which is below the home directory of the user of ssh")
        return ""
    if text and (posixpath.normpath(text) in ("/", "//", ".", "~") or ".." in text.split("/")):
        value.add_mistake(f"found {text!r}, expected a directory of its own, without ..")
        return ""
    if "\\" in text or not text.isprintable():  # tar interprets backslashes in names
        value.add_mistake(f"found {text!r}, expected a path without backslashes and control characters")
        return ""
    return text.rstrip("/")


@accepting({"anyOf": [FALSE, LOCAL_FILE]})
def read_log(value: YamlValue) -> str | None:
    """Read the path of the log file; ``off``, also in an environment variable, means no log."""
    if str(value.node.value).lower() in FALSE_WORDS:
        return None
    if value.kind == "bool":
        value.add_mismatch("the path of a file, or off")
        return None
    text = value.as_string()
    if text and (not text.isprintable() or text.endswith("/")):
        value.add_mistake(f"found {text!r}, expected the path of a file, or off")
    return text


@accepting(
    {
        "anyOf": [
            ABSOLUTE_PATH,
            {"type": "object", "propertyNames": INNER_PATH, "additionalProperties": ABSOLUTE_PATH},
        ]
    }
)
def read_shared_to(value: YamlValue) -> SharedTo:
    """Read where shared leads (a path), or where paths in it lead (a mapping); "" in the result is shared itself."""
    if value.kind != "map":
        return (("", _read_absolute_path(value)),)
    paths = value.as_mapping("a path, or a mapping of paths below shared to paths")
    hint = "; for shared itself: shared_to: PATH"
    return tuple((_read_key_below_shared(path, item, hint), _read_absolute_path(item)) for path, item in paths.items())


def _read_absolute_path(value: YamlValue) -> str:
    text = value.as_string()
    if text and (not text.startswith("/") or posixpath.normpath(text) in ("/", "//") or ".." in text.split("/")):
        value.add_mistake(f"found {text!r}, expected an absolute path without ..")
    elif not text.isprintable():
        value.add_mistake(f"found {text!r}, expected a path without control characters")
    return text.rstrip("/")


def _read_key_below_shared(path: str, value: YamlValue, hint: str = "") -> str:
    if not is_inside(path.rstrip("/")) or LINE_BREAK.search(path):
        value.add_mistake(f"expected a path below shared, without . and .. and line breaks{hint}")
    return path.rstrip("/")


@accepting(INNER_PATH)
def read_inner_path(value: YamlValue) -> str:
    """Read a path that stays inside the release."""
    text = _read_path(value)
    path = text.rstrip("/")
    if text and not is_inside(path):
        value.add_mistake(f"found {text!r}, expected a path inside the release, without . and ..")
        return ""
    return path


def _read_path(value: YamlValue) -> str:
    """Read a path: a string in one line. A number is none, because 1 and 1.0 would be two paths."""
    if value.is_number:
        value.add_mismatch("a path; quote it")
        return ""
    text = value.as_string()
    if LINE_BREAK.search(text):
        value.add_mistake(f"found {text!r}, expected a path without line breaks")
        return ""
    return text


@accepting(make_list_schema(INNER_PATH, uniqueItems=True))
def read_inner_paths(value: YamlValue) -> tuple[str, ...]:
    """Read a list of different paths that stay inside the release."""
    return _read_different_paths(value, read_inner_path)


def _read_different_paths(value: YamlValue, read: Callable[[YamlValue], str]) -> tuple[str, ...]:
    items = value.as_list("a list of paths")
    paths = tuple(map(read, items))
    for number, path in enumerate(paths):
        if path and path in paths[:number]:
            items[number].add_mistake(f"{path} is in the list twice")
    return paths


@accepting(
    {
        "anyOf": [
            read_inner_paths.accepts,
            {"type": "object", "propertyNames": INNER_PATH, "additionalProperties": {"anyOf": [LOCAL_FILE, NULL]}},
        ]
    }
)
def read_linked_files(value: YamlValue) -> LinkedFiles:
    """Read a list of linked files, or a mapping of linked files to the files on the controller to upload."""
    if value.kind != "map":
        return tuple(map(LinkedFile, read_inner_paths(value)))
    files = value.as_mapping()
    return tuple(
        LinkedFile(_read_key_below_shared(path, item), _read_local_file(item), item.place)
        for path, item in files.items()
    )


def _read_local_file(value: YamlValue) -> str:
    """Read the path of a file on the controller; empty for no file."""
    if value.kind == "null":
        return ""
    text = value.as_string()
    if text.endswith("/"):
        value.add_mistake(f"found {text!r}, expected the path of a file on this machine, or nothing")
    return text


@accepting(make_list_schema({"anyOf": [ABSOLUTE_PATH, INNER_PATH]}, uniqueItems=True))
def read_log_patterns(value: YamlValue) -> tuple[str, ...]:
    """Read a list of different paths of logs: absolute, or in deploy_to. They may have the wildcards of sh."""
    return _read_different_paths(value, _read_log_pattern)


def _read_log_pattern(value: YamlValue) -> str:
    text = _read_path(value)
    if text.startswith("/"):
        return _read_absolute_path(value)
    if text and not is_inside(text.rstrip("/")):
        value.add_mistake(f"found {text!r}, expected an absolute path, or a path in deploy_to without . and ..")
    return text.rstrip("/")
