"""One host: its plumbum machine, its open session, and what hooks can do on it."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, cast

from capdoit.errors import HostError, Unreachable
from capdoit.hosts.session import LOOP, Answer, Process, Request, Session, Stop
from capdoit.hosts.stream import Sink
from capdoit.script import Script, Secret, Value, render, script_file, words

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from capdoit.config.stages import HostConfig
    from capdoit.output.console import Console

FENCE = script_file("sh/fence")
NOT_RUN = (126, 127)  # sh: a command that is no program, or is not there
# What holds where neither deploy.yml nor ssh's own configuration is asked: ssh takes the first value it
# is given, so the options of deploy.yml stand before these.
SSH_OPTIONS = (
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "ForwardAgent=no",
    "ClearAllForwardings=yes",
    "RemoteCommand=none",
    "ConnectTimeout=10",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=3",
)


Command = str | Sequence[str]


class How(TypedDict, total=False):
    """How a command of a hook is run; `Host.run` says what each means."""

    cwd: str | None
    env: Mapping[str, str | Secret] | None
    user: str | None
    timeout: float | None
    called: str | None


@dataclass(frozen=True)
class Deadline:
    """When something that takes several requests has to be over.

    Attributes:
        at: by the monotonic clock.
        whose: what is said of who misses it.
    """

    at: float
    whose: str


class Host:
    """A host of the fleet.

    Hooks get it as ``host``. A command is a line for sh, or a list of words that are quoted for it. It
    runs with the host's environment, nothing on its stdin, and its output is shown as it comes.

    Args:
        config: what deploy.yml says of it.
        console: where its output is shown.
    """

    stop: Stop  # the fleet gives a new one for each step

    def __init__(self, config: HostConfig, console: Console) -> None:
        self.config = config
        self._console = console
        self._session: Session | None = None
        self._machine: Any = None
        self.relock: Callable[[], None] | None = None  # done first on a session that replaces a lost one
        self.deadlines: tuple[Deadline, ...] = ()  # what is going on now ends by them
        self.farewell: Request | None = None  # sent with the end of the session
        self.run_id = ""  # of the flow that has the lock, without which no command of a hook begins

    @property
    def name(self) -> str:
        """As deploy.yml calls it."""
        return self.config.name

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles it plays."""
        return self.config.roles

    @property
    def deploy_to(self) -> str:
        """The directory it is deployed to."""
        return self.config.layout.deploy_to

    @property
    def machine(self) -> Any:
        """Plumbum's machine for this host: an ``SshMachine`` of its own connection, or ``local``."""
        if self._machine is None:
            from plumbum import SshMachine, local

            config = self.config
            if config.transport == "local":
                self._machine = local
            else:
                options = _ssh_options(config)
                self._machine = SshMachine(
                    config.hostname, config.user, config.port, ssh_opts=options, scp_opts=options
                )
        return self._machine

    def run(self, command: Command, **how: Unpack[How]) -> None:
        """Run a command.

        Args:
            command: a line for sh, or a list of words.
            **how: ``cwd=``, the directory it runs in, the user's home when not given; ``env=``, added to the host's
                environment, secrets as they are; ``user=``, whom it runs as, by ``sudo -n``; ``timeout=``, seconds
                after which it is killed; ``called=``, what errors call it, instead of its words.

        Raises:
            HostError: its exit status is not 0, it was killed, or the host was lost.
        """
        self.checked(replace(self._command(command, False, **how), show=self.show))

    def capture(self, command: Command, **how: Unpack[How]) -> str:
        """Run a command and return its stdout, verbatim; arguments and errors as in `run`."""
        return self.checked(replace(self._command(command, True, **how), show=self.show)).text

    def test(self, command: Command, **how: Unpack[How]) -> bool:
        """Run a command and say whether its exit status is 0; nothing is shown.

        Raises:
            HostError: it was killed or could not be run (status 126 or 127), or the host was lost.
        """
        answer = self.ask([self._command(command, True, **how)])[0]
        if answer.was_killed or answer.status in NOT_RUN:
            raise self.failure(answer, _shown(command))
        return answer.status == 0

    def upload(self, local: str | Path, remote: str) -> None:
        """Copy a file to the host, with its mode; it appears whole or not at all.

        Raises:
            HostError: it could not be written.
            OSError: the local file cannot be read.
        """
        with Path(local).open("rb") as source:
            stat = os.fstat(source.fileno())
            values: dict[str, Value] = {"remote": remote, "mode": f"{stat.st_mode & 0o777:o}", "size": stat.st_size}
            script = self._fenced("upload", "hosts/upload", values)
            self.checked(Request(script, "feed", source, self.show, command=f"upload {remote}"))

    def download(self, remote: str, local: str | Path) -> None:
        """Copy a file from the host; the local file appears whole or not at all.

        Raises:
            HostError: it cannot be read.
        """
        part = Path(f"{local}.part")
        try:
            with part.open("wb") as target:
                script = render("download", script_file("hosts/download"), {"remote": remote})
                self.checked(Request(script, show=self.show, into=target, command=f"download {remote}"))
            part.replace(local)
        finally:
            part.unlink(missing_ok=True)

    # -- what steps use

    @property
    def is_connected(self) -> bool:
        """Whether its session is open."""
        return self._session is not None and self._session.is_open

    def script(self, name: str, body: Path | Sequence[Path], values: Mapping[str, Any]) -> Script:
        """A script for this host, with its environment; ``deploy_to`` is among its values unless another is given."""
        return render(name, body, {"deploy_to": self.deploy_to, **values}, self._env({}))

    def checked(self, request: Request) -> Answer:
        """Run a request, and raise HostError unless its exit status is 0."""
        answer = self.ask([request])[0]
        if answer.status != 0:
            raise self.failure(answer, request.name)
        return answer

    def ask(self, requests: Sequence[Request]) -> list[Answer]:
        """Run several requests in one round trip, whatever their exit status; opens the session first."""
        if self._session is None or not self._session.is_open:
            self._session = self._open()
            self._take_again(self._session)
        return self._session.ask([self._in_time(request) for request in requests], self.stop)

    def answer(self, command: Command, show: Sink) -> Answer:
        """Run a command as `run` does, whatever its exit status, and give each line of its output to ``show``.

        Raises:
            HostError: the host was lost, or could not be reached.
        """
        return self.ask([replace(self._command(command, False), show=show)])[0]

    def failure(self, answer: Answer, command: str) -> HostError:
        """The error of a script that ended otherwise than well."""
        lines = [self._console.redact(line) for line in answer.lines]
        return HostError(self.name, f"{self._console.redact(command)}: {answer.how}", command, answer.status, lines)

    def show(self, _: str, line: str) -> None:
        """Show a line of its output."""
        self._console.output(self.name, line)

    def beat(self) -> None:
        """Let the host know that the controller is there."""
        if self._session and self._session.is_open:
            self._session.beat()

    def close(self) -> None:
        """End the session in order."""
        if self._session and self._session.is_open:
            self._session.bye(self.farewell)
        if self._machine is not None and self.config.transport != "local":
            self._machine.close()
            self._machine = None

    def _take_again(self, session: Session) -> None:
        """Take the lock that went with a lost session; without it nothing is done on the new one."""
        if self.relock:
            try:
                self.relock()
            except BaseException:
                session.cut()
                raise

    def _in_time(self, request: Request) -> Request:
        """The request, with less time when a deadline comes before its own timeout."""
        for deadline in self.deadlines:
            left = max(0.0, deadline.at - time.monotonic())
            if request.timeout is None or left < request.timeout:
                request = replace(request, timeout=left, whose=deadline.whose)
        return request

    def _open(self) -> Session:
        from plumbum import CommandNotFound, local

        program, arguments = "sh", ["-c", LOOP]
        if self.config.transport == "ssh":
            # The user's login shell, whichever it is, reads this line: exec and single quotes are the same in all.
            program, arguments = "ssh", ["-T", *ssh_words(self.config), "exec sh -c " + words([LOOP])]
        try:
            command = local[program][arguments]
        except CommandNotFound:
            raise Unreachable(self.name, f"cannot connect: {program} is not installed on this machine") from None
        return Session(self.name, cast(Process, command.popen(new_session=True, bufsize=0)))

    def _command(
        self,
        command: Command,
        answers: bool,
        cwd: str | None = None,
        env: Mapping[str, str | Secret] | None = None,
        user: str | None = None,
        timeout: float | None = None,
        called: str | None = None,
    ) -> Request:
        line = command if isinstance(command, str) else words(command)
        values: dict[str, Value] = {"hook_command": line, "hook_cwd": cwd or "", "hook_answers": answers}
        inner = render("command", script_file("hosts/command"), values, self._env(env or {}))
        script = self._fenced("command", "hosts/shell", {"user": user or "", "inner": inner.frame()})
        return Request(script, capture=answers, timeout=timeout, command=called or _shown(command))

    def _fenced(self, name: str, body: str, values: Mapping[str, Value]) -> Script:
        return render(name, [FENCE, script_file(body)], {**values, "deploy_to": self.deploy_to, "run": self.run_id})

    def _env(self, more: Mapping[str, str | Secret]) -> dict[str, str]:
        env = {**self.config.env, **more}
        return {k: v.reveal() if isinstance(v, Secret) else v for k, v in env.items()}


def ssh_words(config: HostConfig) -> list[str]:
    """The arguments with which ssh leads to a host, its name the last of them."""
    port = ["-p", str(config.port)] if config.port else []
    user = ["-l", config.user] if config.user else []
    return [*_ssh_options(config), *port, *user, "--", config.hostname]


def _ssh_options(config: HostConfig) -> list[str]:
    file = ["-F", config.ssh_config] if config.ssh_config else []
    return [*file, *(word for option in (*config.ssh_options, *SSH_OPTIONS) for word in ("-o", option))]


def _shown(command: Command) -> str:
    """A command in one line; a word of several lines, such as a script, is not for people."""
    if isinstance(command, str):
        return command if "\n" not in command else f"{command.strip().splitlines()[0]} …"
    return " ".join("…" if "\n" in word else shlex.quote(word) for word in command)
