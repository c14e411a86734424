"""The commands of PHP applications, as several recipes run them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from capdoit import HostError

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
    with _explain(command[0], failure):
        host.run(command, cwd=path, called=failure)


def capture_php(host: Host, path: str, command: Sequence[str], failure: str) -> str:
    """Run a command of PHP in a release and return its output; arguments and errors as in `run_php`."""
    with _explain(command[0], failure):
        return host.capture(command, cwd=path, called=failure)


@contextmanager
def _explain(php: str, failure: str) -> Iterator[None]:
    """If PHP cannot be run, name the option that sets another one."""
    try:
        yield
    except HostError as error:
        if error.status not in (126, 127):
            raise
        raise error.because(f"{failure}: {php} cannot be run; see the option php") from None
