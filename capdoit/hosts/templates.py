"""Templates of configuration files, rendered by Jinja on the controller. Jinja is an optional dependency."""

from __future__ import annotations

import os
import traceback
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from capdoit.errors import CapdoitError, HostError
from capdoit.script import Secret
from capdoit.text import find_meant_name

if TYPE_CHECKING:
    from jinja2 import Environment, StrictUndefined

    from capdoit.hosts.file_copies import LocalPath


def render_template(host: str, source: LocalPath, values: Mapping[str, Any]) -> str:
    """Return the text of a template.

    Args:
        host: name of the host that the text is for, for the error.
        source: path of the template; it can include templates of its directory and of the project.
        values: the variables of the template; secrets are revealed.

    Raises:
        HostError: Jinja is not installed, or the template has a mistake, such as the name of an unknown variable.
    """
    path = Path(source)
    environment = _make_environment(host, path, values)
    try:
        return environment.get_template(path.name).render({name: _reveal(value) for name, value in values.items()})
    except Exception as error:  # noqa: BLE001 - templates call code of the project, and each mistake in them has a place
        place = _locate(error, {template.filename for template in (environment.cache or {}).values()}, path)
        raise HostError(host, f"template {place}: {_describe(error)}") from None


def _make_environment(host: str, path: Path, values: Mapping[str, Any]) -> Environment:
    """Return Jinja's environment for a template: an unknown variable is an error, and nothing is escaped."""
    try:
        import jinja2
    except ImportError:
        raise HostError(host, "host.template needs Jinja; to install it: pip install jinja2") from None
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader([path.parent, "."]),
        undefined=_make_undefined(values),
        finalize=_reveal,
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - configuration files are not HTML
    )


def _make_undefined(values: Mapping[str, Any]) -> type[StrictUndefined]:
    """Return the class of what a template uses and does not exist: an error, with the name that was probably meant."""
    import jinja2

    class Unknown(jinja2.StrictUndefined):
        @property
        def _undefined_message(self) -> str:
            names = values if self._undefined_obj is jinja2.utils.missing else _list_names(self._undefined_obj)
            owner = next((f"{name}." for name, value in values.items() if value is self._undefined_obj), "")
            what = f"{owner}{self._undefined_name} is not defined" if owner else super()._undefined_message
            meant = find_meant_name(str(self._undefined_name), names)
            return f"{what}; did you mean {owner}{meant}?" if meant else what

        __slots__ = ()

    return Unknown


def _list_names(owner: Any) -> list[str]:
    """Return the names that a template can write behind a value and a dot."""
    names = owner if isinstance(owner, Mapping) else dir(owner)
    return [str(name) for name in names if not str(name).startswith("_")]


def _reveal(value: Any) -> Any:
    return value.reveal() if isinstance(value, Secret) else value


def _locate(error: Exception, files: Collection[str | None], path: Path) -> str:
    """Return file and line of a mistake; the line of the innermost template where an expression fails."""
    file, line = getattr(error, "filename", None), getattr(error, "lineno", None)
    if isinstance(file, str) and line:
        return f"{os.path.relpath(file)}:{line}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in files]
    return f"{os.path.relpath(frames[-1].filename)}:{frames[-1].lineno}" if frames else str(path)


def _describe(error: Exception) -> str:
    """Return the mistake in one line, with the kind of an error that is neither Jinja's nor capdoit's."""
    from jinja2 import TemplateError, TemplateNotFound

    if isinstance(error, TemplateNotFound):
        return f"there is no template {error.name}"
    text = " ".join(str(error).split())
    return text if isinstance(error, (TemplateError, CapdoitError)) else f"{type(error).__name__}: {text}"
