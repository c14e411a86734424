"""The recipe symfony: the commands of each flow, with hosts, directories and environment; nothing live changes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import further

# A PHP that needs no Symfony: the database is a file beside releases, and the code's migrations are files.
PHP = r"""
database=../../../database command=$2
if grep -qxF -e "$command${4:+ $4}" -e "$command" fails; then echo "$command went wrong" >&2; exit 9; fi
touch "$database"
list() {
    echo '| Migration | Status | Migrated At |'
    for name in $( { cat "$database"; ls migrations | sed 's/[.]php$//'; } | sort -u); do
        state=migrated
        [ -f "migrations/$name.php" ] || state='migrated, not available'
        grep -qx "$name" "$database" || state='not migrated'
        echo "| DoctrineMigrations\\$name | $state | |"
    done
}
case $command in
    cache:warmup) mkdir -p "var/cache/$APP_ENV" && : >"var/cache/$APP_ENV/container.php" ;;
    doctrine:migrations:list) list ;;
    doctrine:migrations:migrate) ls migrations | sed 's/[.]php$//' >"$database" ;;
    doctrine:migrations:execute)
        name=${4#*Migrations?}
        case $3 in
            --down) sed -i "/^$name$/d" "$database" ;;
            --up) echo "$name" >>"$database" ;;
        esac
        ;;
esac
"""
FIRST, PRICE, LABEL = "Version20260101000001", "Version20260102000001", "Version20260103000001"
CODE = {"bin/console": "#!/usr/bin/env php\n", "fails": "", f"migrations/{FIRST}.php": "<?php\n"}
SECOND = {f"migrations/{PRICE}.php": "<?php\n", f"migrations/{LABEL}.php": "<?php\n"}
ASSETS = ("assets:install", "--symlink", "--relative")
LIST, MIGRATE, EXECUTE = (f"doctrine:migrations:{name}" for name in ("list", "migrate", "execute"))
COMPOSE = """
@cap.before('updated')
def compose(host, release):
    host.run(['php', 'composer', 'install'], cwd=release.path)
