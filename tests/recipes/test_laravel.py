"""The recipe laravel: the commands of each flow, their hosts and directories; nothing live changes too early."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import further

# A PHP that needs no Laravel: the database is a file beside releases, the code's migrations are files, and the commands
# in the file fails fail.
PHP = """
database=../../../database
case $1 in -r) action=$4; shift 4 ;; *) action=$2; shift 2 ;; esac
if grep -qx "$action" fails; then echo "$action went wrong" >&2; exit 9; fi
touch "$database"
case $action in
    migrate) ls database/migrations | sed 's/[.]php$//' >"$database" ;;
    config:cache) cat .env >bootstrap/cache/config.php ;;
    view:cache) rm -f storage/framework/views/*; : >storage/framework/views/compiled.php ;;
    applied) echo 'an application says something'; sed 's/^/capdoit:/' "$database" ;;
    known) ls database/migrations | sed 's/[.]php$//; s/^/capdoit:/' ;;
    revert) for name; do sed -i "/^$name$/d" "$database"; done ;;
esac
"""
FIRST, PRICE = "2026_01_01_000001_create_tea", "2026_01_02_000001_add_price"
CODE = {"artisan": "<?php\n", "fails": "", f"database/migrations/{FIRST}.php": "<?php\n"}
SECOND = {f"database/migrations/{PRICE}.php": "<?php\n"}
CACHES = ["config:cache", "route:cache", "view:cache", "event:cache"]
LOOK = """
@cap.before('updated')
def look(host, release):
    host.run('ls -d storage/framework/views', cwd=release.path)
"""
Shop = Callable[..., Any]


@pytest.fixture
def shop(stage: Any) -> Shop:
    """Return a function that makes a stage with a stand-in for PHP."""

    def make(hosts: int = 1, linked_dirs: tuple[str, ...] = (), **options: Any) -> Any:
        settings = {"linked_files": [".env"], "linked_dirs": list(linked_dirs)}
        site = stage(hosts=hosts, recipes={"laravel": options}, files=CODE, **settings)
        site.stand_in("php", script=PHP)
        return site

    return make


def name_of(argv: tuple[str, ...]) -> str:
    """Return the artisan command, or the action of the recipe's program."""
    return argv[3] if argv[0] == "-r" else argv[1]


def calls(site: Any) -> list[list[str]]:
    """Return the calls since the last time: host, release, command; of equal commands at once, sorted by host."""
    made = site.calls("php")
    before = getattr(site, "seen", 0)
    site.seen = len(made)
    return [[str(call.host), Path(call.cwd).name, name_of(call.argv)] for call in made[before:]]


def commands(site: Any) -> list[str]:
    return [command for _, _, command in calls(site)]


def database(site: Any) -> list[str]:
    names: list[str] = (site.host().deploy_to.parent / "database").read_text().split()
    return names


def deploy_twice(site: Any) -> tuple[str, str]:
    """Deploy two releases, of which the second one has one more migration, and return their names."""
    site.deploy().ok()
    first = site.live
    site.commit(SECOND)
    site.deploy().ok()
    calls(site)
    return first, site.live


# -- a deploy


def test_a_deploy_links_and_caches_on_every_host_and_migrates_on_one(shop: Shop) -> None:
    site = shop(2)
    site.deploy().ok()
    made = calls(site)
    for host in ("web1", "web2"):
        own = [command for name, _, command in made if name == host]
        more = ["migrate", "applied"] if host == "web1" else []
        assert own == ["storage:link", *CACHES, *more, "queue:restart"]
    assert {release for _, release, _ in made} == {site.live}
    argv = {name_of(call.argv): call.argv for call in site.calls("php")}
    assert argv["migrate"] == ("artisan", "migrate", "--force", "--no-interaction")
    assert argv["config:cache"] == ("artisan", "config:cache", "--no-interaction")
    assert [command for _, _, command in made].index("migrate") == 2 * 5, "everything else that can fail is done"
    site.assert_healthy()


@pytest.mark.extended("recipe")
def test_releases_share_files_and_logs_but_not_caches(shop: Shop) -> None:
    site = shop()
    site.deploy().ok()
    release, shared = site.host().release(site.live), site.host().shared
    for name in ("storage/app", "storage/logs", "storage/framework/cache", "storage/framework/sessions"):
        assert os.readlink(release / name) == str(shared / name)
    assert (shared / "storage/app/public").is_dir()
    assert (shared / "storage/framework/cache/data").is_dir()
    assert (release / "storage/framework/views/compiled.php").is_file()
    assert (release / "bootstrap/cache/config.php").is_file()


@pytest.mark.extended("recipe")
def test_directories_exist_before_hooks_before_updated(stage: Any) -> None:
    site = stage(hosts=1, recipes={"laravel": {"migrate": False}}, files=CODE, dodo=LOOK)
    site.stand_in("php", script=PHP)
    site.deploy("skip=laravel.cache").ok()


@pytest.mark.extended("recipe")
def test_options_change_the_commands(shop: Shop) -> None:
    site = shop(php="php8.3", artisan="bin/artisan", storage_link=False, caches=["optimize"], migrate=False)
    site.project.config(
        recipes={
            "laravel": {
                "php": "php8.3",
                "artisan": "bin/artisan",
                "storage_link": False,
                "caches": ["optimize"],
                "migrate": False,
                "restart": ["horizon:terminate --wait", "octane:reload"],
            }
        }
    )
    site.stand_in("php8.3", script=PHP)
    site.deploy().ok()
    assert [call.argv for call in site.calls("php8.3")] == [
        ("bin/artisan", "optimize", "--no-interaction"),
        ("bin/artisan", "horizon:terminate", "--wait", "--no-interaction"),
        ("bin/artisan", "octane:reload", "--no-interaction"),
    ]
    assert site.calls("php") == []


@pytest.mark.extended("recipe")
def test_roles_choose_the_hosts(stage: Any) -> None:
    hosts = {"web1": {"roles": ["web"]}, "job1": {"roles": ["job"]}, "db1": {"roles": ["db"]}}
    recipes = {"laravel": {"roles": ["job"], "migration_roles": ["db"]}}
    site = stage(hosts=hosts, recipes=recipes, files=CODE, linked_files=[".env"])
    site.stand_in("php", script=PHP)
    site.deploy().ok()
    made = calls(site)
    assert {host for host, _, command in made if command in ("migrate", "applied")} == {"db1"}
    assert {host for host, _, command in made if command not in ("migrate", "applied")} == {"job1"}


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("migrate", "the database could not be migrated: exit status 9"),
        *further(
            ("storage:link", "public/storage could not be linked: exit status 9"),
            ("route:cache", "route:cache failed: exit status 9"),
            ("applied", "the migrations of the database could not be listed: exit status 9"),
        ),
    ],
)
def test_a_failing_command_fails_the_deploy_and_changes_nothing_live(shop: Shop, command: str, complaint: str) -> None:
    site = shop(2)
    site.deploy().ok()
    first = site.live
    calls(site)
    site.commit({**SECOND, "fails": f"{command}\n"})
    done = site.deploy().failed()
    assert complaint in done.out
    assert f"{command} went wrong" in done.out
    assert "Kernel::class" not in done.out, "the program itself is of no use in a message"
    assert site.live == first
    assert site.host("web1").releases == site.host("web2").releases == [first]
    assert "queue:restart" not in commands(site)
    assert database(site) == ([FIRST, PRICE] if command == "applied" else [FIRST])


@pytest.mark.extended("recipe")
def test_workers_that_cannot_be_restarted_fail_the_flow_with_the_release_live(shop: Shop) -> None:
    site = shop()
    site.commit({"fails": "queue:restart\n"})
    done = site.deploy().failed()
    assert "queue:restart failed: exit status 9" in done.out
    assert site.live is not None
    assert "doit run -s deploy:production:laravel.restart_workers" in done.out


@pytest.mark.extended("recipe")
def test_views_that_the_live_release_uses_are_not_cleared(shop: Shop) -> None:
    site = shop(linked_dirs=("storage",))
    site.deploy().ok()
    page = site.host().shared / "storage/framework/views/page.php"
    page.write_text("live")
    done = site.deploy().ok()
    assert "view:cache is omitted, because storage/framework/views belongs to the live release too" in done.out
    assert page.read_text() == "live"
    assert "view:cache" not in commands(site)


@pytest.mark.extended("recipe")
@pytest.mark.parametrize("linked", ["bootstrap/cache", "bootstrap"])
def test_a_cache_of_configuration_that_the_live_release_uses_is_refused(shop: Shop, linked: str) -> None:
    site = shop(linked_dirs=(linked,))
    assert "bootstrap/cache is a linked directory, and the live release uses it too" in site.deploy().failed().out
    assert commands(site) == []


@pytest.mark.extended("recipe")
def test_a_stage_without_a_role_for_migrations_migrates_on_its_primary(stage: Any) -> None:
    hosts = {"web1": {"roles": ["web"]}, "web2": {"roles": ["web"], "primary": True}}
    site = stage(hosts=hosts, recipes={"laravel": {}}, files=CODE, linked_files=[".env"])
    site.stand_in("php", script=PHP)
    site.deploy().ok()
    assert [host for host, _, command in calls(site) if command in ("migrate", "applied")] == ["web2", "web2"]


@pytest.mark.extended("recipe")
def test_a_host_that_receives_no_code_cannot_migrate(stage: Any) -> None:
    hosts = {"web1": {"roles": ["web"]}, "db1": {"roles": ["db"], "no_release": True}}
    recipes = {"laravel": {"migration_roles": ["db"]}}
    site = stage(hosts=hosts, recipes=recipes, files=CODE, linked_files=[".env"])
    site.stand_in("php", script=PHP)
    assert "receives no code (no_release), so it cannot migrate" in site.deploy().failed().out
    assert calls(site) == []


@pytest.mark.extended("recipe")
def test_a_host_without_php_is_refused_before_anything_is_changed(shop: Shop) -> None:
    site = shop(php="no-such-php")

    said = site.deploy().failed().out

    assert "no-such-php is not on the PATH; recipe laravel needs it" in said
    assert site.live is None


# -- a rollback


def test_a_rollback_asks_for_migrations_and_restarts_the_workers(shop: Shop) -> None:
    site = shop(2)
    site.deploy().ok()
    first = site.live
    site.commit({"app.txt": "second\n"})
    site.deploy().ok()
    second = site.live
    calls(site)
    site.rollback().ok()
    made = calls(site)
    assert made[:1] == [["web1", second, "applied"]]
    assert sorted(made[1:]) == [[host, first, "queue:restart"] for host in ("web1", "web2")]
    site.assert_healthy()


def test_a_rollback_names_the_migrations_that_the_release_lacks(shop: Shop) -> None:
    site = shop()
    _, second = deploy_twice(site)
    done = site.rollback().failed()
    assert "recipe laravel: web1 has changes that release" in done.out
    assert f"  {PRICE}\n" in done.out
    assert f"  {FIRST}\n" not in done.out
    assert site.live == second


@pytest.mark.extended("recipe")
def test_migrations_are_reverted_by_the_live_code_before_the_publish(shop: Shop) -> None:
    site = shop()
    first, second = deploy_twice(site)
    site.rollback("migrations=back").ok()
    assert ["web1", second, "revert"] in calls(site)
    (call,) = [call for call in site.calls("php") if name_of(call.argv) == "revert"]
    assert call.argv[4:] == (PRICE,)
    assert (site.live, database(site)) == (first, [FIRST])


@pytest.mark.extended("recipe")
def test_migrations_that_cannot_be_reverted_leave_the_live_release(shop: Shop) -> None:
    site = shop()
    site.deploy().ok()
    site.commit({**SECOND, "fails": "revert\n"})
    site.deploy().ok()
    second = site.live
    assert "the migrations could not be reverted: exit status 9" in site.rollback("migrations=back").failed().out
    assert (site.live, database(site)) == (second, [FIRST, PRICE])


@pytest.mark.extended("recipe")
def test_the_recorded_migrations_count_when_the_code_cannot_list_them(shop: Shop) -> None:
    site = shop()
    first, second = deploy_twice(site)
    (site.host().release(first) / "fails").write_text("known\n")
    assert PRICE in site.rollback("force=yes").failed().out
    site.rollback("force=yes", "migrations=keep").ok()
    assert calls(site)[:2] == [["web1", second, "applied"], ["web1", first, "known"]]
    assert (site.live, database(site)) == (first, [FIRST, PRICE])


@pytest.mark.extended("recipe")
def test_a_changed_env_file_is_in_the_configuration_after_a_rollback(shop: Shop) -> None:
    site = shop(migrate=False)
    env = site.host().shared / ".env"
    env.write_text("PASSWORD=old\n")
    first, _ = deploy_twice(site)
    cached = site.host().release(first) / "bootstrap/cache/config.php"
    env.write_text("PASSWORD=new\n")
    age = cached.stat().st_mtime
    os.utime(env, (age + 10, age + 10))
    site.rollback().ok()
    assert calls(site) == [["web1", first, "config:cache"], ["web1", first, "queue:restart"]]
    assert cached.read_text() == "PASSWORD=new\n"


@pytest.mark.extended("recipe")
def test_a_rollback_to_a_release_from_before_the_recipe_changes_nothing_in_it(shop: Shop) -> None:
    site = shop()
    site.project.config(recipes={})
    site.deploy().ok()
    first = site.live
    site.project.config(recipes={"laravel": {"restart": []}})
    site.deploy().ok()
    calls(site)
    site.rollback().ok()
    assert commands(site) == ["applied", "known"], "nothing was recorded with the release"
    assert site.live == first


# -- on demand


@pytest.mark.extended("recipe")
def test_artisan_runs_on_demand_in_the_live_release_of_one_host(shop: Shop) -> None:
    site = shop(2)
    site.deploy().ok()
    calls(site)
    site.doit("laravel.artisan:production", "--", "cache:clear", "--tags=tea").ok()
    assert calls(site) == [["web1", site.live, "cache:clear"]]
    assert site.calls("php")[-1].argv == ("artisan", "cache:clear", "--tags=tea")
    site.commit({"fails": "cache:clear\n"})
    site.deploy().ok()
    complaint = "artisan cache:clear: exit status 9"
    assert complaint in site.doit("laravel.artisan:production", "--", "cache:clear").failed().out
