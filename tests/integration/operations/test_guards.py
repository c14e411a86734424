"""Guards and probes of recipes: rollbacks that the database does not allow."""

from __future__ import annotations

from textwrap import dedent

import pytest

from capdoit.testing import Project
from tests.integration.database_recipe import WATCHING, deploy_migrations, read_database, use_recipe
from tests.support import replace_programs, write_command_hook

BACK = """
@db.back()
def unapply(host, release, unknown):
    for name in unknown:
        host.run(["sed", "-i", f"/^{name}$/d", f"{release.deploy_to}/database"], cwd=release.beside(release.left))
"""


FROZEN = """
@db.guard()
def frozen(release, now, recorded):
    "It is Friday."
    return [*now, "/", *(recorded or ())]
"""


def test_a_rollback_that_lacks_migrations_is_refused_with_their_names(project: Project) -> None:
    use_recipe(project, "db", WATCHING)
    deploy_migrations(project, "0001")
    second = deploy_migrations(project, "0001", "0002_price")
    done = project.doit("rollback:production").failed()

    assert "recipe db: web1 has changes that release" in done.out
    assert "0002_price" in done.out
    assert "0001" not in done.out.partition("does not know")[2].splitlines()[1]
    assert "doit rollback:production migrations=keep" in done.out
    assert "migrations=back" not in done.out
    assert project.current("web1") == project.current("web2") == second


def test_with_migrations_keep_unknown_migrations_stay(project: Project) -> None:
    use_recipe(project, "db", WATCHING + BACK)
    first = deploy_migrations(project, "0001")
    deploy_migrations(project, "0001", "0002_price")
    done = project.doit("rollback:production", "migrations=keep", check=True)

    assert "migrations=keep: recipe db is not asked about changes" in done.out
    assert project.current("web2") == first
    assert read_database(project) == ["0001", "0002_price"]


def test_with_migrations_back_unknown_migrations_are_reverted_before_the_switch(project: Project) -> None:
    use_recipe(project, "db", WATCHING + BACK)
    first = deploy_migrations(project, "0001")
    deploy_migrations(project, "0001", "0002_price", "0003_stock")
    assert "migrations=back" in project.doit("rollback:production").failed().out
    done = project.doit("rollback:production", "migrations=back", check=True)

    assert done.out.index("db.unapply") < done.out.index("rollback:production:publishing")
    assert project.current("web2") == first
    assert read_database(project) == ["0001"]


@pytest.mark.extended("detail")
def test_migrations_back_is_refused_when_the_recipe_cannot_revert(project: Project) -> None:
    use_recipe(project, "db", WATCHING)
    deploy_migrations(project, "0001")
    second = deploy_migrations(project, "0001", "0002")
    done = project.doit("rollback:production", "migrations=back").failed()

    assert "the recipe cannot revert it" in done.out
    assert project.current("web1") == second


@pytest.mark.extended("detail")
def test_a_rollback_between_releases_with_equal_migrations_needs_no_variable(project: Project) -> None:
    use_recipe(project, "db", WATCHING)
    first = deploy_migrations(project, "0001")
    deploy_migrations(project, "0001")
    project.doit("rollback:production", check=True)
    assert project.current("web1") == first


@pytest.mark.extended("detail")
def test_a_rollback_to_a_release_without_recorded_token_goes_ahead(project: Project) -> None:
    project.config()
    first = deploy_migrations(project, "0001")
    use_recipe(project, "db", WATCHING)
    deploy_migrations(project, "0001", "0002")
    project.doit("rollback:production", check=True)
    assert project.current("web1") == first


@pytest.mark.extended("detail")
def test_a_plan_reverts_no_more_migrations_than_it_lists(project: Project) -> None:
    use_recipe(project, "db", WATCHING + BACK)
    deploy_migrations(project, "0001")
    deploy_migrations(project, "0001", "0002_price")
    project.doit("rollback:production", "migrations=back", "plan=plan.json", check=True)
    file = project.deploy_to("web1") / "database"
    file.write_text(f"{file.read_text().rstrip()}\n0003_stock\n")
    done = project.doit("rollback:production", "apply=plan.json").failed()
    assert "recipe db would revert 0002_price, 0003_stock, not 0002_price" in done.out
    assert "0003_stock" in read_database(project)


