"""The recipe django: the commands of each flow and their hosts; nothing live changes before the publish."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from capdoit.recipes._in_django import resolve_static_root
from tests.support import further
from tests.typist import Typist

PYTHON = os.path.realpath(sys.executable)
# A manage.py that needs no Django: the database is a file beside the releases, the code's migrations are the lines
# of the file migrations, its style sheet is the file shop.css, and what is in the file fails goes wrong.
MANAGE = """
import hashlib, json, os, pathlib, sys
here, job = pathlib.Path.cwd(), json.loads(os.environ.get("CAPDOIT_JOB", "{}"))
what = job.get("action", sys.argv[1])
argv = [word if len(word) < 100 else "..." for word in sys.argv]
with open(here.parent.parent.parent / "calls", "a") as calls:
    said = [here.parent.parent.name, here.name, what, *argv, os.environ.get("DJANGO_SETTINGS_MODULE", "")]
    calls.write(json.dumps(said) + "\\n")
if what in (here / "fails").read_text().split():
    sys.exit(f"{what} went wrong")
database, root = here.parent.parent.parent / "database", here / "public"
has = database.read_text().split() if database.exists() else []
if what == "collect":
    is_own = os.path.realpath(root).startswith(os.path.realpath(here))
    into = root if is_own else pathlib.Path(job["staging_dir"])
    into.mkdir(exist_ok=True)
    style = (here / "shop.css").read_text()
    hashed = f"shop.{hashlib.md5(style.encode()).hexdigest()[:12]}.css"
    (into / "shop.css").write_text(style)
    (into / hashed).write_text(style)
    (into / "staticfiles.json").write_text(json.dumps({"paths": {"shop.css": hashed}}))
    note = {"root": str(root), "is_own": is_own, "manifest": "staticfiles.json"}
    pathlib.Path(job["note"]).write_text(json.dumps(note))
elif what == "migrate":
    database.write_text((here / "migrations").read_text())
elif what == "unapply":
    database.write_text("\\n".join(name for name in has if name not in job["unknown"]))
elif what == "applied":
    print("an application says something", *(f"capdoit:{name}" for name in has), sep="\\n")
elif what == "known":
    print(*(f"capdoit:{name}" for name in (here / "migrations").read_text().split()), sep="\\n")
"""
CODE = {"manage.py": MANAGE, "migrations": "shop.0001\n", "shop.css": "green\n", "fails": ""}
SECOND = {"migrations": "shop.0001\nshop.0002_price\n", "shop.css": "black\n"}
FAIL = """
@cap.before('publishing')
def fail(host):
    host.run('exit 7')
