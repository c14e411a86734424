"""What a drill does on hosts beside the rollback itself; and its short form, at the end of a deploy."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any

from capdoit.config.readers import Env
from capdoit.config.stages import HostConfig, Stage
from capdoit.errors import CapdoitError, HostsFailed, Outcome
from capdoit.hooks.hook import Hook
from capdoit.hosts.connection import Connection
from capdoit.layout import Layout
from capdoit.operations.integrity import whole
from capdoit.operations.survey import ask_facts
from capdoit.output.error_text import render_error
from capdoit.shell_scripts import script_text
from capdoit.state.run import Run
from capdoit.steps.finishing import archived
from capdoit.steps.reverting import UNPACK
from capdoit.steps.starting import choose_target

END_SECONDS = 60


def shadow_of(stage: Stage) -> Stage:
    """The stage whose hosts have the shadow of a drill for their deploy_to, in their environment, too."""
    return stage.only(tuple(_shadow_of_host(host) for host in stage.hosts))


def look(run: Run) -> None:
    """See that the release to go back to is there, that its links lead somewhere, and that it is as it was shipped.

    It is compared with its manifest here, an archive unpacked for that: in the shadow links lead elsewhere.

    Raises:
        HostsFailed: it is not so.
    """
    run.fleet.all(partial(_look, run), _with_release(run))
    run.fleet.all(lambda host: whole(run, host, [UNPACK] if host.name in run.archived else []))


def fill(run: Run, hooks: Iterable[Hook]) -> None:
    """Make the shadow on every host.

    Args:
        run: whose release and locks are those of the real deploy_to.
        hooks: those that will run in the shadow.

    Raises:
        HostsFailed: a host could not; all of them say why.
    """
    written_to = {host.name for hook in hooks for host in hook.choose_connections(run.fleet.connections)}
    run.fleet.all(lambda host: _fill(run, host, host.name in written_to))


def verify(run: Run) -> dict[str, str]:
    """List the archives that were made in the shadow.

    Returns:
        how many members each has, by name of host; nothing where a rollback archives nothing.

    Raises:
        HostsFailed: an archive cannot be listed, or lacks something.
    """
    hosts = [host for host in run.fleet.release_connections if archived(run, host.name)]
    return run.fleet.all(partial(_verify, run), hosts)


def end(run: Run, drilled: str) -> list[Outcome[None]]:
    """Remove the shadow wherever this run has the lock; no signal stops that.

    Args:
        run: the drill's.
        drilled: the line that stays as its verdict; empty when it has none.
    """
    return run.fleet.uninterrupted(partial(_end, run, drilled))


def rehearse_shortly(run: Run) -> None:
    """Warn after a deploy when a rollback would not work: no target, or not whole, or a guard refuses."""
    said = replace(run.variables, rollback_release=None)  # the environment may have one
    back = replace(run, flow="rollback", variables=said, drill=True, facts={}, probes={}, unknown={}, warnings={})
    try:
        back.facts = run.fleet.all(partial(ask_facts, back))
        choose_target(back)
        look(back)
    except CapdoitError as error:
        stopped = isinstance(error, HostsFailed) and not error.failed
        what = "it was not seen whether a rollback works" if stopped else "a rollback would not work now"
        command = replace(back.command_line, task="rollback")
        run.warn(f"{what}: {render_error(error, command)}")
    else:
        run.console.say(f"   a rollback would go to {back.release}, which is whole on every host")


def _shadow_of_host(host: HostConfig) -> HostConfig:
    real = host.layout.deploy_to
    shadow = f"{real}/.capdoit/drill"
    a_path = re.compile(rf"(?<![^:=\s,]){re.escape(real)}(?=[/:\s,]|$)")
    env: Env = {
        name: a_path.sub(lambda _: shadow, value) if isinstance(value, str) else value
        for name, value in host.env.items()
    }
    return replace(host, layout=Layout(shadow), env=env)


def _with_release(run: Run) -> list[Connection]:
    return [host for host in run.fleet.release_connections if host.name not in run.archived]


def _look(run: Run, host: Connection) -> None:
    run.do(host, "look at the release", "flow/drill_check", list_broken_links=script_text("flow/drill_broken_links"))


def _fill(run: Run, host: Connection, is_written_to: bool) -> None:
    values: dict[str, Any] = {
        "previous": run.before(host.name) or "",
        "is_archived": host.name in run.archived,
        "copy_files": is_written_to,
        "repoint_links": script_text("flow/drill_repoint_links"),
    }
    run.do(host, "fill the shadow", "flow/drill_fill", **values)


def _verify(run: Run, host: Connection) -> str:
    return run.do(host, "verify the archive", "flow/drill_verify", previous=archived(run, host.name)).strip()


def _end(run: Run, drilled: str, host: Connection) -> None:
    if host.name in run.held:
        run.do(host, "remove the shadow", "flow/drill_end", END_SECONDS, verdict=drilled)
