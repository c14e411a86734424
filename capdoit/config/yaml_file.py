"""The file deploy.yml as YAML: its text, and its nodes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from capdoit.config.yaml_mistakes import Mistakes
from capdoit.config.yaml_nodes import YamlValue
from capdoit.errors import ConfigError

# libyaml is about ten times as fast; the loader in Python reports more exact places of mistakes.
EXACT = yaml.SafeLoader
FAST = getattr(yaml, "CSafeLoader", EXACT)
TAG_WITHOUT_SPACE = re.compile(r"[:,{\[]\s*(![a-z]+)[,}]")  # YAML takes the comma for a part of the tag
MOST_LEVELS = 40  # deploy.yml needs seven; libyaml crashes on some thousands


def read_text(file: Path) -> str:
    """Return the text of a YAML file.

    Raises:
        ConfigError: the file cannot be read.
    """
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}; `doit cap install` writes an example") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: not UTF-8 at byte {error.start}") from None


def read_yaml(file: Path, text: str, loader: Any) -> YamlValue:
    """Read the text of a YAML file; no tag creates a Python object.

    Args:
        file: path of the file, for messages.
        text: its text.
        loader: `FAST` or `EXACT`.

    Raises:
        ConfigError: the text is not YAML; has line and column.
    """
    node = _compose(file, text, loader)
    if node is None:
        raise ConfigError(f"{file}: is empty; remove it, and `doit cap install` writes an example")
    return YamlValue(node, "", Mistakes(file))


def _compose(file: Path, text: str, loader: Any) -> yaml.Node | None:
    try:
        _refuse_deep_nesting(file, text, loader)
        return yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigError(f"{file}{_line_and_column(mark)}: {_explain(error, text, mark)}") from None
    except yaml.reader.ReaderError as error:
        *lines, last = text[: error.position].split("\n")
        raise ConfigError(f"{file}:{len(lines) + 1}:{len(last) + 1}: not YAML: {error.reason}") from None


def _explain(error: yaml.MarkedYAMLError, text: str, mark: Any) -> str:
    """Return what is wrong with a text that is not YAML."""
    if mark and "%{" in (text[mark.index : mark.index + 2], text[mark.index - 1 : mark.index + 1]):
        return 'quote a value with %{…} that begins with it or stands between { and }, such as "%{stage}"'
    last_lines = text[: mark.index + 1].split("\n")[-2:] if mark else ()
    if tag := TAG_WITHOUT_SPACE.search("\n".join(last_lines)):
        return f"not YAML: {tag[1]} needs a space behind it"
    return f"not YAML: {error.problem or error.context}"


def _refuse_deep_nesting(file: Path, text: str, loader: Any) -> None:
    level = 0
    for event in yaml.parse(text, Loader=loader):
        level += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if level > MOST_LEVELS:
            place = _line_and_column(event.start_mark)
            raise ConfigError(f"{file}{place}: is nested more than {MOST_LEVELS} levels deep")


def _line_and_column(mark: Any) -> str:
    return f":{mark.line + 1}:{mark.column + 1}" if mark else ""
