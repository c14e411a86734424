"""The commits that a flow would bring to hosts and take away, as a repository on the controller has them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from capdoit.config.stages import Stage
from capdoit.records.facts import Facts
from capdoit.records.revision_gap import Gap, group_by_live_revision
from capdoit.transfers.git_commits import Repository
from capdoit.transfers.protocol import CommitSource


def find_gaps(commits: CommitSource, stage: Stage, facts: Sequence[Facts], revision: str, project: Path) -> list[Gap]:
    """Return the commits between a revision and what is live, for each live revision.

    Args:
        commits: the commits of the stage's transfer.
        stage: the stage.
        facts: of the hosts.
        revision: the commit that the hosts would get.
        project: directory of the project, which may be in a clone.

    Raises:
        NotReady: the controller cannot get the commits.
    """
    hosts = group_by_live_revision(facts)
    others = [live for live in hosts if live not in ("", revision)]
    if not others:
        return [Gap(names, live, () if live else None) for live, names in hosts.items()]
    with commits.open_repository(stage, [revision, *others], project) as repository:
        return [_measure_gap(repository, names, live, revision) for live, names in hosts.items()]


def _measure_gap(repository: Repository, hosts: tuple[str, ...], live: str, revision: str) -> Gap:
    if not repository.has(live):
        return Gap(hosts, live)
    comes, goes = repository.compare(live, revision)
    return Gap(hosts, live, tuple(comes), tuple(goes))
