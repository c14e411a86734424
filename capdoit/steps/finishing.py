"""finishing, finishing_rollback and finished: after the publish, so nothing here undoes what is live."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from capdoit.decisions.cleanup import choose_removals
from capdoit.errors import HostsFailed, LockLost, Outcome
from capdoit.hosts.connection import Connection
from capdoit.records.lineage import format_log_line
from capdoit.script import Value
from capdoit.state.run import Run

CONCLUDE_SECONDS = 60
T = TypeVar("T")


def finishing(run: Run) -> None:
    """Remove the releases that `keep_releases` does not keep."""
    _warning(run, partial(_cleanup, run))


def finishing_rollback(run: Run) -> None:
    """Archive the release that each host rolled back from, and remove it."""
    _warning(run, partial(_archive, run))


def finished(run: Run) -> None:
    """Write the revisions log and the journal.

    Raises:
        HostsFailed: this flow no longer has a lock, so what is live may be another one's.
    """
    outcomes = _warning(run, partial(_conclude, run))
    if any(isinstance(outcome.error, LockLost) for outcome in outcomes):
        raise HostsFailed(outcomes)
    run.told = run.warned


def remember(run: Run) -> None:
    """Write down what came after `finished`: warnings, and what hooks changed in the release.

    Of hooks that were called by themselves, on what is live, only the manifest is to know.
    """
    _warning(run, partial(_remember, run))


def archived(run: Run, host: str) -> str:
    """The release that a rollback archives on a host; nothing where it rolled forward: that is as good as before."""
    left = run.before(host) or ""
    return left if left > run.release else ""


def _warning(run: Run, work: Callable[[Connection], T]) -> list[Outcome[T]]:
    outcomes = run.fleet.each(work, stop_on_failure=False)
    for outcome in outcomes:
        if outcome.error:
            run.warn(str(outcome.error), outcome.host)
    return outcomes


def _cleanup(run: Run, host: Connection) -> None:
    facts, keep = run.facts, run.stage.keep_releases
    if removals := choose_removals(facts[host.name], keep, run.release, [*facts.values()]):
        run.do(host, "cleanup", "steps/finishing", removals=removals, hooks_ran=run.is_hooked)


def _archive(run: Run, host: Connection) -> None:
    if left := archived(run, host.name):
        run.do(host, "archive", "steps/finishing_rollback", previous=left, hooks_ran=run.is_hooked)


def _conclude(run: Run, host: Connection) -> None:
    line = format_log_line(run.flow, run.release, run.revision, run.branch, run.by)
    values: dict[str, Value] = {"log_line": line, "entry": run.entry("finished", host), "hooks_ran": run.is_hooked}
    run.do(host, "finished", "steps/finished", CONCLUDE_SECONDS, **values)


def _remember(run: Run, host: Connection) -> None:
    values: dict[str, Value] = {"entry": "" if run.alone else run.entry("finished", host), "hooks_ran": run.is_hooked}
    run.do(host, "remember", "steps/finished_late", CONCLUDE_SECONDS, **values)