def test_a_recipe_with_a_back_function_but_no_probe_is_refused(project: Project) -> None:
    use_recipe(project, "db", "db = Recipe('db', roles='web')\n" + BACK)
    done = project.doit("list").failed(3)
    assert "recipe db: back needs a probe or a guard that finds unknown names" in done.out


def test_a_guard_decides_from_current_and_recorded_tokens(project: Project) -> None:
    use_recipe(project, "db", WATCHING + FROZEN)
    deploy_migrations(project, "0001")
    deploy_migrations(project, "0001", "0002")
    done = project.doit("rollback:production").failed()

    assert "(It is Friday.)" in done.out
    names = done.out.partition("Friday.):\n")[2].partition("live releases now")[0]
    assert names.split() == ["0001", "0002", "/", "0001"]


def test_a_failing_probe_prevents_the_publish(project: Project) -> None:
    use_recipe(project, "db", WATCHING)
    first = deploy_migrations(project, "0001")
    use_recipe(project, "db", WATCHING.replace('["cat"', '["false"'))
    project.repo.commit({"migrations": "0002\n"})
    done = project.doit("deploy:production").failed()

    assert "web1: db.applied: false" in done.out
    assert project.current("web1") == project.current("web2") == first
    assert project.releases("web1") == [first]


@pytest.mark.extended("detail")
def test_a_rollback_without_the_host_that_a_guard_asks_is_refused(project: Project) -> None:
    use_recipe(project, "db", WATCHING.replace('roles="web"', 'roles="db"'))
    project.hosts["web2"]["roles"] = ["web", "db"]
    project.config(recipes={"db": {}})
    deploy_migrations(project, "0001")
    second = deploy_migrations(project, "0001")
    done = project.doit("rollback:production", "hosts=web1").failed()

    assert "recipe db must ask a host with the role db: none is selected" in done.out
    assert project.current("web1") == second
    project.doit("rollback:production", "hosts=web1", "migrations=keep", check=True)


@pytest.mark.extended("detail")
def test_a_rollback_that_fails_after_reverting_migrations_reports_them(project: Project) -> None:
    use_recipe(project, "db", WATCHING + BACK)
    deploy_migrations(project, "0001")
    second = deploy_migrations(project, "0001", "0002_price")
    replace_programs(project, "web2", mv='case "$*" in *next/current*) exit 1;; esac; exec /bin/mv "$@"')
    project.config(recipes={"db": {}})
    done = project.doit("rollback:production", "migrations=back").failed()

    assert project.current("web1") == second
    assert "0002_price was reverted already; a deploy applies it again" in done.out


def test_a_deploy_refuses_the_variable_migrations(project: Project) -> None:
    use_recipe(project, "db", WATCHING)
    assert "migrations= has no effect on a deploy" in project.doit("deploy:production", "migrations=keep").failed().out


CANNOT_TELL = WATCHING.replace('return host.capture(["cat", f"{release.deploy_to}/database"], cwd=release.path)', "")
CANNOT_TELL += '    return host.capture("test ! -e ../../broken || exit 6; cat ../../database", cwd=release.path)\n'


@pytest.mark.extended("detail")
def test_a_failing_probe_refuses_a_rollback_unless_migrations_keep(project: Project) -> None:
    use_recipe(project, "db", CANNOT_TELL)
    first, second = deploy_migrations(project, "0001"), deploy_migrations(project, "0001", "0002")
    (project.deploy_to("web1") / "broken").touch()
    done = project.doit("rollback:production").failed()
    assert f"recipe db cannot tell which changes release {first} does not know: web1: db.applied: " in done.out
    assert "doit rollback:production migrations=keep" in done.out
    assert project.current("web1") == second
    project.doit("rollback:production", "migrations=keep", check=True)
    assert project.current("web1") == project.current("web2") == first


