"""References in the texts of deploy.yml: ``%{application}``, ``%{stage}``, ``%{branch}`` and ``%{vars.NAME}``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from capdoit.config.tags import read_source
from capdoit.config.yaml_nodes import YamlValue
from capdoit.sources import FilledText, Source, ValueOfHosts
from capdoit.text import join_names, make_printable, suggest_name

REFERENCE = re.compile(r"(%%\{)|%\{([^{}]*)(\}?)")
NAMES = ("application", "stage", "branch")
OF_VARS = "vars."
Part = str | Source


@dataclass(frozen=True)
class StageScope:
    """The names of one stage, or of one of its hosts.

    Attributes:
        stage: name of the stage.
        levels: the entries of deploy.yml that apply, by name: of the host, of the stage, and at the top.
        branch: the branch of ``branch=``; None for that of the settings.
        default_branch: the branch if neither has one.
        host_vars: names of ``vars`` that hosts of the stage have; empty in the scope of a host.
    """

    stage: str
    levels: tuple[Mapping[str, YamlValue], ...]
    branch: str | None = None
    default_branch: str = ""
    host_vars: frozenset[str] = frozenset()
    _open: tuple[str, ...] = field(default=(), repr=False)  # the names that are being replaced

    def inside(self, host: YamlValue) -> StageScope:
        """Return the scope of a host: this scope if no host of the stage has ``vars``."""
        if not self.host_vars:
            return self
        own = {name: value for name, value in _entries(host).items() if name == "vars"}
        return replace(self, levels=(own, *self.levels), host_vars=frozenset())

    def fill(self, value: YamlValue) -> FilledText:
        """Return the text of a value with its references replaced. Wrong references are mistakes."""
        text, parts, end = str(value.node.value), [], 0
        for found in REFERENCE.finditer(text):
            parts += [text[end : found.start()], *self._replace(found, value)]
            end = found.end()
        return FilledText(text, tuple(part for part in (*parts, text[end:]) if part != ""))

    def _replace(self, found: re.Match[str], value: YamlValue) -> tuple[Part, ...]:
        escaped, name, is_closed = found.groups()
        if escaped:
            return ("%{",)
        if not is_closed:
            value.add_mistake("%{ has no }; a literal %{ is %%{")
            return ()
        if name in self._open:
            value.add_mistake(f"%{{{name}}} refers to itself")
            return ()
        return self._find(name, value, replace(self, _open=(*self._open, name)))

    def _find(self, name: str, value: YamlValue, inner: StageScope) -> tuple[Part, ...]:
        if name == "stage":
            return (self.stage,)
        if name == "branch" and self.branch:
            return (self.branch,)
        found = self._find_var(name) if name.startswith(OF_VARS) else self._find_setting(name)
        if found:
            return inner._text_of(found.in_scope(inner), name, value)
        if name == "branch":
            return (self.default_branch,)
        if name.removeprefix(OF_VARS).partition(".")[0] in self.host_vars:
            return (ValueOfHosts(name),)
        self._add_wrong_name(name, value)
        return ()

    def _find_setting(self, name: str) -> YamlValue | None:
        return next((level[name] for level in self.levels if name in level), None) if name in NAMES else None

    def _find_var(self, name: str) -> YamlValue | None:
        """Return a value of ``vars``; a name with dots is a path in mappings."""
        first, *others = name.removeprefix(OF_VARS).split(".")
        found = self._vars().get(first)
        for key in others:
            found = _entries(found).get(key)
        return found

    def _vars(self) -> dict[str, YamlValue]:
        maps = [_entries(level.get("vars")) for level in reversed(self.levels)]
        return {name: value for one in maps for name, value in one.items()}

    def _text_of(self, found: YamlValue, name: str, user: YamlValue) -> tuple[Part, ...]:
        """Return the parts of the text of a value that a reference names."""
        source = read_source(found)
        if isinstance(source, FilledText):
            return source.parts
        if source:
            return (source,)
        if found.kind in ("map", "seq"):
            kind = "a mapping" if found.kind == "map" else "a list"
            user.add_mistake(f"%{{{name}}} is {kind}, expected a single value")
            return ()
        return (str(found.node.value),)

    def _add_wrong_name(self, name: str, value: YamlValue) -> None:
        known = [*(one for one in NAMES if one != "application" or self._find_setting(one)), *self._var_names()]
        shown, meant = make_printable(name), suggest_name(name.strip(), known)
        there_are = f"there are {join_names(known)}" if len(known) < 9 else f"there are {join_names(NAMES)}, vars.…"
        value.add_mistake(f"no value %{{{shown}}}{meant} ({there_are}); a literal %{{ is %%{{")

    def _var_names(self) -> list[str]:
        return [f"{OF_VARS}{name}" for name in self._vars()]


def put_in_scope(
    document: YamlValue, name: str, stage: YamlValue, branch: str | None = None, default_branch: str = ""
) -> tuple[YamlValue, YamlValue]:
    """Return deploy.yml and one of its stages with the names that references may have there."""
    own = _entries(stage)
    hosts = _entries(own["hosts"]) if "hosts" in own else {}
    host_vars = frozenset(one for host in hosts.values() for one in _entries(_entries(host).get("vars")))
    scope = StageScope(name, (own, _entries(document)), branch, default_branch, host_vars)
    return document.in_scope(scope), stage.in_scope(scope)


def _entries(value: YamlValue | None) -> dict[str, YamlValue]:
    """Return the entries of a mapping; empty for any other value, whose reader adds the mistake."""
    return value.as_mapping() if value and value.kind == "map" else {}
