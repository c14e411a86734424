"""The recipe symfony with the real PHP and Debian's Symfony: a minimal application with a bundle that has assets.

Symfony comes from Debian's package php-symfony-framework-bundle instead of Composer, because packages of Composer
cannot be downloaded in these tests. Debian has no DoctrineMigrationsBundle: the application has commands with its
names, options and output, and an SQLite database.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.real
APP = Path(__file__).with_name("symfony_app")
FIRST, PRICE, LABEL = "Version20260101000001", "Version20260102000001", "Version20260103000001"
SECOND = {
    f"migrations/{name}.php": f"<?php\nreturn ['up' => 'ALTER TABLE tea ADD COLUMN {column}',"
    f" 'down' => 'ALTER TABLE tea DROP COLUMN {column}'];\n"
    for name, column in ((PRICE, "price"), (LABEL, "label"))
}
BROKEN = "<?php\nreturn ['up' => 'ALTER TABLE tea ADD COLUMN price', 'down' => 'DROP TABLE no_such_table'];\n"


def files() -> dict[str, str]:
    return {str(path.relative_to(APP)): path.read_text() for path in APP.rglob("*") if path.is_file()}


@pytest.fixture
def site(stage: Any, tmp_path: Path) -> Any:
    """Return a stage with the application, of which no release is deployed."""
    env = {"DATABASE": str(tmp_path / "db.sqlite")}
    return stage(hosts=1, recipes={"symfony": {}}, files=files(), default_env=env)


def page(site: Any) -> str:
    current = site.host().deploy_to / "current"
    env = {"PATH": os.environ["PATH"], "APP_ENV": "prod", "APP_DEBUG": "0"}
    run = ["php", "public/index.php"]
    return subprocess.run(run, cwd=current, env=env, capture_output=True, text=True, check=True).stdout.strip()


def applied(tmp_path: Path) -> list[str]:
    with sqlite3.connect(tmp_path / "db.sqlite") as database:
        rows = database.execute("SELECT version FROM doctrine_migration_versions ORDER BY 1")
        return [name.removeprefix("DoctrineMigrations\\") for (name,) in rows]


def columns(tmp_path: Path) -> list[str]:
    with sqlite3.connect(tmp_path / "db.sqlite") as database:
        return sorted(row[1] for row in database.execute("PRAGMA table_info(tea)"))


def test_an_application_is_deployed_twice_and_rolled_back(site: Any, tmp_path: Path) -> None:
    site.deploy().ok()
    first = site.live
    release = site.host().release(first)
    assert page(site) == f"tea in prod, {release}/var/cache/prod"
    assert (site.host().deploy_to / "current/public/bundles/tea/tea.css").read_text() == "h1 { color: green }\n"
    assert not (release / "var/cache/dev").exists(), ".env says dev, and hooks say prod"
    site.assert_healthy()

    site.commit(SECOND)
    site.deploy().ok()
    second = site.live
    assert (applied(tmp_path), columns(tmp_path)) == ([FIRST, PRICE, LABEL], ["id", "label", "price"])

    done = site.rollback().failed()
    assert PRICE in done.out
    assert LABEL in done.out
    assert (site.live, applied(tmp_path)) == (second, [FIRST, PRICE, LABEL])

    site.rollback("migrations=back").ok()
    assert site.live == first
    assert (applied(tmp_path), columns(tmp_path)) == ([FIRST], ["id"])
    assert page(site) == f"tea in prod, {release}/var/cache/prod"
    site.assert_healthy()


def test_a_migration_that_fails_to_revert_leaves_the_live_release_with_its_tables(site: Any, tmp_path: Path) -> None:
    site.deploy().ok()
    site.commit({**SECOND, f"migrations/{PRICE}.php": BROKEN})
    site.deploy().ok()
    second = site.live
    done = site.rollback("migrations=back").failed()
    assert f"{PRICE} could not be reverted: exit status" in done.out
    assert "no such table: no_such_table" in done.out
    assert (site.live, applied(tmp_path)) == (second, [FIRST, PRICE, LABEL])
    assert columns(tmp_path) == ["id", "label", "price"]


def test_a_broken_container_fails_the_deploy_with_the_message_of_symfony(site: Any) -> None:
    site.deploy().ok()
    first = site.live
    kernel = files()["src/Kernel.php"]
    site.commit({"src/Kernel.php": kernel.replace("'utf8' => true", "'no_such_key' => true")})
    done = site.deploy().failed()
    assert 'Unrecognized option "no_such_key"' in done.out
    assert site.live == first
    assert page(site).startswith("tea in prod")


def test_an_application_without_doctrine_is_deployed_with_migrate_false(site: Any) -> None:
    site.commit({"src/Command/MigrationsCommand.php": None, "src/Command/.keep": ""})
    done = site.deploy().failed()
    assert 'There are no commands defined in the "doctrine:migrations" namespace' in done.out
    site.project.config(recipes={"symfony": {"migrate": False}})
    site.deploy().ok()
    assert page(site).startswith("tea in prod")
