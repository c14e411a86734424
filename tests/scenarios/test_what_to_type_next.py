"""Messages that say what happened in full, and what to type next."""

from __future__ import annotations

import json
from typing import Any

import pytest

from capdoit.testing import Project
from tests.integration.database_recipe import WATCHING, deploy_migrations, use_recipe
from tests.support import deploy, release_dir


def look(project: Project) -> dict[str, Any]:
    found = json.loads(project.doit("cap", "status", "--json", check=True).out)
    assert isinstance(found, dict)
    return found


def test_a_rollback_says_how_to_undo_it_and_the_command_works(project: Project) -> None:
    deploy(project)
    second = deploy(project)
    assert "To undo" not in project.doit("deploy:production", "dry_run=yes", check=True).out
    said = project.doit("rollback:production", check=True).out
    command = f"doit rollback:production rollback_release={second}"
    assert f"To undo this rollback: {command}" in said
    again = project.doit(*command.split()[1:], check=True).out
    assert [project.current(host) for host in project.hosts] == [second, second]
    assert "To undo this rollback: doit rollback:production rollback_release=" in again


@pytest.mark.extended("detail")
def test_an_undo_of_a_part_of_the_fleet_names_its_hosts(project: Project) -> None:
    deploy(project)
    second = deploy(project)
    said = project.doit("rollback:production", "hosts=web1", check=True).out
    assert f"To undo this rollback: doit rollback:production hosts=web1 rollback_release={second}" in said


@pytest.mark.extended("detail")
def test_a_rollback_that_reverted_migrations_is_undone_by_a_deploy(project: Project) -> None:
    back = """
@db.back()
def unapply(host, release, unknown):
    host.run(["cp", f"{release.path}/migrations", f"{release.deploy_to}/database"])
"""
    use_recipe(project, "db", WATCHING + back)
    deploy_migrations(project, "0001")
    deploy_migrations(project, "0001", "0002")
    said = project.doit("rollback:production", "migrations=back", check=True).out
    assert "To undo this rollback: doit deploy:production\n" in said


@pytest.mark.extended("detail")
def test_dry_runs_drills_and_single_hooks_have_nothing_to_undo(project: Project) -> None:
    deploy(project)
    deploy(project)
    assert "To undo" not in project.doit("rollback:production", "dry_run=yes", check=True).out
    assert "To undo" not in project.doit("drill:production", check=True).out


@pytest.mark.extended("detail")
def test_status_shows_a_warning_of_several_lines_as_lines(project: Project) -> None:
    first = deploy(project)
    deploy(project)
    (release_dir(project, first) / "app.txt").write_text("longer than it was\n")
    (release_dir(project, first) / "REVISION_TIME").unlink()
    project.doit("rollback:production", "force=yes", check=True)
    said = project.doit("cap", "status", check=True).out
    first_line = f"web1: the rollback to {first} finished, but: web1: release {first} is not as it was shipped"
    lines = said[said.index(f"{first_line}: 1 changed, 1 missing\n") :].splitlines()
    assert sorted(line.split()[0] for line in lines[1:3]) == ["changed", "missing"]
    assert len(look(project)["unfinished"]) == 1


@pytest.mark.extended("detail")
def test_revisions_have_12_digits_for_people_and_40_for_programs(project: Project) -> None:
    revision = project.repo.git("rev-parse", "HEAD")
    project.doit("deploy:production", check=True)
    for command in ("status", "releases", "history", "pending"):
        said = project.doit("cap", command, check=True).out
        assert revision[:12] in said
        assert revision[:13] not in said
        assert revision in project.doit("cap", command, "--json", check=True).out


@pytest.mark.extended("detail")
def test_the_duration_of_a_drill_is_a_number_for_programs(project: Project) -> None:
    deploy(project)
    deploy(project)
    project.doit("drill:production", check=True)
    seconds = look(project)["hosts"][0]["drilled"]["seconds"]
    assert isinstance(seconds, float)
    assert f"works, in {seconds:.2f} s" in project.doit("cap", "status", check=True).out