@pytest.mark.extended("detail")
def test_a_hook_or_guard_without_hosts_is_reported(project: Project) -> None:
    use_recipe(
        project,
        "db",
        dedent("""
        db = Recipe('db')

        @db.guard(roles='dbb')
        def watch(host, release):
            return []

        @db.after('updated', roles='srch')
        def fill(host):
            pass
        """),
    )
    for _ in range(2):
        done = project.doit("deploy:production", check=True)
        assert "db.fill is called on no host: none has the role srch" in done.out
    done = project.doit("rollback:production", check=True)
    assert "recipe db asks no host: none has the role dbb" in done.out


@pytest.mark.extended("detail")
def test_a_variable_given_twice_is_refused(project: Project) -> None:
    done = project.doit("deploy:production", "skip=a", "skip=b").failed(3)
    assert "skip= is given twice: a, b; separate several names with commas" in done.out
    assert not project.current("web1")


@pytest.mark.extended("detail")
def test_migrations_are_reverted_after_all_other_hooks_succeeded(project: Project) -> None:
    use_recipe(project, "db", WATCHING + BACK)
    deploy_migrations(project, "0001")
    second = deploy_migrations(project, "0001", "0002")
    write_command_hook(project, "before('publishing', flows='rollback')", "exit 3", name="boom")
    done = project.doit("rollback:production", "migrations=back").failed()
    assert "boom failed" in done.out
    assert "taken away" not in done.out
    assert project.current("web1") == second
    assert read_database(project) == ["0001", "0002"]


@pytest.mark.extended("detail")
def test_a_failing_guard_is_reported_with_its_error_and_line(project: Project) -> None:
    use_recipe(
        project,
        "db",
        dedent("""
        db = Recipe('db')
        @db.guard()
        def watch(host, release):
            return {}['lost']
        """),
    )
    deploy_migrations(project, "1")
    deploy_migrations(project, "2")
    done = project.doit("rollback:production").failed()
    assert "web1: KeyError: 'lost' (db.py:" in done.out
    assert "doit rollback:production migrations=keep" in done.out


@pytest.mark.extended("detail")
def test_migrations_that_other_hosts_still_use_are_not_reverted(project: Project) -> None:
    use_recipe(project, "db", WATCHING + BACK)
    deploy_migrations(project, "0001")
    second = deploy_migrations(project, "0001", "0002_price")
    done = project.doit("rollback:production", "hosts=web1", "migrations=back").failed()
    assert "web2, which would not go back, may need it" in done.out
    assert read_database(project) == ["0001", "0002_price"]
    assert project.current("web1") == project.current("web2") == second


@pytest.mark.extended("detail")
def test_a_hook_without_selected_hosts_is_reported_as_left_out(project: Project) -> None:
    project.hosts["web2"]["roles"] = ["db"]
    write_command_hook(project, "after('updated', roles='db')", "true", name="migrate")
    project.config()
    done = project.doit("deploy:production", "hosts=web1", check=True)
    assert "warning: migrate was not called: none of its hosts was chosen (web2)" in done.out
    assert "warning" not in project.doit("deploy:production", check=True).out


@pytest.mark.extended("detail")
def test_an_interrupted_revert_of_migrations_is_reported(project: Project) -> None:
    use_recipe(project, "db", WATCHING + BACK)
    deploy_migrations(project, "0001")
    deploy_migrations(project, "0001", "0002_price")
    stalls = "    host.run('touch ../../broken; sleep 9', cwd=release.path, timeout=0.5)\n    for name"
    hangs = BACK.replace("    for name", stalls)
    use_recipe(project, "db", WATCHING + hangs)
    done = project.doit("rollback:production", "migrations=back").failed()
    assert "What is live was not changed.\n" in done.out  # the probe has told that nothing is reverted
    use_recipe(project, "db", CANNOT_TELL + hangs)
    (project.deploy_to("web1") / "broken").unlink()
    done = project.doit("rollback:production", "migrations=back").failed()
    assert "But 0002_price may have been reverted already: a deploy applies what is missing." in done.out
