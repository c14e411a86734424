"""The requests behind the methods of `Host`: commands and file copies."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, TypedDict

from capdoit.errors import HostError
from capdoit.hosts.packed_directory import LAST_MEMBER
from capdoit.hosts.request import Receiver, Request
from capdoit.hosts.stream import ShowLines
from capdoit.script import Script, Secret, Value, words
from capdoit.shell_scripts import render
from capdoit.text import suggest_name

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from capdoit.hosts.connection import Connection

Command = str | Sequence[str]


class CommandOptions(TypedDict, total=False):
    """The keyword arguments of a hook's command; `Host.run` documents them."""

    cwd: str | None
    env: Mapping[str, str | Secret] | None
    user: str | None
    timeout: float | None
    called: str | None


def check_options(options: CommandOptions) -> None:
    """Check the names of the keyword arguments of a command: a misspelled one would be left out.

    Raises:
        TypeError: there is no such argument.
    """
    known = CommandOptions.__annotations__
    for name in options:
        if name not in known:
            raise TypeError(f"commands have no argument {name}={suggest_name(name, known)}")


def command_request(
    connection: Connection,
    command: Command,
    capture: bool = False,
    show: ShowLines | None = None,
    **options: Unpack[CommandOptions],
) -> Request:
    """Return the request that runs a command of a hook or of an operator.

    Args:
        connection: the connection to the host that runs the command.
        command: a line for sh, or a list of words.
        capture: return stdout in the answer instead of showing it.
        show: called with each line of output.
        **options: as in `Host.run`.
    """
    script = _command_script(connection, command, "hosts/shell", capture, options)
    name = command_name(connection, command, options)
    return Request(script, show=show, capture=capture, timeout=options.get("timeout"), command=name)


def terminal_script(connection: Connection, command: Command, options: CommandOptions) -> Script:
    """Return the script that runs a command on a terminal; arguments as in `command_request`."""
    return _command_script(connection, command, "hosts/terminal_shell", True, options)


def command_name(connection: Connection, command: Command, options: CommandOptions) -> str:
    """Return the name of a command for messages."""
    return connection.redact(options.get("called") or command_text(command))


def _command_script(
    connection: Connection, command: Command, shell: str, capture: bool, options: CommandOptions
) -> Script:
    """Return the script that runs a command in a shell, which is another script."""
    line = command if isinstance(command, str) else words(command)
    _refuse_release_path(connection, options.get("cwd") or "")
    values: dict[str, Value] = {
        "hook_command": line,
        "hook_cwd": options.get("cwd") or "",
        "host_umask": connection.config.umask,
        "is_captured": capture,
    }
    inner = render("command", "hosts/command", values, connection.environment(options.get("env")))
    return _fenced_script(
        connection, "command", shell, {"user": options.get("user") or "", "inner_script": inner.frame()}
    )


def upload_request(
    connection: Connection, source: IO[bytes], remote: str, mode: int | None, keep_equal: bool = False
) -> Request:
    """Return the request that writes an open file to a path on the host.

    Args:
        connection: the connection to the host.
        source: the file.
        remote: the path.
        mode: the mode; None for that of the file that is replaced, or what the umask leaves.
        keep_equal: change nothing, and answer ``equal``, if the host has this content and mode.
    """
    values: dict[str, Value] = {
        "keep_equal": keep_equal,
        "mode": "" if mode is None else f"{mode:o}",
        "size": os.fstat(source.fileno()).st_size,
        **_destination(connection, remote),
    }
    script = _fenced_script(connection, "upload", "hosts/upload", values)
    return Request(script, "feed", source, connection.show, capture=keep_equal, command=f"upload {remote}")


def upload_directory_request(connection: Connection, source: IO[bytes], remote: str) -> Request:
    """Return the request that unpacks an open tar, made by `pack_directory`, to a directory on the host."""
    values = {"last_member": LAST_MEMBER, **_destination(connection, remote.rstrip("/") or "/")}
    script = _fenced_script(connection, "upload", "hosts/upload_directory", values)
    return Request(script, "feed", source, connection.show, command=f"upload {remote}")


def download_request(connection: Connection, remote: str, target: Receiver) -> Request:
    """Return the request that sends a file, or a tar of a directory, behind a line that describes it."""
    script = render("download", "hosts/download", {"remote": remote})
    return Request(script, show=connection.show, into=target, command=f"download {remote}")


def command_text(command: Command) -> str:
    """Return a command as one line for messages; words of several lines, such as scripts, are left out."""
    if isinstance(command, str):
        return command if "\n" not in command else f"{command.strip().splitlines()[0]} …"
    return " ".join("…" if "\n" in word else shlex.quote(word) for word in command)


def _destination(connection: Connection, remote: str) -> dict[str, Value]:
    """Return the path of an upload, and the path of what has arrived of it: several hosts may share a file system."""
    _refuse_release_path(connection, remote)
    return {"remote": remote, "part": f"{remote}.{connection.name}.capdoit-part"}


def _refuse_release_path(connection: Connection, path: str) -> None:
    """Refuse a path in a release, on a host that gets no code.

    Raises:
        HostError: says that the host has no release.
    """
    if connection.config.no_release and path.startswith(f"{connection.layout.releases}/"):
        release = path.removeprefix(f"{connection.deploy_to}/")
        hint = "in dodo.py, choose hosts with code by roles= of the hook"
        raise HostError(connection.name, f"has no_release in deploy.yml, so it has no {release}; {hint}")


def _fenced_script(connection: Connection, name: str, file: str, values: Mapping[str, Value]) -> Script:
    """Return a script that runs only while the host's lock names this flow, if the flow holds locks."""
    common: dict[str, Value] = {"run": connection.run_id, **connection.host_values}
    return render(name, file, values, common=common)
