"""The recipe rails with Debian's Rails: an application under puma, deployed twice and rolled back."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.typist import Typist

pytestmark = pytest.mark.real
APP = Path(__file__).with_name("rails_app")
LINKED = ["log", "storage"]
RESTART = """
@cap.after("published")
def restart(host, release):
    script = '''
        [ ! -e "$1/puma.pid" ] || kill "$(cat "$1/puma.pid")"
        n=0
        while [ -e "$1/puma.pid" ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
        exec bin/rails server -d -e production -b 127.0.0.1 -p PORT -P "$1/puma.pid"
    '''
    host.run(["sh", "-c", script, "restart", release.shared], cwd=release.path)
"""
PRICE = """
class AddPrice < ActiveRecord::Migration[6.1]
  def change
    add_column :teas, :price, :integer
  end
end
"""
IRREVERSIBLE = """
class FillPrice < ActiveRecord::Migration[6.1]
  def change
    execute "UPDATE teas SET price = 3"
  end
end
"""
# Ruby that prints the style sheet in the manifest.
STYLE = 'puts Rails.public_path.join(TeasController.helpers.asset_path("shop.css").delete_prefix("/")).read'
# A bin/rails that has the live release start in the middle of compiling, when all is written.
START_OTHER = f"""#!/usr/bin/env ruby
compiles = ARGV.first == "assets:precompile"
at_exit do
  if compiles
    found = IO.popen(["bin/rails", "runner", {STYLE!r}], chdir: "../../current", &:read)
    warn "it has #{{Dir["../../shared/public/assets/shop-*.css", "public/assets/shop-*.css"].size}} style sheets;" \\
      " the live release finds #{{found}}"
  end
end
APP_PATH = File.expand_path("../config/application", __dir__)
require "rails/commands"
"""
OLD_SOURCES = """
File.utime(0, 0, "app/assets/stylesheets/shop.css") # assets:clean goes by the age of sources
require_relative "config/application"
Rails.application.load_tasks
"""
# What capistrano-rails does.
CAPISTRANO = """
@cap.after("updated")
def compile(host, release):
    host.run("RAILS_ENV=production bin/rails assets:precompile db:migrate", cwd=release.path)
    host.run("mkdir -p assets_manifest_backup && cp public/assets/.s* assets_manifest_backup", cwd=release.path)
