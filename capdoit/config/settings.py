"""The settings of deploy.yml, each with its reader, which is given the value where it stands and says what is wrong."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from capdoit.config.yaml_nodes import Value
from capdoit.layout import is_inside
from capdoit.script import NAME, Secret

TRANSFERS = ("git", "archive")
ON_FAILURE = ("stop", "rollback")
DRILL = ("never", "after_deploy")
SECONDS = {"h": 3600, "d": 86400}
APPLICATION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
NAME_OF_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
NAME_OF_STAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# Names that tasks have where a stage's would stand: deploy:rollback, deploy:check, rollback:local:…
RESERVED = ("all", "check", "deploy", "drill", "rollback")

Env = Mapping[str, "str | Secret"]
Plain = str | int | float | bool | list[str] | dict[str, str] | Secret | None


@dataclass(frozen=True)
class RecipeUse:
    """A recipe that deploy.yml asks for.

    Attributes:
        name: the recipe's.
        place: file and line, for messages.
        options: what deploy.yml says, by name.
        places: where each option stands.
    """

    name: str
    place: str
    options: Mapping[str, Plain]
    places: Mapping[str, str]

    def and_options(self, other: RecipeUse) -> RecipeUse:
        """The same recipe with another's options before its own."""
        return RecipeUse(self.name, other.place, {**self.options, **other.options}, {**self.places, **other.places})


# -- the readers


def _same(value: Value) -> Value:
    return value


def _text(value: Value) -> str:
    return value.text()


def _application(value: Value) -> str:
    text = value.text()
    if text and not APPLICATION.fullmatch(text):
        value.wrong(f"found {text!r}, expected letters, digits, dots, dashes and underscores")
    return text


def _deploy_to(value: Value) -> str:
    text = value.text()
    if text and (posixpath.normpath(text) in ("/", "//", ".") or ".." in text.split("/")):
        value.wrong(f"found {text!r}, expected a directory of its own, without ..")
        return ""
    if "\\" in text or not text.isprintable():  # tar reads backslashes in names its own way
        value.wrong(f"found {text!r}, expected a path without backslashes and control characters")
        return ""
    return text.rstrip("/")


def _repo_url(value: Value) -> str:
    text = value.text()
    if not text.startswith("/") and "/" in text and ":" not in text:  # each host, and this one, would look elsewhere
        value.wrong(f"found {text!r}, expected a URL, HOST:PATH, or a path from /")
    return text


def _inside(value: Value) -> str:
    """A path that stays inside the release."""
    text = value.text()
    path = text.rstrip("/")
    if text and not is_inside(path):
        value.wrong(f"found {text!r}, expected a path inside the release, without . and ..")
        return ""
    return path


def _all_inside(value: Value) -> tuple[str, ...]:
    items = value.items("a list of paths")
    paths = tuple(_inside(item) for item in items)
    for number, path in enumerate(paths):
        if path and path in paths[:number]:
            items[number].wrong(f"{path} stands in the list for the second time")
    return paths


def _env(value: Value) -> dict[str, str | Secret]:
    env: dict[str, str | Secret] = {}
    for name, item in value.entries("a mapping of names and texts").items():
        if not NAME.fullmatch(name):
            item.wrong("not a name that an environment variable can have")
        env[name] = _secret(item) if item.kind == "!env" else item.text(empty=True)
    return env


def _secret(value: Value) -> Secret:
    variable = str(value.node.value)
    if not NAME.fullmatch(variable):
        value.wrong("expected the name of an environment variable after !env")
    return Secret(variable)


def _ssh_options(value: Value) -> tuple[str, ...]:
    return tuple(_ssh_option(item) for item in value.items())


def _ssh_option(value: Value) -> str:
    option = value.text()
    if option and not re.fullmatch(r"[A-Za-z0-9]+[ =].+", option):
        value.wrong(f"found {option!r}, expected Name=value as ssh_config(5) has it")
    return option


def _age(value: Value) -> int:
    """Seconds, said in days or hours."""
    found = re.fullmatch(r"([1-9][0-9]{0,4})([dh])", value.text())
    if not found:
        value.expected("days or hours, such as 30d or 12h")
        return 1
    return int(found[1]) * SECONDS[found[2]]


def _roles(value: Value) -> tuple[str, ...]:
    return tuple(_role(item) for item in value.items())


