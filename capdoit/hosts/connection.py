"""The connection to one host, as the engine uses it: its session, deadlines, stop signal and lock."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from capdoit.config.vars import Vars
from capdoit.errors import Cancelled, HostError, LoginDropped, Unreachable
from capdoit.event_bus import EventBus
from capdoit.events import HiddenOutput, HostOutput, LoginRetried, TransferProgress
from capdoit.hosts.deadline import Deadline, find_passed, limit_request
from capdoit.hosts.held_lock import HeldLock
from capdoit.hosts.host import Host
from capdoit.hosts.login_help import complete_failed_login
from capdoit.hosts.login_retries import RETRY_SECONDS, retry_dropped_logins
from capdoit.hosts.logins import Logins
from capdoit.hosts.loss_script import LossScript
from capdoit.hosts.machine import make_machine
from capdoit.hosts.request import Answer, Progress, Request
from capdoit.hosts.request_log import RequestLog
from capdoit.hosts.session import Session
from capdoit.hosts.session_opening import SessionTerms, open_session
from capdoit.hosts.stop_signal import StopSignal
from capdoit.script import EnvValue, HomePath, Script, Secret, Value, as_template
from capdoit.shell_scripts import render

if TYPE_CHECKING:
    from capdoit.config.stages import HostConfig
    from capdoit.layout import Layout


class Connection:
    """The connection to one host; the session opens with the first request.

    Args:
        config: settings of the host.
        events: bus that gets the host's output.
        logins: the logins in progress of the fleet.

    Attributes:
        config: settings of the host.
        host: the part of the connection that hooks may use.
        stop: stop signal of the current work; the fleet sets a new one for each step.
        deadlines: deadlines of the current work.
        held_lock: the flow's lock on this host; None without one.
        retry_seconds: longest time in which a login that an ssh server drops is tried again.
    """

    stop: StopSignal

    def __init__(self, config: HostConfig, events: EventBus, logins: Logins) -> None:
        self.config = config
        self.host = Host(self)
        self.deadlines: tuple[Deadline, ...] = ()
        self.held_lock: HeldLock | None = None
        self.retry_seconds = RETRY_SECONDS
        self._events, self._logins = events, logins
        self._log = RequestLog(self.name, events)
        self._session: Session | None = None
        self._home = ""  # of the login
        self._session_terms = SessionTerms()
        self._loss_script = LossScript(self._log)
        self._machine: Any = None

    @property
    def name(self) -> str:
        """The host's name in deploy.yml."""
        return self.config.name

    @property
    def vars(self) -> Vars:
        """The values of ``vars`` in deploy.yml that apply to the host."""
        return Vars(self.config.vars, self.name, self._events.redactor)

    @property
    def roles(self) -> tuple[str, ...]:
        """The host's roles."""
        return self.config.roles

    @property
    def home(self) -> str:
        """The home directory of the login; empty before the host has answered."""
        return self._home

    @property
    def layout(self) -> Layout:
        """The host's paths; for a deploy_to below ~ that nothing was asked yet, the host is asked.

        Raises:
            HostError: it could not be asked.
        """
        if self.config.layout.is_below_home and not self._home:
            self.log_in()
        return self.config.layout.expanded(self._home)

    @property
    def deploy_to(self) -> str:
        """The directory on the host that holds ``releases`` and ``current``; errors as in `layout`."""
        return self.layout.deploy_to

    def path_value(self, path: str = "") -> Value:
        """Return a path in deploy_to for a script, which may be the first one that the host runs.

        Args:
            path: relative to deploy_to, with a slash in front; empty for deploy_to.
        """
        layout = self.config.layout
        if layout.is_below_home and not self._home:
            return HomePath(layout.deploy_to[1:] + path)
        return layout.expanded(self._home).deploy_to + path

    @property
    def run_id(self) -> str:
        """The id of the flow whose lock this is; empty without a lock."""
        return self.held_lock.run_id if self.held_lock else ""

    @property
    def is_connected(self) -> bool:
        """True while the session is open."""
        return self._session is not None and self._session.is_open

    @property
    def is_alive(self) -> bool:
        """True unless the session has ended, or its host is silent."""
        return self._session is not None and self._session.is_alive()

    @property
    def is_confirmed(self) -> bool:
        """False while the host may have run the loss script, because it has not acknowledged that it was revoked."""
        return self._loss_script.is_settled

    @property
    def machine(self) -> Any:
        """The host's plumbum machine, made on first use."""
        if self._machine is None:
            with self._logins.begin(self.config, self._raise_if_over):
                self._machine = make_machine(self.config)
        return self._machine

    def script(
        self,
        name: str,
        files: str | Iterable[str],
        values: Mapping[str, Value],
        common: Mapping[str, Value] | None = None,
        more_env: Mapping[str, EnvValue | Secret] | None = None,
    ) -> Script:
        """Return a script with the host's environment and ``more_env``; other arguments as in `render`.

        The values that describe the host are among the common values. Programs that are not on the PATH of the host's
        environment are found in that of the login.
        """
        env = self.environment(more_env)
        if "PATH" in env:
            env["PATH"] = as_template(env["PATH"]).followed_by(":$PATH")
        values_of_host = {**self.host_values, "host_umask": self.config.umask}
        return render(name, files, values, env, {**values_of_host, **(common or {})})

    @property
    def host_values(self) -> dict[str, Value]:
        """The values of scripts that describe the host."""
        return {"deploy_to": self.path_value(), "shared_to": [word for pair in self.config.shared_to for word in pair]}

    def environment(self, more: Mapping[str, EnvValue | Secret] | None = None) -> dict[str, EnvValue]:
        """Return the host's environment variables and ``more``, secrets revealed."""
        variables = {**self.config.env, **(more or {})}
        return {name: v.reveal() if isinstance(v, Secret) else v for name, v in variables.items()}

    def checked(self, request: Request) -> Answer:
        """Run a request and return its answer.

        Raises:
            HostError: its exit status is not 0, or the host was lost.
        """
        answer = self.ask([request])[0]
        if answer.status != 0:
            raise self.failure(answer, request.name)
        return answer

    def ask(self, requests: Sequence[Request]) -> list[Answer]:
        """Run requests in one round trip, whatever their exit status.

        Raises:
            HostError: the host could not be reached or was lost, or a request took too long.
        """
        if self._session is not None and self._session.is_open:
            return self._ask(self._session, requests)
        return self._ask_with_retries(requests)

    def log_in(self) -> None:
        """Open the session, and wait until the host answers; errors as in `ask`."""
        self.ask([Request(Script("log in", ":"))])

    def run_on_loss(self, script: Script) -> None:
        """Let the host run a script if the session is lost, until it is revoked. The answer is not awaited.

        The host runs the script as soon as it notices the loss. The next session runs the script in any case.

        Raises:
            HostError: there was no session, and none could be opened.
        """
        if not self.is_connected:
            self.ask([])
        assert self._session  # noqa: S101 - it was opened
        self._loss_script.give(self._session, script)

    def revoke_loss_script(self, restore: Callable[[], None] | None = None) -> None:
        """Tell the host that nothing runs any more if the session is lost. The answer is not awaited.

        Args:
            restore: called on the next session, if this one is lost and the host has not acknowledged the revocation:
                the script may have run. None if that does not matter.
        """
        self._loss_script.revoke(self._session, restore)

    def reconnect(self) -> None:
        """Replace a session that is not alive.

        Raises:
            HostError: no session could be opened.
        """
        if self._session and not self.is_alive:
            self._session.give_up()
        self.ask([])

    def failure(self, answer: Answer, command: str) -> HostError:
        """Return the error of a script that failed."""
        return HostError(self.name, f"{command}: {answer.status_text}", command, answer.status, answer.lines)

    def redact(self, text: str) -> str:
        """Return a text of a hook or host with every secret masked."""
        return self._events.redact(text)

    def mask(self, secrets: Iterable[str]) -> None:
        """Mask these texts from now on."""
        self._events.redactor.add(secrets)

    def show(self, stream: str, text: str) -> None:
        """Emit lines of the host's output, which may have colors."""
        self._events.emit(HostOutput(self.name, stream, text))

    def hide(self, stream: str, text: str) -> None:
        """Emit lines of the host's output that only the log has."""
        self._events.emit(HiddenOutput(self.name, stream, text))

    def report_progress(self, name: str) -> Progress:
        """Return a function that emits the progress of a transfer with this name."""
        return lambda done_bytes, total_bytes: self._events.emit(
            TransferProgress(self.name, name, done_bytes, total_bytes)
        )

    @contextmanager
    def more_deadlines(self, *deadlines: Deadline) -> Iterator[None]:
        """End the work within the context by further deadlines, too."""
        before = self.deadlines
        self.deadlines = (*before, *deadlines)
        try:
            yield
        finally:
            self.deadlines = before

    def send_heartbeat(self) -> None:
        """Tell the host that the controller is alive."""
        if self._session and self._session.is_open:
            self._session.send_heartbeat()

    def close(self) -> None:
        """End the session in order, and release the lock."""
        if self._session and self._session.is_open:
            self._session.close(self.held_lock.release if self.held_lock else None)
        if self._machine is not None and self.config.transport != "local":
            self._machine.close()
            self._machine = None

    def _ask_with_retries(self, requests: Sequence[Request]) -> list[Answer]:
        """Log in and run requests; try again when an ssh server drops the login, after which nothing ran."""
        patience_seconds = min([self.retry_seconds, *(r.timeout for r in requests if r.timeout is not None)])
        log_in = partial(self._log_in_and_ask, requests)
        return retry_dropped_logins(log_in, patience_seconds, partial(self._tell_retry, patience_seconds), self._pause)

    def _tell_retry(self, patience_seconds: float, error: LoginDropped) -> None:
        self._events.emit(LoginRetried(self.name, error.reason, patience_seconds))

    def _pause(self, seconds: float) -> None:
        """Wait for some time, or until the current work is stopped. Errors as in `_raise_if_over`."""
        select.select([self.stop], [], [], seconds)
        self._raise_if_over()

    def _log_in_and_ask(self, requests: Sequence[Request]) -> list[Answer]:
        with self._logins.begin(self.config, self._raise_if_over) as end_login:
            if lost := self._session:
                self._session_terms = self._session_terms.after(lost.was_silent, lost.greeting_seconds)
            try:
                self._session = open_session(self.config, self._session_terms, end_login, self.redact)
                self._resume(self._session)
                return self._ask(self._session, requests)
            except Unreachable as error:
                raise complete_failed_login(self.config, error) from None

    def _ask(self, session: Session, requests: Sequence[Request]) -> list[Answer]:
        with self._log.exchange(requests) as answers:
            answers.extend(session.ask([self._prepared(request) for request in requests], self.stop))
        self._home = session.home
        return answers

    def _raise_if_over(self) -> None:
        """Raise an error if the current work was stopped, or if its time is over."""
        if self.stop:
            raise Cancelled(self.name, "stopped")
        if deadline := find_passed(self.deadlines, time.monotonic()):
            raise HostError(self.name, f"login: {deadline.message} and was stopped")

    def _resume(self, session: Session) -> None:
        """Bring a session that replaces a lost one to the state of the lost one."""
        try:
            self._loss_script.give_again(session)
            if self.held_lock and self.held_lock.retake:
                self.held_lock.retake()
            self._loss_script.catch_up(lambda script: self._ask(session, [Request(script, capture=True)]))
        except BaseException:
            session.abort()
            raise

    def _prepared(self, request: Request) -> Request:
        """Return a request that ends by the deadlines and reports the progress of its transfer and all its output."""
        request = limit_request(request, self.deadlines, time.monotonic())
        progress = self.report_progress(request.name) if request.source else None
        return replace(request, progress=progress, show=request.show or self.hide)
