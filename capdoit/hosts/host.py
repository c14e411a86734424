"""The host as hooks see it: commands and file copies, and nothing of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any

from capdoit.errors import HostError
from capdoit.hosts.file_copies import download, upload, write
from capdoit.hosts.host_requests import check_options, command_request
from capdoit.hosts.templates import render_template

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from capdoit.config.vars import Vars
    from capdoit.hosts.connection import Connection
    from capdoit.hosts.file_copies import LocalPath
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
        known: the other arguments of a hook by name, for templates.
    """

    def __init__(
        self, connection: Connection, env: Mapping[str, str] | None = None, known: Mapping[str, Any] | None = None
    ) -> None:
        self._connection, self._env, self._known = connection, env or {}, known or {}

    def __repr__(self) -> str:
        return f"Host({self.name!r})"

    def __str__(self) -> str:
        return self.name

    def with_env(self, env: Mapping[str, str], **known: Any) -> Self:
        """Return the host with further environment variables for its commands, and further values for templates."""
        other = copy(self)
        other._env, other._known = {**self._env, **env}, {**self._known, **known}
        return other

    @property
    def name(self) -> str:
        """The host's name in deploy.yml."""
        return self._connection.name

    @property
    def roles(self) -> tuple[str, ...]:
        """The host's roles."""
        return self._connection.roles

    @property
    def vars(self) -> Vars:
        """The values of ``vars`` in deploy.yml that apply to the host."""
        return self._connection.vars

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

    def capture(self, command: Command, *, secret: bool = False, **options: Unpack[CommandOptions]) -> str:
        """Run a command and return its stdout without line breaks at the end, as ``$(…)`` in sh.

        Other arguments and errors are those of `run`.

        Args:
            command: a line for sh, or a list of words.
            secret: leave its stdout out of the log; to mask values in it from then on, call `mask`.
            **options: as in `run`.
        """
        request = self._request(command, options, capture=True, show=self._connection.show)
        return self._connection.checked(replace(request, is_secret=secret)).text.rstrip("\n")

    def mask(self, *secrets: str) -> None:
        """Show ``***`` instead of these texts from now on, in output, logs, reports and journals.

        Args:
            *secrets: texts, such as values that a command has printed; one that is shorter than 4 characters is shown.
        """
        self._connection.mask(secrets)

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

    def upload(self, local: LocalPath | IO[Any], remote: str, *, mode: int | None = None) -> None:
        """Copy a file, a directory or an open file to the host, with the modes. Missing parents are made.

        A file is replaced, and a new directory appears, only when the copy is complete. A directory that exists keeps
        the files that the copy does not have.

        Args:
            local: a file or a directory of this machine; or an open file of bytes or text, whose rest is copied.
            remote: path of the copy, not of the directory that gets it.
            mode: the mode of the file, such as ``0o640``. Without it, a file of this machine gives its own, and for
                anything else the mode that is there stays, or the umask of the host decides.

        Raises:
            HostError: the copy could not be written.
            OSError: something cannot be read here.
        """
        upload(self._connection, local, remote, mode)

    def write(self, content: str | bytes, remote: str, *, mode: int | None = None) -> bool:
        """Write a file of the host, unless it has this content and mode already. Missing parents are made.

        Args:
            content: text, which is written as UTF-8, or bytes.
            remote: path of the file; it is replaced when the new one is complete.
            mode: as in `upload`.

        Returns:
            Whether the file was changed.

        Raises:
            HostError: the file could not be written.
        """
        return write(self._connection, content, remote, mode)

    def template(self, source: LocalPath, remote: str, /, *, mode: int | None = None, **values: Any) -> bool:
        """Write a file of the host from a template of Jinja, unless it has this content and mode already.

        Args:
            source: path of the template.
            remote: path of the file on the host.
            mode: as in `upload`.
            **values: variables of the template, besides ``host``, ``release``, ``flow`` and ``vars``.

        Returns:
            Whether the file was changed.

        Raises:
            HostError: the template has a mistake, Jinja is not installed, or the file could not be written.
        """
        variables = {"host": self, "vars": self.vars, **self._known, **values}
        try:
            text = render_template(self.name, source, variables)
        except HostError as error:
            raise error.because(self._connection.redact(error.reason)) from None
        return self.write(text, remote, mode=mode)

    def download(self, remote: str, local: LocalPath | IO[Any]) -> None:
        """Copy a file or a directory from the host, with the modes. Missing parents are made.

        A file is replaced, and a new directory appears, only when the copy is complete. A directory that exists keeps
        the files that the copy does not have.

        Args:
            remote: a file or a directory of the host.
            local: path of the copy on this machine; or for a file, an open file of bytes or of text.

        Raises:
            HostError: it cannot be read.
            OSError: the copy cannot be written.
        """
        download(self._connection, remote, local)

    def _request(
        self, command: Command, options: CommandOptions, capture: bool = False, show: ShowLines | None = None
    ) -> Request:
        return command_request(self._connection, command, capture, show, **self._with_own_env(options))

    def _with_own_env(self, options: CommandOptions) -> CommandOptions:
        """Return the options of a command with the environment variables of this host; errors as in `check_options`."""
        check_options(options)
        return {**options, "env": {**self._env, **(options.get("env") or {})}}
