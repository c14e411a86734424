"""The programs that hooks need on hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from capdoit.public_names import refusing_wrong_arguments


@refusing_wrong_arguments
@dataclass(frozen=True)
class Tool:
    """A program, or something else of a host, that a hook needs.

    Args:
        name: its name in messages.
        places: names of programs, absolute paths, or ``unit:NAME`` and ``user-unit:NAME`` of systemd; one of them is
            enough. ``$NAME`` in them is a variable of the host's environment. Default: the program with that name.
            ``sudo:COMMAND`` is the right of a user other than root to run a command by ``sudo -n``.
        condition: when the hook needs it, such as ``if the release has jobs``; empty if it always does.
        option: the option of the recipe that names the program or its place; empty without one.
    """

    name: str
    places: tuple[str, ...] = ()
    condition: str = ""
    option: str = field(default="", compare=False)  # a program that several recipes need is one program

    @property
    def is_on_path(self) -> bool:
        """True if a directory of the PATH may have it."""
        return not self.places or any("/" not in place and ":" not in place for place in self.places)


Tools = str | Tool | Iterable[str | Tool]
ToolsFromOptions = Tools | Callable[[Any], Tools]


def tool_tuple(tools: Tools) -> tuple[Tool, ...]:
    """Return one tool, or several, as a tuple; a text is the name of a program."""
    several = [tools] if isinstance(tools, (str, Tool)) else tools
    return tuple(Tool(one) if isinstance(one, str) else one for one in several)
