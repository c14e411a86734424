"""The recipes django and python with the real programs: an application under gunicorn."""

from __future__ import annotations

import json
import os
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
from textwrap import dedent
from typing import Any

import pytest

from tests.typist import Typist

pytestmark = pytest.mark.real
PYTHON = os.path.realpath(sys.executable)
APP = Path(__file__).with_name("django_app")
LINKED = ["db", "public"]
RESTART = """
@cap.after("published")
def restart(host, release):
    script = '''
        [ ! -e "$1/gunicorn.pid" ] || kill "$(cat "$1/gunicorn.pid")"
        n=0
        while [ -e "$1/gunicorn.pid" ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
        set -- --daemon --bind "127.0.0.1:PORT" --pid "$1/gunicorn.pid" --error-logfile "$1/gunicorn.log"
        exec .venv/bin/gunicorn "$@" shop.wsgi
    '''
    host.run(["sh", "-c", script, "restart", release.shared], cwd=release.path)
"""
PRICE = """
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [migrations.AddField("Tea", "price", models.IntegerField(default=3))]
"""
IRREVERSIBLE = """
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("shop", "0002_price")]
    operations = [migrations.RunSQL("UPDATE shop_tea SET price = 4")]
"""
MODEL = (APP / "shop/models.py").read_text() + "    price = models.IntegerField(default=3)\n"
SECOND = {
    "shop/models.py": MODEL,
    "shop/migrations/0002_price.py": PRICE,
    "shop/urls.py": (APP / "shop/urls.py").read_text().replace('"first"', '"second"'),
    "shop/static/shop.css": "h1 { color: black }\n",
}
Shop = Callable[..., Any]


def files() -> dict[str, str]:
    return {str(p.relative_to(APP)): p.read_text() for p in APP.rglob("*") if p.is_file() and p.suffix != ".pyc"}


