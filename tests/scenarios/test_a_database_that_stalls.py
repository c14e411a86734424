"""A database that does not answer: probes, guards and health checks time out, and migrations=keep asks nothing."""

from __future__ import annotations

import pytest

from capdoit import Host, Recipe
from capdoit.recipes.health import Options, health
from capdoit.testing import Project
from tests.integration.database_recipe import deploy_migrations, use_recipe
from tests.support import deploy, find_sleeping, further, unique_seconds, wait_for, write_hooks

# While the file `stalled` exists in deploy_to, the database does not answer.
RECIPE = """
db = Recipe("db", roles="web")
QUESTION = "test ! -e ../../stalled || sleep SECONDS; cat ../../database"

@db.after("updated", flows="deploy", primary=True)
def migrate(host, release):
    host.run(["cp", "migrations", f"{release.deploy_to}/database"], cwd=release.path)
"""
PROBE = """
@db.probe(timeout=1)
def applied(host, release):
    return host.capture(QUESTION, cwd=release.path)
"""
GUARD = """
@db.guard(timeout=1)
def unknown(host, release):
    host.capture(QUESTION, cwd=release.path)
    return []
"""
KINDS = {"probe": PROBE, "guard": GUARD}


def stall(project: Project, kind: str = "probe") -> tuple[str, str]:
    """Deploy twice with a recipe that asks the database, then stall it; return the first release and its sleep."""
    seconds = unique_seconds(project)
    use_recipe(project, "db", RECIPE.replace("SECONDS", seconds) + KINDS[kind])
    first = deploy_migrations(project, "0001")
    deploy_migrations(project, "0001", "0002")
    (project.deploy_to("web1") / "stalled").touch()
    return first, seconds


@pytest.mark.parametrize("kind", ["probe", *further("guard")])
def test_a_stalled_database_refuses_a_rollback_until_migrations_keep(project: Project, kind: str) -> None:
    first, seconds = stall(project, kind)
    done = project.doit("rollback:production").failed()
    name = {"probe": "db.applied", "guard": "db.unknown"}[kind]
    assert f"recipe db cannot tell which changes release {first} does not know" in done.out
    assert f"the {kind} {name} took longer than its timeout, 1 s, and was stopped" in done.out
    assert "To roll back and leave them: doit rollback:production migrations=keep" in done.out
    wait_for(5, lambda: not find_sleeping(seconds))
    for host in project.hosts:
        assert (project.deploy_to(host) / ".capdoit/lock").read_text().strip() == ""

    done = project.doit("rollback:production", "migrations=keep", check=True)
    assert "migrations=keep: recipe db is not asked" in done.out
    assert [project.current(host) for host in project.hosts] == [first, first]


@pytest.mark.extended("variant")
def test_a_stalled_database_fails_a_drill_and_a_dry_run_until_migrations_keep(project: Project) -> None:
    stall(project)
    done = project.doit("drill:production").failed()
    assert "the probe db.applied took longer than its timeout, 1 s," in done.out
    assert "doit drill:production migrations=keep" in done.out
    project.doit("drill:production", "migrations=keep", check=True)
    assert "migrations=keep" in project.doit("rollback:production", "dry_run=yes").failed().out
    project.doit("rollback:production", "dry_run=yes", "migrations=keep", check=True)


@pytest.mark.extended("variant")
def test_a_stalled_database_fails_a_deploy_before_the_publish(project: Project) -> None:
    stall(project)
    live = project.current("web1")
    done = project.doit("deploy:production").failed()
    assert "the probe db.applied took longer than its timeout, 1 s, and was stopped" in done.out
    assert project.current("web1") == live


@pytest.mark.extended("variant")
def test_a_health_check_that_hangs_fails_the_deploy(project: Project) -> None:
    deploy(project)
    seconds = unique_seconds(project)
    write_hooks(
        project,
        f"""
        @cap.health(timeout=1)
        def smoke(host):
            host.run("sleep {seconds}")
        """,
    )
    done = project.doit("deploy:production").failed()
    assert "the health check smoke took longer than its timeout, 1 s, and was stopped" in done.out
    wait_for(5, lambda: not find_sleeping(seconds))


@pytest.mark.extended("detail")
def test_probes_guards_and_health_checks_have_timeouts_unless_they_say_otherwise() -> None:
    recipe = Recipe("db")

    @recipe.probe()
    def applied(host: Host) -> None: ...

    @recipe.guard(timeout=None)
    def unknown(host: Host) -> None: ...

    @recipe.health()
    def smoke(host: Host) -> None: ...

    @recipe.after("published")
    def restart(host: Host) -> None: ...

    hooks = [*recipe.rollback_hooks().values(), *recipe.declarations().hooks]
    assert [hook.timeout_seconds for hook in hooks] == [60, None, 300, None]


@pytest.mark.extended("detail")
def test_the_bundled_health_check_has_time_for_all_its_tries() -> None:
    options = Options(url="http://127.0.0.1/", tries=100, interval=2, timeout=8)
    (check,) = [hook for hook in health.declarations().hooks if hook.when == "health"]
    assert check.with_options(options).timeout_seconds == 100 * 10 + 60
