"""`doit cap stages`."""

from __future__ import annotations

import json

from capdoit.testing import Completed, Project


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
