"""Functions of dodo.py that are not written yet."""

from __future__ import annotations

import pytest

from capdoit.testing import Project
from tests.support import snapshot_hosts, write_hooks

HOOKS = """
    import capdoit

    @cap.after("published", roles="web")
    @capdoit.todo("config/deploy.rb:12")
    def warm(host, release):
        \"\"\"Fill the cache.\"\"\"

    @cap.after("reverted")
    @capdoit.todo("config/deploy.rb:20")
    def tell(host, release):
        \"\"\"Tell of the rollback.\"\"\"
    """


def test_a_deploy_that_would_omit_work_is_refused_before_a_host_is_touched(project: Project) -> None:
    write_hooks(project, HOOKS)
    before = snapshot_hosts(project)
    for extra in ([], ["dry_run=yes"]):
        out = project.doit("deploy:production", *extra).failed().out
        assert "dodo.py:5: hook warm is not written yet (config/deploy.rb:12)" in out
        assert "skip=warm" in out
        assert "hook tell" not in out
    assert snapshot_hosts(project) == before


def test_skip_omits_a_function_that_is_not_written(project: Project) -> None:
    write_hooks(project, HOOKS)
    project.doit("deploy:production", "skip=warm", check=True)
    project.doit("deploy:production", "skip=warm", check=True)
    out = project.doit("rollback:production").failed().out
    assert "skip=warm,tell" in out or "skip=tell,warm" in out
    project.doit("rollback:production", "skip=warm,tell", check=True)


@pytest.mark.extended("detail")
def test_check_reports_what_is_not_written(project: Project) -> None:
    write_hooks(project, HOOKS)
    out = project.doit("check:production").failed().out
    assert "hook warm is not written yet (config/deploy.rb:12)" in out
    assert "hook tell is not written yet (config/deploy.rb:20)" in out


@pytest.mark.extended("detail")
def test_a_function_for_other_hosts_or_failures_counts_only_where_it_would_run(project: Project) -> None:
    project.hosts["web2"]["roles"] = ["db"]
    project.config()
    write_hooks(
        project,
        """
        import capdoit

        @cap.after("published", roles="db")
        @capdoit.todo("deploy.rb:1")
        def dump(host): ...

        @cap.on_failed
        @capdoit.todo("deploy.rb:2")
        def tell(failure): ...
        """,
    )
    out = project.doit("deploy:production", "hosts=web1").failed().out
    assert "hook tell" in out
    assert "hook dump" not in out


@pytest.mark.extended("detail")
def test_a_task_on_demand_that_is_not_written_is_refused(project: Project) -> None:
    write_hooks(
        project,
        """
        import capdoit

        @cap.task(roles="web")
        @capdoit.todo("lib/capistrano/tasks/app.rake:3")
        def console(host): ...
        """,
    )
    project.doit("deploy:production", check=True)
    out = project.doit("console:production").failed().out
    assert "dodo.py:5: task console is not written yet (lib/capistrano/tasks/app.rake:3)" in out
