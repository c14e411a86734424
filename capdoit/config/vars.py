"""The values of a project (``vars``): read from deploy.yml, and given to hooks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from capdoit.config.readers import accepting, read_plain, read_secret
from capdoit.config.yaml_nodes import YamlValue
from capdoit.controller_command import list_secret_outputs
from capdoit.errors import UnknownVar
from capdoit.questions import Question
from capdoit.redaction import Redactor
from capdoit.script import Secret
from capdoit.text import join_names, suggest_name


@accepting({"type": "object"})
def read_vars(value: YamlValue) -> dict[str, Any]:
    """Read a mapping of names to values: single values, lists and mappings of any depth."""
    return {name: _read_var(item) for name, item in value.as_mapping("a mapping of names to values").items()}


def _read_var(value: YamlValue) -> Any:
    if value.kind == "map":
        return MappingProxyType({name: _read_var(item) for name, item in value.as_mapping().items()})
    if value.kind == "seq":
        return tuple(_read_var(item) for item in value.as_list())
    secret = read_secret(value)
    if secret and not secret.source.is_external:
        return secret.reveal()
    return secret or (value.as_string(may_be_empty=True) if value.kind == "str" else read_plain(value))


def list_external_values(values: Any) -> list[Secret]:
    """Return the values from elsewhere in values of ``vars``, at any depth."""
    if isinstance(values, Secret):
        return [values]
    inner = values.values() if isinstance(values, Mapping) else values if isinstance(values, tuple) else ()
    return [secret for one in inner for secret in list_external_values(one)]


class Vars(Mapping[str, Any]):
    """The values of a project in a hook, which cannot be changed. A value from elsewhere is read when a hook uses it.

    Args:
        values: the values by name.
        owner: the stage or host that has them, for messages.
        redactor: masks the values from elsewhere, from the moment in which they are asked for.
    """

    def __init__(self, values: Mapping[str, Any], owner: str, redactor: Redactor) -> None:
        self._values, self._owner, self._redactor = values, owner, redactor

    def __getitem__(self, name: str) -> Any:
        if name not in self._values:
            there_are = f"there are {join_names(self._values) or 'none'}{suggest_name(name, self._values)}"
            raise UnknownVar(f"{self._owner} has no vars.{name}; {there_are}")
        return self._known(self._values[name])

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Vars({self._owner}: {join_names(self._values)})"

    def _known(self, value: Any) -> Any:
        """Return a value with the values from elsewhere that it has."""
        if isinstance(value, Secret):
            text = value.reveal()
            if not isinstance(value.source, Question):  # the operator has typed it for everybody to see
                self._redactor.add([*value.source.find_secrets(), *list_secret_outputs()])
            return text
        if isinstance(value, Mapping):
            return MappingProxyType({name: self._known(one) for name, one in value.items()})
        return tuple(map(self._known, value)) if isinstance(value, tuple) else value
