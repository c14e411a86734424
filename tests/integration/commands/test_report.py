"""`doit cap report`."""

from __future__ import annotations

from capdoit.testing import Project
from tests.support import deploy


def test_report_lists_the_pages_and_names_the_one_of_a_run(project: Project) -> None:
    assert "There are no reports in log/reports yet." in project.doit("cap", "report", check=True).out
    deploy(project)
    project.doit("rollback:production").failed()
    head, rollback, deployed, _ = (line.split() for line in project.doit("cap", "report", check=True).out.splitlines())
    assert head == ["run", "when", "(UTC)", "flow", "result"]
    assert [rollback[3:], deployed[3:]] == [["rollback:production", "failed"], ["deploy:production", "done"]]
    run, day, time = deployed[:3]
    for word in (run, f"{day}T{time}"):
        (said,) = project.doit("cap", "report", word, check=True).out.splitlines()
        assert (project.path / said).read_text().startswith("<!doctype html>")
        assert f"-deploy-production-done-{run}" in said
    assert "2 runs" in project.doit("cap", "report", day).failed(3).out
    assert "no report of a run nothing" in project.doit("cap", "report", "nothing").failed(3).out
