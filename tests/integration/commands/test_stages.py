"""`doit cap stages`."""

from __future__ import annotations

import json

import pytest

from capdoit.testing import Completed, Project
from tests.scenarios.test_values_from_commands import write_settings
from tests.support import further


def lines(completed: Completed) -> list[list[str]]:
    return [line.split() for line in completed.out.splitlines()]


def test_stages_has_one_line_per_stage(project: Project) -> None:
    hosts = {"hosts": project.hosts}
    archive = {**hosts, "transfer": "archive", "archive": "dist/shop.tar.gz"}
    project.config(stages={"a": hosts, "b": archive}, default_stage="b")
    rows = lines(project.doit("cap", "stages", check=True))
    assert rows[1:] == [
        ["a", "git", "main", "web1,", "web2"],
        ["b", "default", "archive", "dist/shop.tar.gz", "web1,", "web2"],
    ]


def test_stages_prints_json(project: Project) -> None:
    (stage,) = json.loads(project.doit("cap", "stages", "--json", check=True).out)["stages"]
    assert (stage["stage"], stage["default"], stage["transfer"], stage["source"]) == ("production", True, "git", "main")
    assert stage["hosts"] == [{"host": name, "roles": ["app", "web"]} for name in ("web1", "web2")]


@pytest.mark.parametrize("branch", ["!current", *further("!ask", "!env BRANCH", "!cmd 'echo main'")])
def test_a_branch_that_is_not_known_yet_is_shown_as_it_is_written(project: Project, branch: str) -> None:
    write_settings(project, f"branch: {branch} , ", branch=None)
    (row,) = lines(project.doit("cap", "stages", check=True))[1:]
    assert " ".join(row).startswith("production default git !")
    assert "unset" not in " ".join(row)
