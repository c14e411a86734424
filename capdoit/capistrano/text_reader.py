"""Reads a project as text, where no Ruby is at hand: plain `set`, `append`, `server`, `role` and `require` lines.

Everything else is reported as not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from capdoit.capistrano.environment_values import COMPUTED
from capdoit.capistrano.project import (
    CapistranoServer,
    CapistranoSetting,
    CapistranoStage,
    Place,
    SourceFiles,
    find_capfile,
)
from capdoit.capistrano.ruby_literals import NotLiteralError, read_arguments
from capdoit.capistrano.ruby_statements import CHECKED_OUT, continues, without_comment
from capdoit.capistrano.stage_names import find_deploy_file, find_stage_folder

CALL = re.compile(r"^(set|set_if_empty|append|server|role|ask|require|remove)\b(?![?!.:=])(.*)", re.DOTALL)
HOST = re.compile(r"(?:(?P<user>[^@]+)@)?(?P<hostname>[^:@]+)(?::(?P<port>\d+))?")
# Lines that tell nothing that a conversion needs.
IGNORED = re.compile(r"(?:#.*|lock\b.*|install_plugin\b.*|Dir\.glob.*|end|import\b.*)?")
BLOCK = re.compile(r"(?:\bdo\b(?:\s*\|[^|]*\|)?|^\s*(?:if|unless|case|def|begin|while|class|module)\b.*)\s*$")
CURRENT_BRANCH = re.compile(rf"(?:set|set_if_empty|ask)[ (]+:branch\b.*{CHECKED_OUT.pattern}", re.DOTALL)
CONDITION = re.compile(r"\s*(?:if|unless|case|begin)\b")
SETTING = re.compile(r"\s*(?:set|set_if_empty)[ (]+:(\w+)")
CODE = "Ruby code, which was not run"


@dataclass
class _Found:
    """The settings and servers that were read so far."""

    settings: dict[str, CapistranoSetting] = field(default_factory=dict)
    servers: dict[tuple[str, int | None], CapistranoServer] = field(default_factory=dict)
    features: list[str] = field(default_factory=list)
    unread: list[tuple[Place, str]] = field(default_factory=list)


def read_stage_as_text(folder: Path, stage: str) -> CapistranoStage:
    """Return what plain lines of a project say of a stage.

    Args:
        folder: directory of the project.
        stage: name of the stage.
    """
    sources, found = SourceFiles(folder), _Found()
    for file in (find_capfile(folder).name, find_deploy_file(folder), f"{find_stage_folder(folder)}/{stage}.rb"):
        for place, text, block in _split_statements(file, sources.lines(file)):
            _read_statement(text, place, found)
            if CONDITION.match(text):
                _find_settings_in_block(block, place, found)
    rakes = sorted((folder / "lib/capistrano/tasks").glob("*.rake"))
    tasks = [(Place(str(path.relative_to(folder)), 1), "tasks, which were not read") for path in rakes]
    return CapistranoStage(
        name=stage,
        settings=found.settings,
        servers=[*found.servers.values()],
        features=found.features,
        unread=[*found.unread, *tasks],
    )


def _split_statements(file: str, lines: list[str]) -> Iterator[tuple[Place, str, list[str]]]:
    """Yield the statements of a file with their places and lines; the text of a block of Ruby is its beginning."""
    number = 0
    while number < len(lines):
        first, text = number, without_comment(lines[number])
        while continues(text) and number + 1 < len(lines):
            number += 1
            text += f"\n{without_comment(lines[number])}"
        if BLOCK.search(text):
            indent = len(lines[first]) - len(lines[first].lstrip())
            while number + 1 < len(lines) and not re.match(rf"\s{{0,{indent}}}end\b", lines[number + 1]):
                number += 1
            number += 1
        number += 1
        yield Place(file, first + 1), text.strip(), lines[first:number]


def _read_statement(text: str, place: Place, found: _Found) -> None:
    if IGNORED.fullmatch(text):
        return
    call = CALL.match(text)
    if not call or BLOCK.search(text):
        found.unread.append((place, CODE))
        return
    if CURRENT_BRANCH.match(text):
        found.settings["branch"] = CapistranoSetting(
            name="branch", value=None, place=place, is_question=call[1] == "ask", asks_git=True
        )
        return
    try:
        plain, named = read_arguments(call[2])
        READERS[call[1]](plain, named, place, found)
    except (NotLiteralError, IndexError, TypeError):
        name = re.match(r"[ (]*:(\w+)", call[2])
        if name and SETTING.match(text):
            found.settings[name[1]] = _computed(name[1], place)
        else:
            found.unread.append((place, f"{call[1]} {f':{name[1]}' if name else ''}: {COMPUTED}"))


def _find_settings_in_block(block: list[str], place: Place, found: _Found) -> None:
    """Note the settings that a condition sets, or does not set."""
    for number, line in enumerate(block, place.line):
        if name := SETTING.match(line):
            found.settings[name[1]] = _computed(name[1], Place(place.file, number))


def _computed(name: str, place: Place) -> CapistranoSetting:
    return CapistranoSetting(name=name, value=None, error=COMPUTED, place=place)


def _set(plain: list[Any], named: Mapping[str, Any], place: Place, found: _Found) -> None:
    name = str(plain[0])
    value = dict(named) if named and len(plain) == 1 else plain[1]
    found.settings[name] = CapistranoSetting(name=name, value=value, place=place)


def _set_if_empty(plain: list[Any], named: Mapping[str, Any], place: Place, found: _Found) -> None:
    if str(plain[0]) not in found.settings:
        _set(plain, named, place, found)


def _append(plain: list[Any], _: Mapping[str, Any], place: Place, found: _Found) -> None:
    name = str(plain[0])
    known = found.settings.get(name) or CapistranoSetting(name=name, value=[])
    if known.error and known.place:
        found.unread.append((known.place, f"set :{name}: {known.error}"))
    before = [] if known.error else known.value
    items = [*(before if isinstance(before, list) else [before]), *plain[1:]]
    found.settings[name] = CapistranoSetting(name=name, value=items, place=place)


def _remove(plain: list[Any], _: Mapping[str, Any], place: Place, found: _Found) -> None:
    setting = found.settings.get(str(plain[0]))
    if setting and isinstance(setting.value, list):
        kept = [item for item in setting.value if item not in plain[1:]]
        found.settings[setting.name] = replace(setting, value=kept, place=place)


def _ask(plain: list[Any], _: Mapping[str, Any], place: Place, found: _Found) -> None:
    name, default = str(plain[0]), plain[1] if len(plain) > 1 else None
    found.settings[name] = CapistranoSetting(name=name, value=default, place=place, is_question=True)


def _require(plain: list[Any], _: Mapping[str, Any], __: Place, found: _Found) -> None:
    found.features.append(str(plain[0]))
    if plain[0] == "capistrano/rails":  # it loads its parts
        found.features += ["capistrano/bundler", "capistrano/rails/assets", "capistrano/rails/migrations"]


def _server(plain: list[Any], named: Mapping[str, Any], place: Place, found: _Found) -> None:
    braced = plain[1] if len(plain) > 1 and isinstance(plain[1], Mapping) else {}
    _add_server(str(plain[0]), {**braced, **named}, place, found)


def _role(plain: list[Any], named: Mapping[str, Any], place: Place, found: _Found) -> None:
    hosts = plain[1] if isinstance(plain[1], list) else [plain[1]]
    for host in hosts:
        _add_server(str(host), {**named, "roles": [str(plain[0])]}, place, found)


def _add_server(text: str, given: Mapping[str, Any], place: Place, found: _Found) -> None:
    """Add a server, or what is new of one that is known."""
    host = HOST.fullmatch(text)
    if not host:
        raise NotLiteralError
    port = given.get("port") or (int(host["port"]) if host["port"] else None)
    key = (host["hostname"], port)
    server = found.servers.get(key) or CapistranoServer(hostname=host["hostname"], port=port, place=place)
    roles = given.get("roles", [])
    more = [str(role) for role in (roles if isinstance(roles, list) else [roles])]
    others = {name: value for name, value in given.items() if name not in KNOWN}
    found.servers[key] = replace(
        server,
        user=str(given.get("user") or host["user"] or server.user),
        roles=tuple(dict.fromkeys((*server.roles, *more))),
        has_password=server.has_password or "password" in given,
        ssh_options={**server.ssh_options, **given.get("ssh_options", {})},
        properties={**server.properties, **others},
    )


KNOWN = ("user", "port", "roles", "password", "ssh_options", "keys")
READERS = {
    "set": _set,
    "set_if_empty": _set_if_empty,
    "append": _append,
    "remove": _remove,
    "ask": _ask,
    "require": _require,
    "server": _server,
    "role": _role,
}
