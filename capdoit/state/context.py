"""The context that a step works in: the request, the fleet, the executor, the events and the progress."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import IO, Any

from capdoit.errors import CapdoitError
from capdoit.event_bus import EventBus
from capdoit.events import Decided, Event, Warned
from capdoit.hosts.connection import Connection
from capdoit.hosts.deadline import Deadline
from capdoit.hosts.fleet import Fleet
from capdoit.layout import SCRATCH
from capdoit.script import Script, Value
from capdoit.sequence import step_names
from capdoit.state.decision import Decision
from capdoit.state.executor import Executor
from capdoit.state.flow_request import FlowRequest
from capdoit.state.progress import Progress


@dataclass(frozen=True)
class FlowContext:
    """Everything that a step needs. It reads the progress and never changes it.

    Attributes:
        request: the operator's request.
        fleet: connections to the selected hosts.
        events: bus of this flow.
        executor: sends scripts, or records them.
        progress: the state of the run, folded from the events.
    """

    request: FlowRequest
    fleet: Fleet
    events: EventBus
    executor: Executor
    progress: Progress

    @property
    def decision(self) -> Decision:
        """The present state of the decision."""
        return self.progress.decision

    def decide(self, **changes: Any) -> None:
        """Complete the decision.

        Args:
            changes: fields of the `Decision` that are known from now on.
        """
        self.emit(Decided(replace(self.decision, **changes)))

    def emit(self, event: Event) -> None:
        """Emit an event."""
        self.events.emit(event)

    def warn(self, text: str, host: str = "") -> None:
        """Emit a warning about a host, or about the fleet."""
        self.emit(Warned(self.events.redact_message(text), host))  # the journal keeps it

    @contextmanager
    def mask_errors(self) -> Iterator[None]:
        """Mask the secrets in the error of code that is not capdoit's, such as that of a hook."""
        try:
            yield
        except CapdoitError:  # its texts were masked when it was made
            raise
        except BaseException as error:
            self.events.redactor.redact_error(error)
            raise

    # -- scripts

    def script(
        self,
        connection: Connection,
        name: str,
        files: str | Sequence[str],
        values: Mapping[str, Value] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Script:
        """Return a script of this flow for a host.

        Args:
            connection: the host.
            name: purpose of the script, for people.
            files: its file or files, as paths below capdoit/ without ``.sh``.
            values: what its header asks for beyond the values that every script of a flow can have.
            env: environment variables besides those of the host; they may be secret.
        """
        return connection.script(name, files, values or {}, self._common_values(connection.name), env)

    def run(
        self,
        connection: Connection,
        name: str,
        files: str | Sequence[str],
        values: Mapping[str, Value] | None = None,
        timeout_seconds: float | None = None,
        env: Mapping[str, str] | None = None,
        source: IO[bytes] | None = None,
    ) -> str | None:
        """Run a script of this flow on a host, or record it.

        Arguments are those of `script`, result and errors those of `Executor.run`.
        """
        script = self.script(connection, name, files, values, env)
        return self.executor.run(connection, script, timeout_seconds, source)

    def _common_values(self, host: str) -> dict[str, Value]:
        stage, decision = self.request.stage, self.decision
        return {
            "run": self.request.run_id,
            "release": decision.release_on(host),
            "revision": decision.revision,
            "revision_time": decision.revision_time,
            "linked_files": stage.linked_files,
            "linked_dirs": stage.linked_dirs,
            "scratch": SCRATCH,
            "hooks_ran": self.is_changed_by_hooks,
        }

    # -- state

    @property
    def is_partial(self) -> bool:
        """True if release hosts of the stage take no part, because of ``hosts=`` or because they are missing."""
        return len(self.fleet.release_connections) < sum(not host.no_release for host in self.request.all_hosts)

    @property
    def is_changed_by_hooks(self) -> bool:
        """True if hooks may have changed the release since its manifest was written or compared with it.

        Damage that ``force=yes`` accepted stays recorded as damage.
        """
        tried = [*self.progress.done, self.progress.failed_in]
        since = tried[tried.index("publishing") :] if "publishing" in tried else tried
        hooks = {*self.request.task_names}.difference(step_names(self.request.flow))
        return bool(hooks.intersection(since)) and not self.request.variables.force

    @property
    def deadlines(self) -> list[Deadline]:
        """The deadline of the flow; empty when its stage has no timeout, and for a task on demand."""
        limit = 0 if self.request.on_demand else self.request.stage.timeout
        started = self.request.started
        return [Deadline(started + limit, f"the flow took longer than its timeout, {limit} s,")] if limit else []
