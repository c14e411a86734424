"""git: each host has a bare mirror of the repository in ``repo/`` and takes the commit from it."""

from __future__ import annotations

from functools import partial

from capdoit.config.stages import Stage
from capdoit.errors import NotReady
from capdoit.hosts.connection import Connection
from capdoit.hosts.request import Request
from capdoit.records.facts import revision_of
from capdoit.script import script_file
from capdoit.state.run import Run

TOOLS = ("git", "tar")
COMMON = script_file("sh/git")
FETCH = (COMMON, script_file("transfers/git_fetch"))
EXPORT = (COMMON, script_file("transfers/git_export"))
RESOLVE = (COMMON, script_file("transfers/git_resolve"))


def prepare(_: Stage) -> None:
    """Nothing is needed on the controller."""


def fetch(run: Run) -> None:
    """Bring all mirrors up to date; what the branch is on the first host is the revision for all.

    Raises:
        NotReady: no host knows the branch.
        HostsFailed: a host could not fetch.
    """
    answers = run.fleet.all(partial(_fetch, run))
    if run.plan is not None:  # nothing was fetched
        answers = run.fleet.all(partial(_resolve, run), run.fleet.release_connections[:1])
    run.revision = run.applied.revision if run.applied else _known(run, next(iter(answers.values())))


def tip(run: Run, host: Connection) -> str:
    """The commit that a deploy would bring now, as a host sees it; nothing is fetched.

    Raises:
        NotReady: the host does not know the branch.
        HostError: it cannot be asked, or cannot ask.
    """
    return _known(run, _resolve(run, host))


def values(stage: Stage) -> dict[str, str]:
    """What the export reads."""
    return {"repo_tree": stage.repo_tree or ""}


def check(run: Run, host: Connection) -> None:
    """Ask the repository from a host for the branch.

    Raises:
        NotReady: it has no such branch.
        HostError: it does not answer.
    """
    tip(run, host)


def _known(run: Run, resolved: object) -> str:
    if not resolved:
        what = f"{run.stage.repo_url} has no branch, tag or commit {run.branch!r}"
        raise NotReady(f"{what}; say another with branch=, or in deploy.yml")
    return str(resolved)


def _resolve(run: Run, host: Connection) -> str:
    values = {"repo_url": run.stage.repo_url or "", "branch": run.branch}
    answer = host.checked(Request(host.script("git ls-remote", RESOLVE, values), capture=True)).text.strip()
    return revision_of(host.name, answer) if answer else ""


def _fetch(run: Run, host: Connection) -> str:
    found = run.do(host, "git fetch", FETCH, repo_url=run.stage.repo_url or "", branch=run.branch).strip()
    return revision_of(host.name, found) if found else ""