@pytest.fixture(scope="session")
def django(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the Python of a virtualenv with Django."""
    place = tmp_path_factory.mktemp("django") / "venv"
    subprocess.run([PYTHON, "-m", "venv", place], check=True)
    subprocess.run([place / "bin/python", "-m", "pip", "install", "-q", "-r", APP / "requirements.txt"], check=True)
    return str(place / "bin/python")


@pytest.fixture
def shop(stage: Any, django: str) -> Shop:
    """Return a function that makes a stage with the application, without a server."""

    def make(linked: list[str] = LINKED, **options: Any) -> Any:
        recipes = {"django": {"python": django, **options}}
        return stage(hosts=1, recipes=recipes, files=files(), linked_dirs=linked)

    return make


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
    return number


@pytest.fixture
def served(stage: Any, port: int, tmp_path: Path) -> Iterator[Any]:
    """Return the application under gunicorn, with a virtualenv by the recipe python."""
    recipes = {"python": {"python": PYTHON}, "django": {"settings": "shop.settings"}}
    dodo = RESTART.replace("PORT", str(port))
    yield stage(hosts=1, recipes=recipes, files=files(), linked_dirs=LINKED, dodo=dodo)
    for pid in tmp_path.rglob("gunicorn.pid"):
        os.kill(int(pid.read_text()), signal.SIGTERM)


def page(port: int, path: str = "/") -> str:
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
            assert time.monotonic() < deadline, "the server does not answer; see gunicorn.log in shared"
            time.sleep(0.1)


def manifest(site: Any) -> dict[str, str]:
    paths: dict[str, str] = json.loads((site.host().shared / "public/staticfiles.json").read_text())["paths"]
    return paths


def applied(site: Any) -> list[str]:
    with sqlite3.connect(site.host().shared / "db/shop.sqlite3") as database:
        return [name for (name,) in database.execute("SELECT name FROM django_migrations WHERE app='shop' ORDER BY 1")]


def test_an_application_is_deployed_twice_and_rolled_back_under_gunicorn(served: Any, port: int) -> None:
    served.deploy().ok()
    first = served.live
    version, count, css_of_first = page(port).split()
    assert (version, count) == ("first", "1")
    assert page(port, css_of_first) == "h1 { color: green }\n"

    served.commit(SECOND)
    done = served.deploy().ok()
    second = served.live
    assert f"nothing changed since release {first}, linked from there" in done.out
    version, count, css_of_second = page(port).split()
    assert (version, count) == ("second", "2")
    assert css_of_second != css_of_first
    assert page(port, css_of_second) == page(port, "/static/shop.css") == "h1 { color: black }\n"
    assert applied(served) == ["0001_initial", "0002_price"]

    done = served.rollback().failed()
    assert "recipe django" in done.out
    assert "shop.0002_price" in done.out
    assert "shop.0001_initial" not in done.out
    assert "migrations=back" in done.out
    assert served.live == second
    assert page(port).split()[0] == "second"

    served.rollback("migrations=back").ok()
    assert served.live == first
    assert applied(served) == ["0001_initial"]
    version, count, css = page(port).split()
    assert (version, count, css) == ("first", "4", css_of_first)
    assert page(port, css) == page(port, "/static/shop.css") == "h1 { color: green }\n"

    served.commit({"shop/urls.py": SECOND["shop/urls.py"].replace("second", "third")})
    served.deploy().ok()
    assert page(port).split()[0] == "third"
    assert applied(served) == ["0001_initial", "0002_price"]


def test_manage_and_the_shell_work_in_the_live_release(shop: Shop, env: dict[str, str]) -> None:
    site = shop()
    site.deploy().ok()
    assert "0001_initial" in site.doit("django.manage:production", "--", "showmigrations", "shop").ok().out
    with Typist([sys.executable, "-m", "doit", "django.shell:production"], site.project.path, env) as typist:
        typist.wait_for(">>>")
        typist.type("import os; print(6 * 7, os.getcwd())\n")
        typist.wait_for(f"\n42 {site.host().release(site.live)}\n")
        typist.type("exit()\n")
        assert typist.wait_for_end() == 0


def test_an_unknown_package_fails_the_deploy_with_the_message_of_pip(stage: Any) -> None:
    site = stage(hosts=1, recipes={"python": {"python": PYTHON}}, files={"requirements.txt": "capdoit-no-such==9\n"})
    done = site.deploy().failed()
    assert "ERROR: No matching distribution found for capdoit-no-such==9" in done.out
    assert site.live is None
    assert site.host().releases == []


def test_pip_changes_an_environment_but_not_the_one_it_was_linked_from(stage: Any) -> None:
    site = stage(hosts=1, recipes={"python": {"python": PYTHON}}, files={"requirements.txt": "gunicorn==21.2.0\n"})
    site.deploy().ok()
    first = site.host().release(site.live)
    site.commit({"app.txt": "second\n"})
    site.deploy().ok()
    second = site.host().release(site.live)
    python = second / ".venv/bin/python"
    subprocess.run([python, "-m", "pip", "install", "-q", "gunicorn==22.0.0"], check=True)

    def version(release: Path) -> str:
        command = [str(release / ".venv/bin/gunicorn"), "--version"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1]

    assert (version(first), version(second)) == ("21.2.0)", "22.0.0)")


@pytest.mark.parametrize("lock", ["uv.lock", "requirements.txt"])
def test_uv_installs_its_lock_file(stage: Any, lock: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    tool = tmp_path_factory.mktemp("uv") / "venv"
    subprocess.run([PYTHON, "-m", "venv", tool], check=True)
    subprocess.run([tool / "bin/python", "-m", "pip", "install", "-q", "uv"], check=True)
    project = tmp_path_factory.mktemp("locked")
    (project / "pyproject.toml").write_text(
        '[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.10"\ndependencies = ["gunicorn==21.2.0"]\n'
    )
    made = {"requirements.txt": "gunicorn==21.2.0\npackaging==24.0\n"}
    if lock == "uv.lock":
        subprocess.run([tool / "bin/uv", "lock", "-q", "--python", PYTHON], cwd=project, check=True)
        made = {path.name: path.read_text() for path in project.iterdir() if path.is_file()}
    site = stage(hosts=1, recipes={"python": {"installer": "uv", "python": PYTHON}}, files=made)
    site.stand_in("uv", script=f'UV_SYSTEM_CERTS=1 exec {tool / "bin/uv"} "$@"')
    site.deploy().ok()
    first = site.host().release(site.live)
    site.commit({"app.txt": "second\n"})
    assert "linked from there" in site.deploy().ok().out
    second = site.host().release(site.live)
    subprocess.run(["rm", "-r", first], check=True)
    done = subprocess.run([second / ".venv/bin/gunicorn", "--version"], capture_output=True, text=True, check=True)
    assert "21.2.0" in done.stdout
    verb = ["sync", "--quiet", "--frozen"] if lock == "uv.lock" else ["pip", "sync", "--quiet"]
    assert [call.argv[: len(verb)] for call in site.calls("uv")].count(tuple(verb)) == 1


# -- static files


@pytest.mark.parametrize("linked", [LINKED, ["db"]], ids=["shared", "in the release"])
def test_a_failed_deploy_does_not_change_served_files(shop: Shop, linked: list[str]) -> None:
    site = shop(linked)
    site.deploy().ok()
    public = site.host().deploy_to / "current/public"
    before = {path: (public / path).read_text() for path in os.listdir(public)}
    fail = dedent("""
        @cap.before('publishing')
        def fail(host):
            host.run('exit 7')
        """)
    dodo = (site.project.path / "dodo.py").read_text()
    site.project.dodo(dodo + fail)
    site.commit(SECOND)
    site.deploy().failed()
    after = {path: (public / path).read_text() for path in os.listdir(public)}
    assert {path: after.get(path) for path in before} == before

    site.project.dodo(dodo)
    site.deploy().ok()
    assert (public / "shop.css").read_text() == "h1 { color: black }\n"
    site.project.dodo(dodo + fail)
    live = {path: (public / path).read_text() for path in os.listdir(public)}
    site.rollback("migrations=keep").failed()
    after = {path: (public / path).read_text() for path in os.listdir(public)}
    assert {path: after.get(path) for path in live} == live


def test_a_rollback_restores_removed_served_files(shop: Shop) -> None:
    site = shop()
    site.deploy().ok()
    old = manifest(site)["shop.css"]
    site.commit({"shop/static/shop.css": "h1 { color: black }\n"})
    site.deploy().ok()
    public = site.host().shared / "public"
    (public / old).unlink()
    site.rollback().ok()
    assert manifest(site)["shop.css"] == old
    assert (public / old).read_text() == (public / "shop.css").read_text() == "h1 { color: green }\n"


def test_a_rollback_collects_static_files_that_were_not_kept(shop: Shop) -> None:
    site = shop()
    site.deploy().ok()
    first = site.live
    old = manifest(site)["shop.css"]
    site.commit({"shop/static/shop.css": "h1 { color: black }\n"})
    site.deploy().ok()
    subprocess.run(["rm", "-r", site.host().release(first) / ".capdoit-static"], check=True)
    age = site.host().release(first).stat().st_mtime_ns
    assert "collecting them again" in site.rollback("force=yes").ok().out
    assert manifest(site)["shop.css"] == old
    assert site.host().release(first).stat().st_mtime_ns == age


# -- migrations


def test_a_rollback_with_an_irreversible_migration_changes_nothing(shop: Shop) -> None:
    site = shop(static=False)
    site.deploy().ok()
    first = site.live
    site.commit({**SECOND, "shop/migrations/0003_dearer.py": IRREVERSIBLE})
    site.deploy().ok()
    second = site.live
    done = site.rollback("migrations=back").failed()
    assert "shop.0003_dearer: is irreversible: Raw SQL operation; no migration was reverted" in done.out
    assert applied(site) == ["0001_initial", "0002_price", "0003_dearer"]
    assert site.live == second
    site.rollback("migrations=keep").ok()
    assert site.live == first
    assert applied(site) == ["0001_initial", "0002_price", "0003_dearer"]


def test_a_squashed_migration_is_not_reverted(shop: Shop) -> None:
    site = shop(static=False)
    site.commit({"shop/models.py": MODEL, "shop/migrations/0002_price.py": PRICE})
    site.deploy().ok()
    squashed = (APP / "shop/migrations/0001_initial.py").read_text().replace(
        "    operations = [", "    replaces = [('shop', '0001_initial'), ('shop', '0002_price')]\n    operations = ["
    )  # fmt: skip
    squashed = squashed.replace("max_length=20))]", 'max_length=20)), ("price", models.IntegerField(default=3))]')
    site.commit({"shop/migrations/0001_squashed_0002.py": squashed})
    site.deploy().ok()
    assert "0001_squashed_0002" in applied(site), "noted, though nothing was to be applied"
    done = site.rollback("migrations=back").failed()
    assert "shop.0001_squashed_0002: replaces other migrations" in done.out
    assert "0002_price" in applied(site)
    with sqlite3.connect(site.host().shared / "db/shop.sqlite3") as database:
        database.execute("SELECT price FROM shop_tea")


def test_a_migration_in_the_code_that_was_applied_later_is_known(shop: Shop) -> None:
    site = shop(static=False)
    site.commit(SECOND)
    site.deploy("skip=django.migrate").ok()
    first = site.live
    site.commit({"app.txt": "more\n"})
    site.deploy().ok()
    assert applied(site) == ["0001_initial", "0002_price"]
    site.rollback().ok()
    assert site.live == first


def test_a_failing_migration_fails_the_deploy_with_the_message_of_django(shop: Shop) -> None:
    site = shop(static=False)
    site.deploy().ok()
    first = site.live
    site.commit({"shop/migrations/0002_price.py": PRICE.replace('"Tea", "price"', '"Coffee", "price"')})
    done = site.deploy().failed()
    assert "the database could not be migrated: exit status 1" in done.out
    assert "KeyError: ('shop', 'coffee')" in done.out
    assert site.live == first
    assert site.host().releases == [first]


def test_a_check_at_or_above_its_level_fails_the_deploy(shop: Shop, django: str) -> None:
    site = shop(static=False, fail_level="WARNING")
    assert "security.W001" in site.deploy().failed().out
    assert site.live is None
    site.project.config(recipes={"django": {"python": django, "static": False, "fail_level": "never"}})
    site.deploy().ok()
