"""The tags of values that deploy.yml takes from elsewhere: ``!env``, ``!cmd``, ``!current``, ``!ask``; ``!todo``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from capdoit.config.yaml_nodes import YamlValue
from capdoit.controller_command import ControllerCommand, CurrentBranch
from capdoit.questions import Question
from capdoit.script import NAME
from capdoit.sources import EnvironmentVariable, Source, ToFillIn

LONGEST_TIMEOUT_SECONDS = 3600
# The JSON Schema of what editors see of such a value: they do not show the tag. A word in capitals is the name of a
# variable, a text with a space is a command, and one with %{ has a reference.
MAPPINGS = (
    {
        "type": "object",
        "properties": {"name": {"type": "string"}, "default": {"not": {"type": "array"}}},
        "required": ["name"],
        "additionalProperties": False,
    },
    {
        "type": "object",
        "properties": {
            "run": {"type": "string"},
            "timeout": {"type": "integer", "minimum": 1, "maximum": LONGEST_TIMEOUT_SECONDS},
        },
        "required": ["run"],
        "additionalProperties": False,
    },
    {
        "type": "object",
        "properties": {"question": {"type": "string"}, "default": {}, "name": {"type": "string"}},
        "minProperties": 1,
        "additionalProperties": False,
    },
)
EXTERNAL_VALUE: Mapping[str, Any] = {
    "anyOf": [{"type": "string", "pattern": r"^$|^[A-Z_][A-Z0-9_]*$|[ \n?]|%\{"}, *MAPPINGS],
}
# The same for a number or a boolean, which no word is: any word may be a command or the name of a variable.
EXTERNAL_WORD: Mapping[str, Any] = {"anyOf": [{"type": "string", "pattern": r"^$|[^0-9.]"}, *MAPPINGS]}
DEFINITIONS = {"elsewhere": EXTERNAL_VALUE, "word_from_elsewhere": EXTERNAL_WORD}


def or_external(accepts: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the JSON Schema of a value that may also come from elsewhere, by a tag that editors do not show."""
    kinds = _list_types(accepts)
    is_word = "boolean" in kinds or bool(kinds & {"integer", "number"} and "string" not in kinds)
    name = "word_from_elsewhere" if is_word else "elsewhere"
    return {"anyOf": [accepts, {"$ref": f"#/definitions/{name}"}]}


def _list_types(accepts: Mapping[str, Any]) -> set[str]:
    own = accepts.get("type", ())
    inner = (kind for one in accepts.get("anyOf", ()) for kind in _list_types(one))
    return {*([own] if isinstance(own, str) else own), *inner}


def read_source(value: YamlValue) -> Source | None:
    """Return the source that a value names by its tag, or a text with references; None for any other value.

    Raises:
        PendingValue: the tag has a reference to a value that is not known yet.
    """
    reader = TAGS.get(value.kind)
    return reader(value.untagged()) if reader else value.find_references()


def _read_variable(value: YamlValue) -> EnvironmentVariable:
    """Read what is behind ``!env``: a name, or a mapping with ``name`` and ``default``."""
    if value.kind != "map":
        return EnvironmentVariable(_read_variable_name(value))
    fields = _read_fields(value, "!env", {"name": _read_variable_name, "default": _read_default})
    if isinstance(fields.get("default"), Question):
        value.add_mistake("!ask cannot be the default of !env; write !ask {default: !env NAME }")
    return EnvironmentVariable(fields["name"], fields.get("default"))


def _read_command(value: YamlValue) -> ControllerCommand:
    """Read what is behind ``!cmd``: a command, or a mapping with ``run`` and ``timeout`` in seconds."""
    directory = str(value.mistakes.file.parent.absolute())
    if value.kind != "map":
        return ControllerCommand(_read_command_text(value), directory)
    fields = _read_fields(value, "!cmd", {"run": _read_command_text, "timeout": _read_timeout})
    limit = {"timeout_seconds": fields["timeout"]} if "timeout" in fields else {}
    return ControllerCommand(fields["run"], directory, **limit)


def _read_fields(value: YamlValue, tag: str, readers: Mapping[str, Callable[[YamlValue], Any]]) -> dict[str, Any]:
    """Read the mapping behind a tag; the first of its fields is required."""
    fields, required = value.read_fields(readers, f"setting of {tag}", {}), next(iter(readers))
    if required not in fields:
        value.add_mistake(f"no {required}, which {tag} needs")
    return {required: "", **fields}


def _read_variable_name(value: YamlValue) -> str:
    name = str(value.node.value)
    if not NAME.fullmatch(name):
        value.add_mistake("expected the name of an environment variable after !env")
    return name


def _read_any_text(value: YamlValue) -> str:
    """Read a default: a text, a number, a boolean, or an empty text."""
    return str(value.node.value) if value.kind in ("bool", "null") else value.as_string(may_be_empty=True)


def _read_command_text(value: YamlValue) -> str:
    if value.kind != "str":
        value.add_mistake("expected a command after !cmd")
        return ""
    return value.as_string()


def _read_timeout(value: YamlValue) -> int:
    return value.as_whole_number(1, LONGEST_TIMEOUT_SECONDS)


def _read_current_branch(value: YamlValue) -> CurrentBranch:
    """Read ``!current``, which has nothing behind it."""
    if value.kind != "null" or value.path.rpartition(".")[2] not in ("branch", "default"):
        value.add_mistake("!current is the current branch: branch: !current, or as the default of !ask")
    return CurrentBranch(str(value.mistakes.file.parent.absolute()))


def _read_question(value: YamlValue) -> Question:
    """Read what is behind ``!ask``: nothing, a question, or a mapping with ``question``, ``default`` and ``name``."""
    from capdoit.config.variables import VARIABLES  # it imports the settings

    readers: dict[str, Callable[[YamlValue], Any]] = {
        "question": YamlValue.as_string,
        "default": _read_default,
        "name": _read_answering_variable,
    }
    texts: dict[str, Any] = {"question": value.as_string()} if value.kind == "str" else {}
    fields = value.read_fields(readers, "setting of !ask", {}) if value.kind == "map" else texts
    name = fields.get("name") or value.path.rpartition(".")[2]
    if name in VARIABLES and name != "branch":
        value.add_mistake(f"{name}= is a variable of capdoit; give the question another name: !ask {{name: NAME}}")
    return Question(name, fields.get("question") or name, fields.get("default"))


def _read_default(value: YamlValue) -> str | Source:
    return read_source(value) or _read_any_text(value)


def _read_answering_variable(value: YamlValue) -> str:
    name = value.as_string()
    if not NAME.fullmatch(name):
        value.add_mistake("expected the name of a variable of the command line")
    return name


def _read_wanted(value: YamlValue) -> ToFillIn:
    """Read what is behind ``!todo``: the value that is wanted, in words."""
    return ToFillIn("a value" if value.kind == "null" else value.as_string())


TAGS: Mapping[str, Callable[[YamlValue], Source]] = {
    "!env": _read_variable,
    "!cmd": _read_command,
    "!current": _read_current_branch,
    "!ask": _read_question,
    "!todo": _read_wanted,
}