"""
VIEW = (APP / "app/views/teas/index.html.erb").read_text()
SECOND = {
    "db/migrate/20260202000000_add_price.rb": PRICE,
    "app/views/teas/index.html.erb": VIEW.replace("first", "second"),
    "app/assets/stylesheets/shop.css": "h1 { color: black }\n",
}
MANIFEST = ".sprockets-manifest-*.json"
Shop = Callable[..., Any]


def files() -> dict[str, str]:
    return {str(path.relative_to(APP)): path.read_text() for path in APP.rglob("*") if path.is_file()}


@pytest.fixture
def shop(stage: Any) -> Shop:
    """Return a function that makes a stage with the application, without a server."""

    def make(hosts: int = 1, dodo: str = "", **options: Any) -> Any:
        more = {"linked_files": [], "linked_dirs": LINKED}
        return stage(hosts=hosts, recipes={"rails": options}, files=files(), dodo=dodo, **more)

    return make


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
    return number


@pytest.fixture
def served(shop: Shop, port: int, tmp_path: Path) -> Iterator[Any]:
    """Return the application under puma."""
    yield shop(dodo=RESTART.replace("PORT", str(port)))
    for pid in tmp_path.rglob("puma.pid"):
        os.kill(int(pid.read_text()), signal.SIGTERM)


def get(port: int, path: str = "/") -> str:
    """Return the answer of the server, once it is up."""
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                text: str = answer.read().decode()
                return text
        except urllib.error.HTTPError as error:
            pytest.fail(f"{path}: {error.code} {error.read().decode()[-2000:]}")
        except OSError:
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.1)


def page(port: int) -> tuple[str, str, str]:
    """Return from the page: its version, the columns of the table, and the style sheet."""
    text = get(port)
    version, _, columns = re.search(r"<p>(.*)</p>", text)[1].partition(": ")  # type: ignore[index]
    return version, columns, get(port, re.search(r'href="(/assets/[^"]+)"', text)[1])  # type: ignore[index]


def restart(site: Any, port: int) -> None:
    """Restart the live release, as after a boot of the host."""
    pid = site.host().shared / "puma.pid"
    os.kill(int(pid.read_text()), signal.SIGTERM)
    deadline = time.monotonic() + 20
    while pid.exists():
        assert time.monotonic() < deadline, "the server does not end"
        time.sleep(0.1)
    server = ["bin/rails", "server", "-d", "-e", "production", "-b", "127.0.0.1", "-p", str(port), "-P", str(pid)]
    subprocess.run(server, cwd=site.host().deploy_to / "current", check=True, capture_output=True)


def public(site: Any) -> Path:
    path: Path = site.host().shared / "public/assets"
    return path


def style(site: Any) -> str:
    """Return the style sheet that the live release finds when it starts."""
    run = ["bin/rails", "runner", "-e", "production", STYLE]
    done = subprocess.run(run, cwd=site.host().deploy_to / "current", capture_output=True, text=True, check=True)
    return done.stdout


def applied(site: Any) -> list[str]:
    with sqlite3.connect(site.host().shared / "storage/shop.sqlite3") as database:
        return [version for (version,) in database.execute("SELECT version FROM schema_migrations ORDER BY 1")]


def test_an_application_is_deployed_twice_and_rolled_back_under_puma(served: Any, port: int) -> None:
    served.deploy().ok()
    first = served.live
    assert page(port) == ("first", "id name", "h1 { color: green }\n")

    served.commit(SECOND)
    served.deploy().ok()
    second = served.live
    assert page(port) == ("second", "id name price", "h1 { color: black }\n")
    assert applied(served) == ["20260101000000", "20260202000000"]

    done = served.rollback().failed()
    assert "recipe rails: web1 has changes that release" in done.out
    assert "  20260202000000_add_price\n" in done.out
    assert "create_teas" not in done.out
    assert served.live == second
    restart(served, port)
    assert page(port) == ("second", "id name price", "h1 { color: black }\n")

    done = served.rollback("migrations=back").ok()
    assert f"release {second} had migrations that this release lacks:" in done.out
    assert "20260202000000_add_price: not in the database" in done.out
    assert served.live == first
    assert applied(served) == ["20260101000000"]
    assert page(port) == ("first", "id name", "h1 { color: green }\n")
    restart(served, port)
    assert page(port) == ("first", "id name", "h1 { color: green }\n")

    served.commit({"app/views/teas/index.html.erb": VIEW.replace("first", "third")})
    served.deploy().ok()
    assert page(port) == ("third", "id name price", "h1 { color: black }\n")
    assert len(list(public(served).glob(MANIFEST))) == 1
    served.assert_healthy()


def test_rake_and_the_console_work_in_the_live_release(shop: Shop, env: dict[str, str]) -> None:
    site = shop()
    site.deploy().ok()
    assert f"Current version: {applied(site)[-1]}" in site.doit("rails.rake:production", "--", "db:version").ok().out
    simple = ["--", "--", "--nomultiline"]  # of irb: its editor asks the terminal, which does not answer here
    command = [sys.executable, "-m", "doit", "rails.console:production", *simple]
    with Typist(command, site.project.path, env) as typist:
        typist.wait_for("irb(main)")
        typist.type("puts 6 * 7, Rails.root\n")
        typist.wait_for(f"\n42\n{site.host().release(site.live)}")
        typist.type("exit\n")
        assert typist.wait_for_end() == 0


def test_a_deploy_that_fails_after_precompiling_leaves_the_live_page_working(served: Any, port: int) -> None:
    served.deploy().ok()
    first = served.live
    served.commit({**SECOND, "db/migrate/20260202000000_add_price.rb": PRICE.replace("add_column", "raise")})
    served.deploy().failed()
    assert len(list(public(served).glob("shop-*.css"))) == 2, "it was compiled"
    assert served.live == first
    restart(served, port)
    assert page(port) == ("first", "id name", "h1 { color: green }\n")


def test_a_deploy_killed_after_precompiling_leaves_the_live_style_sheet(shop: Shop) -> None:
    site = shop()
    site.deploy().ok()
    site.commit(SECOND)
    with site.kill_at("updated"):
        site.deploy().failed(-9)
    assert len(list(public(site).glob("shop-*.css"))) == 2, "it was compiled"
    assert style(site) == "h1 { color: green }\n"
    site.deploy().ok()
    assert style(site) == "h1 { color: black }\n"
    site.assert_healthy()


def test_a_live_release_restarted_during_compiling_finds_its_own_manifest(shop: Shop) -> None:
    site = shop()
    site.deploy().ok()
    site.commit({**SECOND, "bin/rails": START_OTHER})
    done = site.deploy().ok()
    assert "it has 2 style sheets; the live release finds h1 { color: green }" in done.out
    assert style(site) == "h1 { color: black }\n"


# -- assets to go back to


def two(site: Any) -> Path:
    """Deploy two releases with different style sheets, and return the first."""
    site.deploy().ok()
    first: Path = site.host().release(site.live)
    site.commit({"app/assets/stylesheets/shop.css": "h1 { color: black }\n"})
    site.deploy().ok()
    assert style(site) == "h1 { color: black }\n"
    return first


def test_removed_assets_are_restored(shop: Shop) -> None:
    site = shop()
    first = two(site)
    for file in public(site).glob("shop-*"):
        file.unlink()
    done = site.rollback().ok()
    assert site.host().current == first.name
    assert style(site) == "h1 { color: green }\n"
    assert "compiling" not in done.out


@pytest.mark.parametrize("gone", ["manifest", "manifest and files", "files"])
def test_a_rollback_compiles_missing_assets(shop: Shop, gone: str) -> None:
    site = shop()
    first = two(site)
    if "manifest" in gone:
        shutil.rmtree(first / "assets_manifest_backup")
    if "files" in gone:
        shutil.rmtree(first / ".capdoit-assets")
        for file in public(site).glob("shop-*"):
            file.unlink()
    age = first.stat().st_mtime_ns
    done = site.rollback("force=yes").ok()
    assert "compiling them again" in done.out
    assert style(site) == "h1 { color: green }\n"
    assert first.stat().st_mtime_ns == age
    assert len(list(public(site).glob(MANIFEST))) == 1


def test_a_capistrano_release_is_taken_over_and_rolled_back_to(shop: Shop) -> None:
    site = shop()
    recipes = site.project.settings["recipes"]
    site.project.config(recipes={}, linked_dirs=[*LINKED, "public/assets"])
    dodo = (site.project.path / "dodo.py").read_text()
    site.project.dodo(dodo + CAPISTRANO)
    site.deploy().ok()
    first = site.live
    assert style(site) == "h1 { color: green }\n"
    (manifest,) = public(site).glob(MANIFEST)

    site.project.dodo(dodo)
    site.project.config(recipes=recipes)
    site.commit({"app/assets/stylesheets/shop.css": "h1 { color: black }\n"})
    with site.fail_at("publishing", when="before"):
        site.deploy().failed()
    assert style(site) == "h1 { color: green }\n"
    site.deploy().ok()
    assert style(site) == "h1 { color: black }\n"
    done = site.rollback().ok()
    assert "compiling" not in done.out
    assert (site.live, style(site)) == (first, "h1 { color: green }\n")

    site.project.dodo(dodo + CAPISTRANO)
    site.project.config(recipes={}, linked_dirs=[*LINKED, "public/assets"])
    site.commit({"app/assets/stylesheets/shop.css": "h1 { color: blue }\n"})
    site.deploy().ok()
    assert style(site) == "h1 { color: blue }\n"
    assert list(public(site).glob(MANIFEST)) == [manifest]


def test_old_assets_are_removed_except_those_of_existing_releases(shop: Shop) -> None:
    site = shop(keep_assets=0)
    site.project.config(keep_releases=2)
    for colour in ("green", "black", "blue"):
        site.commit({"Rakefile": OLD_SOURCES, "app/assets/stylesheets/shop.css": f"h1 {{ color: {colour} }}\n"})
        done = site.deploy().ok()
    assert sorted(path.read_text() for path in public(site).glob("shop-*.css")) == [
        "h1 { color: black }\n", "h1 { color: blue }\n",
    ]  # fmt: skip
    assert "removed old asset files that no release needs: 2" in done.out
    site.rollback().ok()
    assert style(site) == "h1 { color: black }\n"
    site.assert_healthy()


# -- migrations


def test_an_irreversible_migration_leaves_the_database_of_the_live_release(shop: Shop) -> None:
    site = shop(assets=False)
    site.deploy().ok()
    first = site.live
    later = {"db/migrate/20260303000000_add_origin.rb": PRICE.replace("AddPrice", "AddOrigin").replace(":price", ":o")}
    site.commit({**later, "db/migrate/20260202500000_fill_price.rb": IRREVERSIBLE, **SECOND})
    site.deploy().ok()
    second = site.live
    versions = ["20260101000000", "20260202000000", "20260202500000", "20260303000000"]
    done = site.rollback("migrations=back").failed()
    assert "20260202500000_fill_price could not be reverted" in done.out
    assert "IrreversibleMigration" in done.out
    assert "applied again, but the data of their columns and tables is lost: 20260303000000_add_origin" in done.out
    assert (site.live, applied(site)) == (second, versions)

    done = site.rollback("migrations=keep").ok()
    assert (site.live, applied(site)) == (first, versions)
    assert f"release {second} had migrations that this release lacks:" in done.out
    assert "20260202500000_fill_price: still in the database" in done.out


def test_a_failing_migration_fails_the_deploy_with_the_message_of_rails(shop: Shop) -> None:
    site = shop(assets=False)
    site.deploy().ok()
    first = site.live
    site.commit({"db/migrate/20260202000000_add_price.rb": PRICE.replace(":teas", ":coffees")})
    done = site.deploy().failed()
    assert "the database could not be migrated: exit status 1" in done.out
    assert "no such table: coffees" in done.out
    assert site.live == first
    assert site.host().releases == [first]


def test_nothing_is_migrated_when_migrations_did_not_change(shop: Shop) -> None:
    site = shop(assets=False, conditionally_migrate=True)
    site.deploy().ok()
    first = site.live
    site.commit({"app.txt": "second\n"})
    assert f"db is unchanged since release {first}; no migration to apply" in site.deploy().ok().out
    site.commit(SECOND)
    assert "db is unchanged" not in site.deploy().ok().out
    assert applied(site) == ["20260101000000", "20260202000000"]
