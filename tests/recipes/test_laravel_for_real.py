"""The recipe laravel with the real PHP and Debian's Laravel: a minimal application with an SQLite database.

Laravel comes from Debian's package php-laravel-framework instead of Composer, because packages of Composer cannot be
downloaded in these tests. Everything else is as in an application that was made by `laravel new`.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.real
APP = Path(__file__).with_name("laravel_app")
FIRST, PRICE, LABEL = "2026_01_01_000001_create_tea", "2026_01_02_000001_add_price", "2026_01_03_000001_add_label"
MIGRATION = """<?php
use Illuminate\\Database\\Migrations\\Migration;
use Illuminate\\Support\\Facades\\DB;

return new class extends Migration
{
    public function up() { DB::statement('ALTER TABLE tea ADD COLUMN %s TEXT'); }
%s
};
"""
DROP = "    public function down() {{ DB::statement('ALTER TABLE tea DROP COLUMN {}'); }}"
BROKEN = "    public function down() { DB::statement('ALTER TABLE no_such_table DROP COLUMN x'); }"
SECOND = {f"database/migrations/{PRICE}.php": MIGRATION % ("price", DROP.format("price"))}
# How a web server finds the configuration.
NAME = """
error_reporting(E_ALL & ~E_DEPRECATED);
require "vendor/autoload.php";
$app = require "bootstrap/app.php";
$app->make(Illuminate\\Contracts\\Console\\Kernel::class)->bootstrap();
echo $app["config"]["app.name"], " ", $app["view"]->make("shop", ["name" => "tea"])->render();
"""
Shop = Callable[..., Any]


def files() -> dict[str, str]:
    return {str(path.relative_to(APP)): path.read_text() for path in APP.rglob("*") if path.is_file()}


@pytest.fixture
def site(stage: Any) -> Any:
    """Return a stage with the application, of which no release is deployed."""
    site = stage(hosts=1, recipes={"laravel": {}}, files=files(), linked_files=[".env"])
    write_env(site, "first")
    (site.host().shared / "db.sqlite").touch()
    return site


def write_env(site: Any, name: str) -> None:
    key = "base64:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    shared = site.host().shared
    (shared / ".env").write_text(f"APP_NAME={name}\nAPP_KEY={key}\nDB_DATABASE={shared}/db.sqlite\n")


def page(site: Any) -> str:
    current = site.host().deploy_to / "current"
    run = subprocess.run(["php", "-r", NAME], cwd=current, capture_output=True, text=True, check=True)
    return run.stdout.strip()


def applied(site: Any) -> list[str]:
    with sqlite3.connect(site.host().shared / "db.sqlite") as database:
        return [name for (name,) in database.execute("SELECT migration FROM migrations ORDER BY 1")]


def columns(site: Any) -> list[str]:
    with sqlite3.connect(site.host().shared / "db.sqlite") as database:
        return [row[1] for row in database.execute("PRAGMA table_info(tea)")]


def test_an_application_is_deployed_twice_and_rolled_back(site: Any) -> None:
    site.deploy().ok()
    first = site.live
    release = site.host().release(first)
    assert page(site) == "first <h1>tea</h1>"
    assert os.readlink(release / "public/storage") == str(release / "storage/app/public")
    assert (release / "bootstrap/cache/config.php").is_file()
    assert list((release / "storage/framework/views").glob("*.php"))
    (restarted,) = [path for path in (site.host().shared / "storage/framework/cache").rglob("*") if path.is_file()]
    before = restarted.read_text()
    site.assert_healthy()

    site.commit(SECOND)
    site.deploy().ok()
    second = site.live
    assert applied(site) == [FIRST, PRICE]
    assert columns(site) == ["id", "price"]
    assert restarted.read_text() != before, "the workers were told to restart"

    done = site.rollback().failed()
    assert PRICE in done.out
    assert (site.live, applied(site)) == (second, [FIRST, PRICE])

    site.rollback("migrations=back").ok()
    assert site.live == first
    assert (applied(site), columns(site)) == ([FIRST], ["id"])
    assert page(site) == "first <h1>tea</h1>"
    site.assert_healthy()


def test_a_rollback_has_the_new_password_of_env(site: Any) -> None:
    site.deploy().ok()
    first = site.live
    site.deploy().ok()
    write_env(site, "changed")
    assert page(site).startswith("first"), "the live release has a cached configuration"
    cached = site.host().release(first) / "bootstrap/cache/config.php"
    os.utime(cached, (1, 1))
    site.rollback().ok()
    assert page(site).startswith("changed")


def test_a_migration_without_down_is_not_reverted(site: Any) -> None:
    site.deploy().ok()
    site.commit({**SECOND, f"database/migrations/{LABEL}.php": MIGRATION % ("label", "")})
    site.deploy().ok()
    second = site.live
    done = site.rollback("migrations=back").failed()
    assert f"{LABEL}: has no method down; no migration was reverted" in done.out
    assert (site.live, applied(site), columns(site)) == (second, [FIRST, PRICE, LABEL], ["id", "price", "label"])


def test_a_migration_that_fails_to_revert_leaves_the_live_release_with_its_tables(site: Any) -> None:
    site.deploy().ok()
    migrations = {f"database/migrations/{LABEL}.php": MIGRATION % ("label", DROP.format("label"))}
    site.commit({f"database/migrations/{PRICE}.php": MIGRATION % ("price", BROKEN), **migrations})
    site.deploy().ok()
    second = site.live
    done = site.rollback("migrations=back").failed()
    assert "no such table: no_such_table" in done.out
    assert f"reverted and applied again, but the data of their columns and tables is lost: {LABEL}" in done.out
    assert (site.live, applied(site)) == (second, [FIRST, PRICE, LABEL])
    assert sorted(columns(site)) == ["id", "label", "price"]


def test_a_migration_that_the_target_knows_is_not_reverted_with_a_newer_one(site: Any) -> None:
    site.deploy().ok()
    site.commit({f"database/migrations/{LABEL}.php": MIGRATION % ("label", DROP.format("label"))})
    site.deploy().ok()
    second = site.live
    with sqlite3.connect(site.host().shared / "db.sqlite") as database:
        database.execute("UPDATE migrations SET batch = 9 WHERE migration = ?", [FIRST])
    done = site.rollback("migrations=back").failed()
    assert f"{FIRST}: would be reverted too, although the target release has it; no migration was reverted" in done.out
    assert (site.live, applied(site)) == (second, [FIRST, LABEL])


def test_a_migration_that_fails_leaves_the_live_release(site: Any) -> None:
    site.deploy().ok()
    first = site.live
    site.commit({f"database/migrations/{LABEL}.php": MIGRATION % ("id", "")})
    done = site.deploy().failed()
    assert "the database could not be migrated: exit status 1" in done.out
    assert "duplicate column name: id" in done.out
    assert site.live == first
    assert page(site) == "first <h1>tea</h1>"
