"""The commands of PHP applications, as several recipes run them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from capdoit.recipes._missing_programs import name_unusable_program

if TYPE_CHECKING:
    from capdoit import Host


def run_php(host: Host, path: str, command: Sequence[str], failure: str) -> None:
    """Run a command of PHP in a release.

    Args:
        host: the host.
        path: the directory of the release.
        command: the interpreter and its arguments.
        failure: what the command's failure means.

    Raises:
        HostError: the command failed.
    """
    with name_unusable_program(command[0], failure, "php"):
        host.run(command, cwd=path, called=failure)


def capture_php(host: Host, path: str, command: Sequence[str], failure: str) -> str:
    """Run a command of PHP in a release and return its output; arguments and errors as in `run_php`."""
    with name_unusable_program(command[0], failure, "php"):
        return host.capture(command, cwd=path, called=failure)