def _role(value: Value) -> str:
    role = value.text()
    if role == "all" or re.search(r"[\s,]", role):
        value.wrong(f"found {role!r}, expected a role's name: no spaces, no commas, and not all")
    return role


def _hosts(value: Value) -> dict[str, tuple[Value, dict[str, Any]]]:
    hosts = value.entries("a mapping of names and hosts", "no hosts; at least one is needed")
    return {name: (item, _host_fields(name, item)) for name, item in hosts.items()}


def _host_fields(name: str, value: Value) -> dict[str, Any]:
    if not NAME_OF_HOST.fullmatch(name):
        value.wrong("a host's name has letters, digits, dots, dashes and underscores; the user goes in user:")
    return value.fields(HOST, "setting of a host", BELONGS)


def _stages(value: Value) -> dict[str, tuple[Value, dict[str, Any]]]:
    stages = value.entries("a mapping of names and stages", "no stages; at least one is needed")
    return {name: (item, _stage_fields(name, item)) for name, item in stages.items()}


def _stage_fields(name: str, value: Value) -> dict[str, Any]:
    if name in RESERVED or not NAME_OF_STAGE.fullmatch(name):
        value.wrong(f"{name} cannot be a stage's name; give it another")
    fields = value.fields(STAGE, "setting", BELONGS)
    if value.kind == "map" and "hosts" not in fields:
        value.wrong("no hosts; at least one is needed")
    return fields


def _recipes(value: Value) -> dict[str, RecipeUse | None]:
    recipes = value.entries("a mapping of recipes and their options")
    return {name: _recipe(name, item) for name, item in recipes.items()}


def _recipe(name: str, value: Value) -> RecipeUse | None:
    """The recipe's options; None where it is switched off."""
    if value.kind == "bool" and not value.truth():
        return None
    options = {} if value.kind == "null" else value.entries("a mapping of options, or false")
    return RecipeUse(
        name,
        value.place,
        {option: _plain(item) for option, item in options.items()},
        {option: item.place for option, item in options.items()},
    )


def _plain(value: Value) -> Plain:
    """An option of a recipe, which knows what it may be."""
    plain: dict[str, Callable[[Value], Plain]] = {
        "bool": Value.truth,
        "int": lambda value: value.number(0),
        "float": Value.fraction,
        "seq": lambda value: [item.text() for item in value.items()],
        "map": lambda value: {name: item.text(empty=True) for name, item in value.entries().items()},
        "!env": _secret,
        "null": lambda _: None,
    }
    return plain.get(value.kind, Value.text)(value)


Readers = dict[str, Callable[[Value], Any]]

ANYWHERE: Readers = {  # at the top, in a stage, and at a host
    "user": _text,
    "port": lambda value: value.number(1, 65535),
    "deploy_to": _deploy_to,
    "default_env": _env,
    "ssh_options": _ssh_options,
}
SETTINGS: Readers = {  # at the top and in a stage
    **ANYWHERE,
    "application": _application,
    "transfer": lambda value: value.choice(TRANSFERS, "a transfer"),
    "repo_url": _repo_url,
    "branch": _text,
    "repo_tree": _inside,
    "archive": _text,
    "keep_releases": lambda value: value.number(1),
    "linked_files": _all_inside,
    "linked_dirs": _all_inside,
    "keep_failed": lambda value: value.truth(),
    "on_failure": lambda value: value.choice(ON_FAILURE, "what follows a failure after the publish"),
    "max_failures": lambda value: value.number(0),
    "timeout": lambda value: value.number(1),
    "drill": lambda value: value.choice(DRILL, "when a rollback is rehearsed by itself"),
    "drill_max_age": _age,
    "ssh_config": _text,
    "recipes": _recipes,
}
HOST: Readers = {
    **ANYWHERE,
    "hostname": _text,
    "roles": _roles,
    "primary": lambda value: value.truth(),
    "no_release": lambda value: value.truth(),
    "transport": lambda value: value.choice(("ssh", "local"), "a transport"),
}
STAGE: Readers = {**SETTINGS, "hosts": _hosts}
TOP: Readers = {**SETTINGS, "stages": _stages, "default_stage": _same}
BELONGS = {
    **dict.fromkeys(HOST, "to a host"),
    **dict.fromkeys(SETTINGS, "to the top or to a stage"),
    **dict.fromkeys(("stages", "default_stage"), "to the top"),
    "hosts": "to a stage",
}
