"""Many hosts fetch from one git server at the same time. Its sshd drops connections (MaxStartups), as any sshd does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from capdoit.testing import Project, SshdFleet
from tests.scenarios.logins import busy, dropped, wait_until_dropped
from tests.support import MakeProject

HOSTS = 6
pytestmark = [pytest.mark.ssh, pytest.mark.extended("variant")]


@pytest.fixture
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshdFleet]:
    """Yield the sshd of a git server, web1, which drops the fourth login."""
    with SshdFleet(tmp_path_factory.mktemp("fleet"), 1, max_startups="3:100:3").running() as fleet:
        yield fleet


@pytest.fixture
def project(make_project: MakeProject, fleet: SshdFleet) -> Project:
    """Return a project whose hosts fetch from the git server."""
    made = make_project(HOSTS)
    for host in made.hosts.values():
        host["default_env"] = {"GIT_SSH_COMMAND": f"ssh -F {fleet.ssh_config} -o BatchMode=yes"}
    made.config(repo_url=f"web1:{made.repo.path}")
    return made


def test_hosts_whose_fetch_is_dropped_fetch_again(project: Project, fleet: SshdFleet) -> None:
    for _ in range(2):  # a clone, then a fetch
        project.repo.commit({"app.txt": f"{_}\n"})
        project.doit("deploy:production", check=True, timeout=120)
    assert len({project.current(host) for host in project.hosts}) == 1
    assert dropped(fleet, "web1")


@pytest.mark.parametrize("command", ["check:production", "deploy:production dry_run=yes", "deploy:production"])
def test_a_git_server_that_is_busy_for_a_moment_is_asked_again(
    project: Project, fleet: SshdFleet, command: str
) -> None:
    with busy(fleet, "web1") as strangers, project.start(*command.split()) as process:
        wait_until_dropped(fleet, "web1", 2)
        strangers.close()
        out, _ = process.communicate()
    assert process.returncode == 0, out


def test_a_git_server_that_drops_each_login_is_given_up(project: Project, fleet: SshdFleet) -> None:
    with busy(fleet, "web1"):
        done = project.doit("deploy:production", timeout=120).failed()
    assert "before authentication" in done.out or "exchange_identification" in done.out
    assert "What is live was not changed." in done.out