"""
Shop = Callable[..., Any]


@pytest.fixture
def shop(stage: Any) -> Shop:
    """Return a function that makes a stage with a stand-in for a Django application."""

    def make(hosts: int = 1, linked: tuple[str, ...] = ("public",), **options: Any) -> Any:
        recipes = {"django": {"python": PYTHON, **options}}
        return stage(hosts=hosts, recipes=recipes, files=CODE, linked_dirs=list(linked))

    return make


def calls(site: Any) -> list[list[str]]:
    """Return the calls of manage.py since the last time: host, release, command, arguments, settings."""
    log: Path = site.host().deploy_to.parent / "calls"
    found = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    log.unlink(missing_ok=True)
    return found


def database(site: Any) -> list[str]:
    names: list[str] = (site.host().deploy_to.parent / "database").read_text().split()
    return names


def served(site: Any, host: str = "web1") -> dict[str, str]:
    """Return every served file with its content."""
    public = site.host(host).shared / "public"
    return {path.name: path.read_text() for path in sorted(public.iterdir())}


def style(site: Any, host: str = "web1") -> str:
    """Return the style sheet that the manifest names."""
    files = served(site, host)
    name: str = json.loads(files["staticfiles.json"])["paths"]["shop.css"]
    return files[name].strip()


def broken_before_the_flip(site: Any) -> Callable[[], None]:
    """Let flows fail after all hooks before the publish, and return a function that repairs them."""
    dodo = (site.project.path / "dodo.py").read_text()
    site.project.dodo(dodo + FAIL)
    return lambda: site.project.dodo(dodo)


# -- what runs where


def test_tasks_on_demand_run_manage_py_in_the_live_release(shop: Shop, env: dict[str, str]) -> None:
    site = shop(2, settings="shop.settings")
    site.deploy().ok()
    calls(site)
    site.doit("django.manage:production", "--", "clearsessions", "--verbosity=2").ok()
    for words in ([], ["--", "dbshell"]):
        command = [sys.executable, "-m", "doit", "django.shell:production", *words]
        with Typist(command, site.project.path, env) as typist:
            assert typist.wait_for_end() == 0
    made = [["clearsessions", "--verbosity=2"], ["shell"], ["dbshell"]]
    assert calls(site) == [["web1", site.live, what[0], "manage.py", *what, "shop.settings"] for what in made]
    assert "doit django.manage:production -- clearsessions" in site.doit("django.manage:production").failed().out


def test_a_deploy_checks_and_collects_on_every_host_and_migrates_on_one(shop: Shop) -> None:
    site = shop(2, settings="shop.settings", fail_level="WARNING")
    site.deploy().ok()

    made = calls(site)
    check = ["manage.py", "check", "--deploy", "--fail-level", "WARNING", "shop.settings"]
    shell = ["manage.py", "shell", "-c", "...", "shop.settings"]
    assert sorted(made[:2]) == [[host, site.live, "check", *check] for host in ("web1", "web2")]
    assert sorted(made[2:4]) == [[host, site.live, "collect", *shell] for host in ("web1", "web2")]
    assert made[4:] == [["web1", site.live, what, *shell] for what in ("migrate", "applied")]


def test_a_rollback_only_asks_the_live_code_for_migrations_if_none_is_new(shop: Shop) -> None:
    site = shop(2)
    site.deploy().ok()
    site.commit({"shop.css": "black\n"})
    site.deploy().ok()
    second = site.live
    calls(site)
    site.rollback().ok()
    assert [call[:3] for call in calls(site)] == [["web1", second, "applied"]]


@pytest.mark.extended("recipe")
def test_commands_that_are_turned_off_do_not_run(shop: Shop) -> None:
    site = shop(static=False, fail_level="never", manage="manage.py")
    site.deploy().ok()
    assert [call[2] for call in calls(site)] == ["migrate", "applied"]
    assert not (site.host().release(site.live) / ".capdoit-static").exists()


@pytest.mark.extended("recipe")
def test_roles_choose_the_hosts(stage: Any) -> None:
    recipes = {"django": {"python": PYTHON, "roles": ["app"], "migration_roles": ["web"]}}
    site = stage(hosts=1, roles=("web", "app"), recipes=recipes, files=CODE)
    site.deploy().ok()
    assert [call[2] for call in calls(site)] == ["check", "collect", "migrate", "applied"]
    site.project.config(recipes={"django": {"python": PYTHON, "migration_roles": ["web"], "roles": ["ap"]}})
    assert "option roles: no host has the role ap; did you mean app?" in site.deploy().failed(3).out


@pytest.mark.parametrize(
    ("what", "complaint"),
    [
        ("check", "check went wrong"),
        *further(
            ("collect", "static files could not be collected: exit status 1"),
            ("migrate", "the database could not be migrated: exit status 1"),
            ("applied", "the migrations of the database could not be listed: exit status 1"),
        ),
    ],
)
def test_a_failing_command_fails_the_deploy_and_changes_nothing_live(shop: Shop, what: str, complaint: str) -> None:
    site = shop(2)
    site.deploy().ok()
    first, before = site.live, (served(site, "web1"), served(site, "web2"))
    site.commit({**SECOND, "fails": what})
    done = site.deploy().failed()

    assert complaint in done.out
    assert f"{what} went wrong" in done.out
    assert "from django" not in done.out, "the program itself is nothing to show"
    assert site.live == first
    assert site.host("web1").releases == site.host("web2").releases == [first]
    for host, was in zip(("web1", "web2"), before, strict=True):
        assert {name: served(site, host)[name] for name in was} == was
    if what in ("check", "collect"):
        assert database(site) == ["shop.0001"], "migrations come last"
    site.commit({"fails": ""})
    site.deploy().ok()
    assert (style(site, "web2"), database(site)) == ("black", ["shop.0001", "shop.0002_price"])


# -- static files


@pytest.mark.extended("recipe")
def test_served_files_change_with_the_publish_and_the_rollback(shop: Shop) -> None:
    site = shop(2)
    site.deploy().ok()
    site.commit({"shop.css": "black\n"})
    site.deploy().ok()
    assert style(site, "web1") == style(site, "web2") == "black"
    assert served(site, "web2")["shop.css"] == "black\n"
    site.rollback().ok()
    assert style(site, "web1") == style(site, "web2") == "green"
    assert served(site, "web2")["shop.css"] == "green\n"


@pytest.mark.extended("recipe")
def test_before_the_publish_files_are_only_added(shop: Shop) -> None:
    site = shop()
    site.deploy().ok()
    before = served(site)
    mend = broken_before_the_flip(site)
    site.commit({"shop.css": "black\n"})
    site.deploy().failed()
    after = served(site)
    assert {name: after[name] for name in before} == before
    assert sorted({*after.values()} - {*before.values()}) == ["black\n"]

    mend()
    site.deploy().ok()
    before = served(site)
    broken_before_the_flip(site)
    site.rollback().failed()
    assert served(site) == before


@pytest.mark.extended("recipe")
def test_a_foreign_manifest_stays_until_the_publish(shop: Shop) -> None:
    site = shop()
    public = site.host().shared / "public"
    public.mkdir(parents=True)
    (public / "staticfiles.json").write_text('{"paths": {}}')
    mend = broken_before_the_flip(site)
    site.deploy().failed()
    assert served(site)["staticfiles.json"] == '{"paths": {}}'
    mend()
    site.deploy().ok()
    assert style(site) == "green"


@pytest.mark.extended("recipe")
def test_removed_files_are_restored_with_their_release(shop: Shop) -> None:
    site = shop()
    site.deploy().ok()
    old = json.loads(served(site)["staticfiles.json"])["paths"]["shop.css"]
    site.commit({"shop.css": "black\n"})
    site.deploy().ok()
    (site.host().shared / "public" / old).unlink()
    calls(site)
    site.rollback().ok()
    assert style(site) == "green"
    assert "collect" not in [call[2] for call in calls(site)], "they were kept"


@pytest.mark.extended("recipe")
@pytest.mark.parametrize("linked", [("public",), ()], ids=["shared", "in the release"])
def test_files_that_were_not_kept_are_collected_in_the_rollback(shop: Shop, linked: tuple[str, ...]) -> None:
    site = shop(linked=linked)
    site.deploy().ok()
    first = site.host().release(site.live)
    site.commit({"shop.css": "black\n"})
    site.deploy().ok()
    for path in (first / "public" if not linked else first / ".capdoit-static/files").glob("shop.*.css"):
        path.unlink()
    done = site.rollback("force=yes").ok()
    assert "some static files of the release are missing; collecting them again" in done.out
    public = site.host().deploy_to / "current/public"
    name = json.loads((public / "staticfiles.json").read_text())["paths"]["shop.css"]
    assert (public / name).read_text() == "green\n"


@pytest.mark.extended("recipe")
def test_a_rollback_whose_files_cannot_be_collected_leaves_the_live_release(shop: Shop) -> None:
    site = shop(2)
    site.deploy().ok()
    first = site.live
    site.commit({"shop.css": "black\n"})
    site.deploy().ok()
    second = site.live
    broken = site.host("web2").release(first)
    shutil.rmtree(broken / ".capdoit-static")
    (broken / "fails").write_text("collect")
    age = broken.stat().st_mtime_ns
    done = site.rollback("force=yes").failed()
    assert "the static files of the target release could not be restored" in done.out
    assert site.live == second
    assert style(site, "web1") == style(site, "web2") == "black"
    (broken / "fails").write_text("")
    assert broken.stat().st_mtime_ns == age, "what goes by the age of releases sees no change"
    site.rollback("force=yes").ok()
    assert broken.stat().st_mtime_ns == age
    assert style(site, "web2") == "green"


@pytest.mark.extended("recipe")
def test_a_static_root_below_current_is_that_of_the_release() -> None:
    job = {"release": "/srv/shop/releases/1", "current": "/srv/shop/current"}
    assert resolve_static_root(job, "/srv/shop/current/static/") == "/srv/shop/releases/1/static"
    assert resolve_static_root(job, "/srv/shop/currently") == "/srv/shop/currently"
    with pytest.raises(SystemExit, match="STATIC_ROOT"):
        resolve_static_root(job, None)


# -- migrations


def twice(site: Any) -> tuple[str, str]:
    """Return a stage with two releases; the second has one more migration."""
    site.deploy().ok()
    first = site.live
    site.commit(SECOND)
    site.deploy().ok()
    return first, site.live


@pytest.mark.extended("recipe")
def test_a_rollback_names_the_migrations_that_the_release_lacks(shop: Shop) -> None:
    site = shop(static=False)
    _, second = twice(site)
    done = site.rollback().failed()
    assert "recipe django: web1 has changes that release" in done.out
    assert "shop.0002_price" in done.out
    assert "  shop.0001\n" not in done.out
    assert site.live == second


@pytest.mark.extended("recipe")
def test_migrations_are_reverted_by_the_live_code_before_the_switch(shop: Shop) -> None:
    site = shop(static=False)
    first, second = twice(site)
    calls(site)
    site.rollback("migrations=back").ok()
    assert [call[:3] for call in calls(site)][-1] == ["web1", second, "unapply"]
    assert site.live == first
    assert database(site) == ["shop.0001"]


@pytest.mark.extended("recipe")
def test_migrations_that_cannot_be_reverted_leave_the_live_release(shop: Shop) -> None:
    site = shop(2, static=False)
    site.deploy().ok()
    site.commit({**SECOND, "fails": "unapply"})
    site.deploy().ok()
    second = site.live
    done = site.rollback("migrations=back").failed()
    assert "the migrations could not be reverted" in done.out
    assert "unapply went wrong" in done.out
    assert site.live == second
    assert database(site) == ["shop.0001", "shop.0002_price"]


@pytest.mark.extended("recipe")
def test_a_migration_applied_when_the_release_was_live_does_not_prevent_a_rollback(shop: Shop) -> None:
    site = shop(static=False)
    site.commit(SECOND)
    site.deploy().ok()
    site.commit({"migrations": "shop.0001\n"})  # the code is removed, but the database still has the migration
    site.deploy("skip=django.migrate").ok()
    first = site.live
    site.commit({"app.txt": "third\n"})
    site.deploy("skip=django.migrate").ok()
    site.rollback().ok()
    assert site.live == first


@pytest.mark.extended("recipe")
def test_the_recorded_migrations_count_when_the_code_cannot_list_them(shop: Shop) -> None:
    site = shop(static=False)
    first, second = twice(site)
    (site.host().release(first) / "manage.py").unlink()
    assert "shop.0002_price" in site.rollback().failed().out
    assert site.live == second


@pytest.mark.extended("recipe")
def test_an_unreachable_database_stops_a_rollback(shop: Shop) -> None:
    site = shop(static=False)
    _, second = twice(site)
    (site.host().release(second) / "fails").write_text("applied")
    assert "the migrations of the database could not be listed" in site.rollback().failed().out
    assert site.live == second


@pytest.mark.extended("recipe")
def test_a_rollback_to_a_release_from_before_the_recipe_changes_nothing_in_it(shop: Shop) -> None:
    site = shop()
    site.commit({"manage.py": None})
    site.project.config(recipes={})
    site.deploy().ok()
    first = site.live
    site.project.config(recipes={"django": {"python": PYTHON}})
    site.commit({"manage.py": MANAGE})
    site.deploy().ok()
    done = site.rollback().failed()
    assert "recipe django cannot tell which changes release" in done.out
    done = site.rollback("migrations=keep").ok()
    assert "no manage.py: the release was deployed without this recipe and is left unchanged" in done.out
    assert site.live == first
