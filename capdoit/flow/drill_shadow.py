"""The shadow of a drill: a copy of the live release and the target on each host, in which a rollback is rehearsed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from capdoit.config.readers import Env
from capdoit.config.stages import HostConfig, Stage
from capdoit.errors import Outcome
from capdoit.hooks.hook import Hook
from capdoit.hosts.connection import Connection
from capdoit.layout import Layout
from capdoit.operations.integrity import check_integrity
from capdoit.records.journal import DrillVerdict
from capdoit.script import EnvValue, Secret, Template, Value
from capdoit.shell_scripts import script_text
from capdoit.state.context import FlowContext
from capdoit.steps.finishing_rollback import release_to_archive

END_TIMEOUT_SECONDS = 60


def make_shadow_stage(stage: Stage, selected: Stage, connections: Iterable[Connection]) -> Stage:
    """Return the stage with the shadow as the deploy_to of each host, in its environment, too.

    deploy.yml is not read again for it, because that would bring the real deploy_to back.

    Args:
        stage: the stage.
        selected: the stage with the selected hosts, whose settings are all known.
        connections: the selected hosts, which have been asked: only a host knows its home directory.
    """
    homes = {connection.name: connection.home for connection in connections}
    known = {host.name: host for host in selected.hosts}
    hosts = (known.get(host.name, host) for host in stage.hosts)
    shadows = tuple(_shadow_host(host, homes.get(host.name, "")) for host in hosts)
    return replace(selected, hosts=shadows, pending=(), deploy_file=None)


def check_target(context: FlowContext) -> None:
    """Check that the rollback target is there, that its symlinks have targets, and that it is as it was shipped.

    It is compared with its manifest here, unpacked if it is an archive: in the shadow its symlinks have other targets.

    Raises:
        HostsFailed: a check failed.
    """
    archived_on = context.decision.archived_on
    present = [host for host in context.fleet.release_connections if host.name not in archived_on]
    context.fleet.all(partial(_check_links, context), present)
    context.fleet.all(partial(check_integrity, context))


def fill_shadow(context: FlowContext, hooks: Iterable[Hook]) -> None:
    """Make the shadow on every host.

    Args:
        context: the drill, with the locks of the real deploy_to.
        hooks: the hooks that will run in the shadow; their hosts get copies instead of hard links.

    Raises:
        HostsFailed: a host could not make it.
    """
    written_to = {host.name for hook in hooks for host in hook.choose_connections(context.fleet.connections)}
    context.fleet.all(lambda host: _fill(context, host, host.name in written_to))


def verify_archives(context: FlowContext) -> dict[str, str]:
    """List the archives that the rehearsed rollback made.

    Returns:
        The number of files in each archive, by host; hosts without an archive are not in it.

    Raises:
        HostsFailed: an archive cannot be listed, or lacks something.
    """
    hosts = [host for host in context.fleet.release_connections if release_to_archive(context, host.name)]
    return context.fleet.all(partial(_verify_archive, context), hosts)


def remove_shadow(context: FlowContext, verdict: DrillVerdict | None) -> list[Outcome[None]]:
    """Remove the shadow from every host that this drill has locked; no signal stops that.

    Args:
        context: the drill.
        verdict: the result of the drill, which each host keeps with its name of the release; None when it has none.
    """
    return context.fleet.uninterrupted(partial(_remove, context, verdict))


def _shadow_host(host: HostConfig, home: str) -> HostConfig:
    real = (host.layout.expanded(home) if home else host.layout).deploy_to
    shadow = f"{real}/.capdoit/drill"
    env: Env = {name: _redirected(_with_home(value, home), real, shadow) for name, value in host.env.items()}
    return replace(host, layout=Layout(shadow), shared_to=(), env=env, pending=())


def _with_home(value: EnvValue | Secret, home: str) -> EnvValue | Secret:
    return value.filled({"HOME": home}) if isinstance(value, Template) and home else value


def _redirected(value: EnvValue | Secret, real: str, shadow: str) -> EnvValue | Secret:
    """Return the value of an environment variable with paths in the real deploy_to changed to paths in the shadow."""
    if isinstance(value, Secret):
        return value
    if isinstance(value, Template):
        real, shadow = real.replace("$", "$$"), shadow.replace("$", "$$")
        return Template(_redirected_text(value.text, real, shadow))
    return _redirected_text(value, real, shadow)


def _redirected_text(text: str, real: str, shadow: str) -> str:
    return re.sub(rf"(?<![^:=\s,]){re.escape(real)}(?=[/:\s,]|$)", lambda _: shadow, text)


def _check_links(context: FlowContext, connection: Connection) -> None:
    values: dict[str, Value] = {"list_broken_links": script_text("flow/drill_broken_links")}
    context.run(connection, "look at the release", "flow/drill_check", values)


def _fill(context: FlowContext, connection: Connection, is_written_to: bool) -> None:
    values: dict[str, Value] = {
        "previous": context.progress.live_before(connection.name) or "",
        "is_archived": connection.name in context.decision.archived_on,
        "copy_files": is_written_to,
        "repoint_links": script_text("flow/drill_repoint_links"),
    }
    context.run(connection, "fill the shadow", "flow/drill_fill", values)


def _verify_archive(context: FlowContext, connection: Connection) -> str:
    values: dict[str, Value] = {"previous": release_to_archive(context, connection.name)}
    return (context.run(connection, "verify the archive", "flow/drill_verify", values) or "").strip()


def _remove(context: FlowContext, verdict: DrillVerdict | None, connection: Connection) -> None:
    if connection.name in context.progress.locked:
        release = context.decision.release_on(connection.name)
        line = replace(verdict, release=release).to_line() if verdict else ""
        context.run(connection, "remove the shadow", "flow/drill_end", {"verdict": line}, END_TIMEOUT_SECONDS)
