"""Readers of the values in deploy.yml.

A reader takes a `YamlValue` and returns the value that the rest of capdoit uses. If the value is wrong, the reader adds
a mistake and returns something harmless, so that reading goes on and all mistakes are reported together.

Each reader also has the JSON Schema of what it accepts, for editors. The schema may accept more than the reader, but
never less: an editor must not mark a setting that works.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from capdoit.config.tags import EXTERNAL_VALUE, MAPPINGS, read_source
from capdoit.config.yaml_nodes import ANY_SIZE, YamlValue
from capdoit.script import NAME, REFERENCE, EnvValue, Secret, Template

OPEN_REFERENCE = re.compile(r"\$\{\w*(?=[^}]*$)")  # in a text without its references
T = TypeVar("T")
SECONDS_PER_UNIT = {"h": 3600, "d": 86400}
AGE = re.compile(r"([1-9][0-9]{0,4})([dh])")
APPLICATION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\$?")
UMASK = re.compile(r"0{0,2}[0-7]{1,2}")
SSH_OPTION = re.compile(r"[A-Za-z0-9]+[ =].+")

# The same conditions for editors. YAML's numbers and dates count as strings.
JsonSchema = Mapping[str, Any]
STRING: JsonSchema = {"type": ["string", "number"], "minLength": 1}


def make_list_schema(item: JsonSchema, **rules: Any) -> JsonSchema:
    """Return the JSON Schema of a list, or of a single item in its place."""
    return {"anyOf": [item, {"type": "array", "items": item, **rules}]}


STRINGS: JsonSchema = make_list_schema(STRING)
STRINGS_BY_NAME: JsonSchema = {"type": "object", "additionalProperties": {"type": ["string", "number"]}}
# Editors read YAML 1.2, in which these words are strings.
BOOLEAN: JsonSchema = {
    "anyOf": [{"type": "boolean"}, {"type": "string", "pattern": "^(yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF)$"}]
}
FALSE: JsonSchema = {"anyOf": [{"const": False}, {"type": "string", "pattern": "^(no|No|NO|off|Off|OFF)$"}]}
ROLE: JsonSchema = {**STRING, "pattern": r"^(?!all$)[^\s,]+$|%\{"}

Env = Mapping[str, EnvValue | Secret]
Plain = str | int | float | bool | list[str] | dict[str, str] | Secret | None


@dataclass(frozen=True, eq=False)
class Reader(Generic[T]):
    """A reader of one kind of value.

    Attributes:
        read: returns the value that the rest of capdoit uses, and adds a mistake if the value is wrong.
        accepts: the JSON Schema of the values that it accepts.
    """

    read: Callable[[YamlValue], T]
    accepts: JsonSchema

    def __call__(self, value: YamlValue) -> T:
        """Read a value."""
        return self.read(value)


def accepting(schema: JsonSchema) -> Callable[[Callable[[YamlValue], T]], Reader[T]]:
    """Make a reader of the decorated function, which accepts what a JSON Schema describes."""
    return lambda read: Reader(read, schema)


def matching(pattern: re.Pattern[str]) -> JsonSchema:
    """Return the JSON Schema of the strings that a pattern matches completely; references may stand for anything."""
    return {"type": "string", "pattern": rf"^(?:{pattern.pattern})$|%\{{"}


# -- simple values


@accepting(STRING)
def read_string(value: YamlValue) -> str:
    """Read a string that is not empty."""
    return value.as_string()


@accepting(BOOLEAN)
def read_boolean(value: YamlValue) -> bool:
    """Read true or false."""
    return value.as_boolean()


def whole_number_reader(least: int, most: int = ANY_SIZE) -> Reader[int]:
    """Return a reader of integers from ``least`` to ``most``."""
    accepts: JsonSchema = {"type": "integer", "minimum": least, "maximum": most}
    return Reader(lambda value: value.as_whole_number(least, most), accepts)


def choice_reader(choices: Iterable[str], what: str) -> Reader[str]:
    """Return a reader of one of some words; ``what`` names such a word in messages."""
    return Reader(lambda value: value.as_choice(choices, what), {"enum": [*choices]})


@accepting(matching(AGE))
def read_age(value: YamlValue) -> int:
    """Read a number of days or hours, such as ``30d``; return seconds."""
    found = AGE.fullmatch(value.as_string())
    if not found:
        value.add_mismatch("days or hours, such as 30d or 12h")
        return 1
    return int(found[1]) * SECONDS_PER_UNIT[found[2]]


@accepting({"anyOf": [{"type": "integer", "minimum": 0, "maximum": 77}, matching(UMASK)]})
def read_umask(value: YamlValue) -> str:
    """Read a umask in octal digits; the owner keeps all rights, since a flow must read what it has written."""
    text = value.as_string()
    if text and not UMASK.fullmatch(text):
        value.add_mismatch("octal digits, such as 027 or 002; the first of three must be 0")
        return ""
    return text


# -- the application and its hosts


@accepting({**matching(APPLICATION), "type": STRING["type"]})
def read_application(value: YamlValue) -> str:
    """Read the name of the application, which becomes part of a path."""
    text = value.as_string()
    if text and not APPLICATION.fullmatch(text):
        value.add_mistake(f"found {text!r}, expected letters, digits, dots, dashes and underscores")
    return text


@accepting(
    {
        "type": "object",
        "propertyNames": matching(NAME),
        "additionalProperties": {"anyOf": [{"type": ["string", "number"]}, *MAPPINGS]},
    }
)
def read_environment(value: YamlValue) -> dict[str, EnvValue | Secret]:
    """Read a mapping of environment variables to strings, templates and secrets.

    A name in lower case is in the result in capitals, too: Capistrano sets only that one, and http_proxy and others
    are known in lower case.
    """
    env: dict[str, EnvValue | Secret] = {}
    for name, item in value.as_mapping("a mapping of names to strings").items():
        if not NAME.fullmatch(name):
            item.add_mistake("not a valid name of an environment variable")
        secret = read_secret(item)
        env[name] = secret if secret and secret.source.is_external else _read_template(item)
    return {**{name.upper(): value for name, value in env.items() if name.islower()}, **env}


@accepting({**matching(USER), "type": STRING["type"]})
def read_user(value: YamlValue) -> str:
    """Read the name of a user of a host."""
    name = value.as_string()
    if name and not USER.fullmatch(name):
        value.add_mistake(f"found {name!r}, expected the name of a user: letters, digits, dots, dashes, underscores")
        return ""
    return name


@accepting(make_list_schema(matching(SSH_OPTION)))
def read_ssh_options(value: YamlValue) -> tuple[str, ...]:
    """Read a list of options for ``ssh -o``."""
    return tuple(_read_ssh_option(item) for item in value.as_list())


@accepting(make_list_schema(ROLE))
def read_roles(value: YamlValue) -> tuple[str, ...]:
    """Read a list of roles."""
    return tuple(_read_role(item) for item in value.as_list())


def read_secret(value: YamlValue) -> Secret | None:
    """Read a value from elsewhere, by its tag, or a text with references; return None for any other value."""
    source = read_source(value)
    return Secret(source, f"{value.place}: {value.path}") if source else None


@accepting(EXTERNAL_VALUE)
def read_password(value: YamlValue) -> Secret | None:
    """Read a password, which deploy.yml must not contain itself."""
    secret = read_secret(value)
    if not (secret and secret.source.is_external):
        value.add_mistake("expected !env NAME or !cmd COMMAND: a password does not belong in deploy.yml")
    return secret


def _read_template(value: YamlValue) -> EnvValue:
    text = value.as_string(may_be_empty=True)
    if found := OPEN_REFERENCE.search(REFERENCE.sub(" ", text)):
        value.add_mistake(f"{found[0]} has no closing brace; a dollar that is no reference is written $$")
    return Template(text) if REFERENCE.search(text) else text


def _read_ssh_option(value: YamlValue) -> str:
    option = value.as_string()
    if option and not SSH_OPTION.fullmatch(option):
        value.add_mistake(f"found {option!r}, expected Name=value as in ssh_config(5)")
    return option


def _read_role(value: YamlValue) -> str:
    role = value.as_string()
    if role == "all" or re.search(r"[\s,]", role):
        value.add_mistake(f"found {role!r}, expected a role's name: no spaces, no commas, and not all")
    return role


def read_plain(value: YamlValue) -> Plain:
    """Read a value by its YAML type, such as a value of the project."""
    readers: dict[str, Callable[[YamlValue], Plain]] = {
        "bool": YamlValue.as_boolean,
        "int": YamlValue.as_integer,
        "float": YamlValue.as_number,
        "seq": lambda value: [item.as_string() for item in value.as_list()],
        "map": lambda value: {name: item.as_string(may_be_empty=True) for name, item in value.as_mapping().items()},
        "null": lambda _: None,
    }
    return read_secret(value) or readers.get(value.kind, YamlValue.as_string)(value)
