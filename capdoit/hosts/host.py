"""The host as hooks see it: commands and file copies, and nothing of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from capdoit.hosts.host_requests import (
    command_request,
    download_request,
    upload_directory_request,
    upload_request,
)
from capdoit.hosts.packed_directory import pack_directory

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from capdoit.hosts.connection import Connection
    from capdoit.hosts.host_requests import Command, CommandOptions
    from capdoit.hosts.request import Request
    from capdoit.hosts.stream import ShowLines

CANNOT_RUN = (126, 127)  # exit statuses of sh: the command is not executable, or does not exist


class Host:
    """A host of the fleet.

    Hooks get it as ``host``. A command is a line for sh, or a list of words, which are quoted for sh. It
    runs with the host's environment and an empty stdin, and its output is shown line by line.

    Args:
        connection: the connection to the host.
        env: environment variables of commands, in addition to the host's.
    """

    def __init__(self, connection: Connection, env: Mapping[str, str] | None = None) -> None:
        self._connection, self._env = connection, env or {}

    def __repr__(self) -> str:
        return f"Host({self.name!r})"

    def __str__(self) -> str:
        return self.name

    def with_env(self, env: Mapping[str, str]) -> Host:
        """Return the host with further environment variables for its commands."""
        return Host(self._connection, {**self._env, **env})

    @property
    def name(self) -> str:
        """The host's name in deploy.yml."""
        return self._connection.name

    @property
    def roles(self) -> tuple[str, ...]:
        """The host's roles."""
        return self._connection.roles

    @property
    def deploy_to(self) -> str:
        """The directory on the host that holds ``releases`` and ``current``."""
        return self._connection.deploy_to

    @property
    def machine(self) -> Any:
        """The host's plumbum machine: a new ``SshMachine``, with a separate connection, or ``local``."""
        return self._connection.machine

    def run(self, command: Command, **options: Unpack[CommandOptions]) -> None:
        """Run a command.

        Args:
            command: a line for sh, or a list of words.
            **options: ``cwd=``, the working directory, default is the user's home; ``env=``, environment variables
                that are added to the host's, secrets as `Secret`; ``user=``, the user to run as, by ``sudo -n``;
                ``timeout=``, seconds after which the command is killed; ``called=``, the command's name in errors.

        Raises:
            HostError: the exit status is not 0, the command was killed, or the host was lost.
        """
        self._connection.checked(self._request(command, options, show=self._connection.show))

    def capture(self, command: Command, **options: Unpack[CommandOptions]) -> str:
        """Run a command and return its stdout unchanged; arguments and errors as in `run`."""
        request = self._request(command, options, capture=True, show=self._connection.show)
        return self._connection.checked(request).text

    def test(self, command: Command, **options: Unpack[CommandOptions]) -> bool:
        """Run a command and return True if its exit status is 0; its output is not shown. Arguments as in `run`.

        Raises:
            HostError: the command was killed or could not run (status 126 or 127), or the host was lost.
        """
        request = self._request(command, options, capture=True)
        answer = self._connection.ask([request])[0]
        if answer.was_killed or answer.status in CANNOT_RUN:
            raise self._connection.failure(answer, request.name)
        return answer.status == 0

    def upload(self, local: str | Path, remote: str) -> None:
        """Copy a file or a directory to the host, with the modes. Missing parents are made.

        A file is replaced, and a new directory appears, only when the copy is complete. A directory that exists keeps
        the files that the copy does not have.

        Args:
            local: a file or a directory of this machine.
            remote: path of the copy, not of the directory that gets it.

        Raises:
            HostError: the copy could not be written.
            OSError: something cannot be read here.
        """
        path = Path(local)
        if path.is_dir():
            with pack_directory(path) as source:
                self._connection.checked(upload_directory_request(self._connection, source, remote))
        else:
            with path.open("rb") as source:
                self._connection.checked(upload_request(self._connection, source, remote))

    def download(self, remote: str, local: str | Path) -> None:
        """Copy a file from the host; ``local`` is replaced only when the copy is complete.

        Raises:
            HostError: the file cannot be read.
        """
        part = Path(f"{local}.part")
        try:
            with part.open("wb") as target:
                self._connection.checked(download_request(self._connection, remote, target))
            part.replace(local)
        finally:
            part.unlink(missing_ok=True)

    def _request(
        self, command: Command, options: CommandOptions, capture: bool = False, show: ShowLines | None = None
    ) -> Request:
        return command_request(self._connection, command, capture, show, **self._with_own_env(options))

    def _with_own_env(self, options: CommandOptions) -> CommandOptions:
        """Return the options of a command with the environment variables of this host."""
        return {**options, "env": {**self._env, **(options.get("env") or {})}}
