"""Reports and status say what the hosts have now; the journal only adds who did it and why."""

from __future__ import annotations

import json
import os
import re

import pytest

from capdoit.testing import Project
from tests.integration.database_recipe import WATCHING, deploy_migrations, read_database, use_recipe
from tests.support import deploy, replace_programs, write_command_hook, write_hooks

# The flip is done but reports a failure, and nothing can be flipped after it.
STUCK_FLIP = (
    'case "$*" in *next/current*) [ ! -e {mark} ] && : >{mark} && /bin/mv "$@"; exit 1;; esac; exec /bin/mv "$@"'
)


def set_live(project: Project, host: str, release: str) -> None:
    link = project.deploy_to(host) / "current"
    link.unlink()
    os.symlink(project.deploy_to(host) / "releases" / release, link)


def test_a_host_that_cannot_be_flipped_back_is_reported_with_what_it_has_live(project: Project) -> None:
    first = deploy(project)
    mark = project.path / "flipped"
    replace_programs(project, "web2", mv=STUCK_FLIP.format(mark=mark))
    done = project.doit("deploy:production").failed()
    (project.path / "tools-web2/mv").unlink()
    second = project.current("web2")
    assert second not in (first, None)
    assert "It is not known" not in done.out
    assert "was changed by another flow" not in done.out
    assert f"{second} is still live on web2, which could not be switched back." in done.out
    back = f"doit rollback:production rollback_release={first}"
    assert f"To bring all hosts to {first}: {back}" in done.out

    said = project.doit("cap", "status").failed(3).out
    assert re.search(
        rf"^The last deploy failed \(in publishing: .*\); {second} is live on web2, not on web1", said, re.M
    )
    assert "undone on web1; live on web2" in project.doit("cap", "history", check=True).out
    project.doit(*back.split()[1:], check=True)
    assert [project.current(host) for host in project.hosts] == [first, first]


@pytest.mark.extended("detail")
def test_a_release_that_somebody_replaced_by_hand_is_not_called_live(project: Project) -> None:
    first = deploy(project)
    write_command_hook(project, "after('published')", "exit 4")
    project.doit("deploy:production").failed()
    second = project.current("web1")
    said = project.doit("cap", "status", check=True).out
    assert f"; {second} is live, but the steps after publishing were not done." in said
    set_live(project, "web2", first)
    said = project.doit("cap", "status").failed(3).out
    assert f"; {second} is live on web1, not on web2, but the steps" in said
    set_live(project, "web1", first)
    assert f"; {second} is not live." in project.doit("cap", "status", check=True).out


def test_status_and_history_give_the_reason_of_a_refused_rollback(project: Project) -> None:
    use_recipe(project, "db", WATCHING)
    first = deploy_migrations(project, "0001")
    deploy_migrations(project, "0001", "0002")
    project.doit("rollback:production").failed()
    reason = f"in starting: recipe db: web1 has changes that release {first} does not know"
    assert f"The last rollback failed ({reason}); {first} is not live." in project.doit("cap", "status", check=True).out
    assert reason in re.sub(r"\s+", " ", project.doit("cap", "history", check=True).out)
    newest = json.loads(project.doit("cap", "history", "--json", check=True).out)["history"][0]
    assert (newest["event"], newest["ending"]) == ("failed", "in starting")
    assert newest["reason"] == reason.removeprefix("in starting: ")


@pytest.mark.extended("detail")
def test_the_journal_has_the_reason_in_one_line(project: Project) -> None:
    write_hooks(
        project,
        """
        @cap.after("updated")
        def boom(host):
            raise ValueError("first line\\nsecond line")
        """,
    )
    project.doit("deploy:production").failed()
    journal = (project.deploy_to("web1") / ".capdoit/journal").read_text().splitlines()
    (line,) = [line for line in journal if '"event": "failed"' in line]
    reason = json.loads(line)["reason"]
    assert reason.endswith("ValueError: first line: second line (dodo.py:5)")


BACK = """
@db.back()
def unapply(host, release, unknown):
    for name in unknown:
        host.run(["sh", "-c", f"test {name} = 0003 || exit 6; sed -i /^{name}$/d ../../database"], cwd=release.path)
"""


@pytest.mark.parametrize(
    ("migrations", "reverted"),
    [(("0002",), ""), pytest.param(("0003", "0004"), "0003", marks=pytest.mark.extended("variant"))],
)
def test_after_a_failed_revert_the_report_says_what_the_database_lacks(
    project: Project, migrations: tuple[str, ...], reverted: str
) -> None:
    use_recipe(project, "db", WATCHING + BACK)
    deploy_migrations(project, "0001")
    deploy_migrations(project, "0001", *migrations)
    done = project.doit("rollback:production", "migrations=back").failed()
    assert "may have been reverted" not in done.out
    assert ("reverted already" in done.out) == bool(reverted)
    assert not reverted or f"But {reverted} was reverted already; a deploy applies it again." in done.out
    assert read_database(project) == ["0001", *[name for name in migrations if name != reverted]]


@pytest.mark.extended("detail")
def test_a_deploy_without_a_host_is_forgotten_when_its_release_is_no_longer_live(project: Project) -> None:
    first = deploy(project)
    second = deploy(project)
    for host in project.hosts:
        journal = project.deploy_to(host) / ".capdoit/journal"
        lines = journal.read_text().splitlines()
        journal.write_text("".join(f"{_without_web2(line, second)}\n" for line in lines))
    set_live(project, "web2", first)
    assert f"web2: release {second} was deployed without it" in project.doit("cap", "status").failed(3).out
    set_live(project, "web1", first)
    assert "was deployed without it" not in project.doit("cap", "status", check=True).out


def _without_web2(line: str, release: str) -> str:
    entry = json.loads(line)
    if entry["event"] == "live" and entry["release"] == release:
        entry["missing"] = "web2"
    return json.dumps(entry)