"""
Shop = Callable[..., Any]


@pytest.fixture
def shop(stage: Any) -> Shop:
    """Return a function that makes a stage with a stand-in for PHP."""

    def make(hosts: int = 1, dodo: str = "", **options: Any) -> Any:
        settings = {name: options.pop(name) for name in ("linked_dirs", "default_env") if name in options}
        site = stage(hosts=hosts, recipes={"symfony": options}, files=CODE, dodo=dodo, **settings)
        site.stand_in("php", script=PHP)
        return site

    return make


def calls(site: Any) -> list[tuple[str, str, str]]:
    """Return the calls since the last time: host, release, console command with its arguments."""
    made = site.calls("php")
    before = getattr(site, "seen", 0)
    site.seen = len(made)
    return [
        (str(call.host), Path(call.cwd).name, " ".join(call.argv[1:-1]).replace("DoctrineMigrations\\", ""))
        for call in made[before:]
    ]


def commands(site: Any) -> list[str]:
    return [command for _, _, command in calls(site)]


def database(site: Any) -> list[str]:
    return sorted((site.host().deploy_to.parent / "database").read_text().split())


def deploy_twice(site: Any) -> tuple[str, str]:
    """Deploy two releases, of which the second one has two more migrations, and return their names."""
    site.deploy().ok()
    first = site.live
    site.commit(SECOND)
    site.deploy().ok()
    calls(site)
    return first, site.live


# -- a deploy


def test_a_deploy_installs_assets_and_warms_the_cache_on_every_host_and_migrates_on_one(shop: Shop) -> None:
    site = shop(2)
    site.deploy().ok()
    made = calls(site)
    for host in ("web1", "web2"):
        own = [command for name, _, command in made if name == host]
        more = [f"{MIGRATE} --allow-no-migration", LIST] if host == "web1" else []
        assert own == [" ".join(ASSETS), "cache:warmup", *more]
    assert {release for _, release, _ in made} == {site.live}
    assert [command for _, _, command in made].index(f"{MIGRATE} --allow-no-migration") == 4, "it is the last"
    called = site.calls("php")
    assert {call.argv[0] for call in called} == {"bin/console"}
    assert {call.argv[-1] for call in called} == {"--no-interaction"}
    assert {(call.env["APP_ENV"], call.env["SYMFONY_ENV"], call.env["APP_DEBUG"]) for call in called} == {
        ("prod", "prod", "0")
    }
    assert os.readlink(site.host().release(site.live) / "var/log") == str(site.host().shared / "var/log")
    site.assert_healthy()


@pytest.mark.extended("recipe")
@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"env": "staging"}, "staging"),
        ({"default_env": {"APP_ENV": "staging"}}, "staging"),
        ({"default_env": {"SYMFONY_ENV": "staging"}}, "staging"),
        ({"default_env": {"APP_ENV": "test"}, "env": "staging"}, "staging"),
    ],
)
def test_the_environment_is_that_of_the_option_or_of_default_env(
    shop: Shop, settings: dict[str, Any], expected: str
) -> None:
    site = shop(dodo=COMPOSE, **{"default_env": {}, **settings})
    site.project.hosts["web1"]["default_env"] |= settings.get("default_env", {})
    site.project.config()
    site.deploy().ok()
    called = site.calls("php")
    assert called[0].argv == ("composer", "install"), "it has the environment, too"
    assert {call.env["APP_ENV"] for call in called} == {expected}
    assert (site.host().release(site.live) / "var/cache" / expected).is_dir()


@pytest.mark.extended("recipe")
def test_options_change_the_commands(shop: Shop) -> None:
    site = shop(
        php="php8.3",
        console="app/console",
        assets_flags=["--symlink", "web"],
        build=["importmap:install", "asset-map:compile --no-debug"],
        restart=["messenger:stop-workers"],
        migrate=False,
        linked_dirs=["var/sessions"],
    )
    site.stand_in("php8.3", script=PHP)
    site.deploy().ok()
    assert [call.argv[:-1] for call in site.calls("php8.3")] == [
        ("app/console", "assets:install", "--symlink", "web"),
        ("app/console", "importmap:install"),
        ("app/console", "asset-map:compile", "--no-debug"),
        ("app/console", "cache:warmup"),
        ("app/console", "messenger:stop-workers"),
    ]
    assert sorted(path.name for path in (site.host().shared / "var").iterdir()) == ["log", "sessions"]


@pytest.mark.extended("recipe")
def test_assets_can_be_turned_off(shop: Shop) -> None:
    site = shop(assets=False)
    site.deploy().ok()
    assert commands(site) == ["cache:warmup", f"{MIGRATE} --allow-no-migration", LIST]


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        (MIGRATE, "the database could not be migrated: exit status 9"),
        *further(
            ("assets:install", "the assets could not be installed: exit status 9"),
            ("cache:warmup", "the cache could not be warmed up: exit status 9"),
            ("asset-map:compile", "asset-map:compile failed: exit status 9"),
            (LIST, "the migrations of the database could not be listed: exit status 9"),
        ),
    ],
)
def test_a_failing_command_fails_the_deploy_and_changes_nothing_live(shop: Shop, command: str, complaint: str) -> None:
    site = shop(2, build=["asset-map:compile"], restart=["messenger:stop-workers"])
    site.deploy().ok()
    first = site.live
    calls(site)
    site.commit({**SECOND, "fails": f"{command}\n"})
    done = site.deploy().failed()
    assert complaint in done.out
    assert f"{command} went wrong" in done.out
    assert site.live == first
    assert site.host("web1").releases == site.host("web2").releases == [first]
    assert "messenger:stop-workers" not in commands(site)
    assert database(site) == ([FIRST, PRICE, LABEL] if command == LIST else [FIRST])


@pytest.mark.extended("recipe")
@pytest.mark.parametrize("linked", ["var", "var/cache"])
def test_a_cache_that_the_live_release_uses_is_refused(shop: Shop, linked: str) -> None:
    site = shop(linked_dirs=[linked])
    assert "var/cache is a linked directory, and the live release uses it too" in site.deploy().failed().out
    assert commands(site) == []


@pytest.mark.extended("recipe")
def test_roles_choose_the_hosts(stage: Any) -> None:
    hosts = {"web1": {"roles": ["web"]}, "job1": {"roles": ["job"]}, "db1": {"roles": ["db"], "no_release": True}}
    recipes = {"symfony": {"roles": ["job"], "migration_roles": ["web"]}}
    site = stage(hosts=hosts, recipes=recipes, files=CODE)
    site.stand_in("php", script=PHP)
    site.deploy().ok()
    made = calls(site)
    assert {host for host, _, command in made if command.startswith("doctrine")} == {"web1"}
    assert {host for host, _, command in made if not command.startswith("doctrine")} == {"job1"}
    site.project.config(recipes={"symfony": {"migration_roles": ["db"]}})
    assert "receives no code (no_release), so it cannot migrate" in site.deploy().failed().out


@pytest.mark.extended("recipe")
def test_a_host_without_php_is_refused_before_anything_is_changed(shop: Shop) -> None:
    site = shop(php="no-such-php")

    said = site.deploy().failed().out

    assert "no-such-php is not on the PATH; recipe symfony needs it" in said
    assert site.live is None


# -- a rollback


def test_a_rollback_asks_for_migrations_and_restarts_the_workers(shop: Shop) -> None:
    site = shop(2, restart=["messenger:stop-workers"])
    site.deploy().ok()
    first = site.live
    site.commit({"app.txt": "second\n"})
    site.deploy().ok()
    second = site.live
    calls(site)
    site.rollback().ok()
    made = calls(site)
    assert made[0] == ("web1", second, LIST)
    assert sorted(made[1:]) == [(host, first, "messenger:stop-workers") for host in ("web1", "web2")]
    site.assert_healthy()


def test_a_rollback_names_the_migrations_that_the_release_lacks(shop: Shop) -> None:
    site = shop()
    first, second = deploy_twice(site)
    done = site.rollback().failed()
    assert "recipe symfony: web1 has changes that release" in done.out
    names = [line.split("\\")[1] for line in done.out.splitlines() if "  DoctrineMigrations\\" in line]
    assert names == [PRICE, LABEL]
    assert calls(site) == [("web1", second, LIST), ("web1", first, LIST)]
    assert site.live == second


@pytest.mark.extended("recipe")
def test_migrations_are_reverted_by_the_live_code_newest_first(shop: Shop) -> None:
    site = shop()
    first, second = deploy_twice(site)
    site.rollback("migrations=back").ok()
    reverted = [call for call in calls(site) if call[2].startswith(EXECUTE)]
    assert reverted == [("web1", second, f"{EXECUTE} --down {name}") for name in (LABEL, PRICE)]
    assert (site.live, database(site)) == (first, [FIRST])


@pytest.mark.extended("recipe")
def test_a_migration_that_cannot_be_reverted_leaves_the_live_release_with_its_tables(shop: Shop) -> None:
    site = shop()
    site.deploy().ok()
    site.commit({**SECOND, "fails": f"{EXECUTE} DoctrineMigrations\\{PRICE}\n"})
    site.deploy().ok()
    second = site.live
    done = site.rollback("migrations=back").failed()
    assert f"{PRICE} could not be reverted: exit status 9" in done.out
    assert "reverted and applied again, but the data of their columns and tables is lost" in done.out
    assert (site.live, database(site)) == (second, [FIRST, PRICE, LABEL])


@pytest.mark.extended("recipe")
def test_a_migration_that_the_live_release_lacks_is_not_reverted(shop: Shop) -> None:
    site = shop()
    first, second = deploy_twice(site)
    (site.host().release(second) / f"migrations/{PRICE}.php").unlink()
    done = site.rollback("migrations=back").failed()
    assert f"{PRICE}: the live release has no such migration; no migration was reverted" in done.out
    assert (site.live, database(site)) == (second, [FIRST, PRICE, LABEL])
    site.rollback("migrations=keep").ok()
    assert (site.live, database(site)) == (first, [FIRST, PRICE, LABEL])


@pytest.mark.extended("recipe")
def test_a_removed_cache_is_warmed_up_again(shop: Shop) -> None:
    site = shop()
    site.deploy().ok()
    first = site.live
    site.deploy().ok()
    shutil.rmtree(site.host().release(first) / "var/cache")
    calls(site)
    site.rollback().ok()
    assert ("web1", first, "cache:warmup") in calls(site)
    assert (site.host().release(first) / "var/cache/prod/container.php").is_file()


@pytest.mark.extended("recipe")
def test_a_rollback_to_a_release_without_a_console_changes_nothing_in_it(shop: Shop) -> None:
    site = shop(migrate=False)
    site.commit({"bin/console": None})
    site.project.config(recipes={})
    site.deploy().ok()
    first = site.live
    site.commit({"bin/console": CODE["bin/console"]})
    site.project.config(recipes={"symfony": {"migrate": False}})
    site.deploy().ok()
    calls(site)
    site.rollback().ok()
    assert (site.live, commands(site)) == (first, [])


# -- on demand


@pytest.mark.extended("recipe")
def test_the_console_runs_on_demand_in_the_live_release_with_its_environment(shop: Shop) -> None:
    site = shop(2, env="staging")
    site.deploy().ok()
    calls(site)
    site.doit("symfony.console:production", "--", "cache:pool:clear", "--all").ok()
    (call,) = site.calls("php")[-1:]
    assert (call.host, Path(call.cwd).name) == ("web1", site.live)
    assert call.argv == ("bin/console", "cache:pool:clear", "--all")
    assert call.env["APP_ENV"] == "staging"
    assert len(calls(site)) == 1
    site.assert_healthy()
