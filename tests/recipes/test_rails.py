"""The recipe rails: the commands of each flow and their hosts; nothing live changes before the publish."""

from __future__ import annotations

import datetime
import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import further
from tests.typist import Typist

SCRIPT = Path(str(importlib.import_module("capdoit.recipes").__file__)).with_name("rails.sh")
# A bin/rails that needs no Rails: the database is a file beside the releases, what is in the file fails goes wrong,
# manifest is what the manifest is called (with a * for what Sprockets chooses at random), and plain a file whose name
# does not tell what is in it.
RAILS = (
    f"#!{os.path.realpath(sys.executable)}"
    """
import glob, hashlib, json, os, pathlib, sys
here, what = pathlib.Path.cwd(), sys.argv[1].partition("[")[0]
with open(here.parent.parent.parent / "calls", "a") as calls:
    env = [os.environ.get(name, "") for name in ("RAILS_ENV", "RAILS_GROUPS", "VERSION")]
    host, argument = here.parent.parent.name, sys.argv[1].partition("[")[2].rstrip("]")
    calls.write(json.dumps([host, here.name, what, argument, *env]) + "\\n")
public = here / "public/assets"
if what in (here / "fails").read_text().split():
    sys.exit(f"{what} went wrong")
database = here.parent.parent.parent / "database"
has = database.read_text().split() if database.exists() else []
code = {path.name.split("_")[0]: path.stem for path in sorted(here.glob("db/migrate/*.rb"))}
called = (here / "manifest").read_text().strip()
found = glob.glob(str(public / called)) + [str(public / called.replace("*", here.name))]
manifest = pathlib.Path(found[0])
is_sprockets = "sprockets" in called
if what == "assets:precompile" and called != "none":
    style = (here / "shop.css").read_text()
    name = f"shop-{hashlib.md5(style.encode()).hexdigest()[:12]}.css"
    (public / name).write_text(style)
    (public / f"{name}.gz").write_text(f"compressed by {here.name}")
    (public / "fonts").mkdir(exist_ok=True)
    (public / "fonts/plain.txt").write_text((here / "plain").read_text())
    data = json.loads(manifest.read_text()) if is_sprockets and manifest.exists() else {}
    if is_sprockets:
        data.setdefault("files", {})[name] = {"logical_path": "shop.css", "digest": "/"}
        data.setdefault("assets", {})["shop.css"] = name
    else:
        said = {"digested_path": name, "integrity": "x-y"}
        data["shop.css"] = f"/assets/{name}" if called == "manifest.json" else said
    part = manifest.with_name("part")
    part.write_text(json.dumps(data, indent=1))
    part.rename(manifest)
elif what == "assets:clean":
    data = json.loads(manifest.read_text())
    for name in [*data["files"]]:
        if name not in data["assets"].values():
            del data["files"][name]
            for path in (public / name, public / f"{name}.gz"):
                if path.exists():
                    path.unlink()
    manifest.unlink()
    manifest.write_text(json.dumps(data))
elif what in ("db:migrate", "db:migrate:up"):
    more = [os.environ["VERSION"]] if what.endswith("up") else [*code]
    database.write_text("\\n".join(sorted({*has, *more})))
elif what == "db:migrate:down":
    if os.environ["VERSION"] in (here / "one_way").read_text().split():
        sys.exit("ActiveRecord::IrreversibleMigration")
    database.write_text("\\n".join(version for version in has if version != os.environ["VERSION"]))
elif what == "runner":
    print("an application says something", *(f"capdoit:{code.get(version, version)}" for version in has), sep="\\n")
"""
)
FIRST, PRICE, ORIGIN = "20260101000000_create_teas", "20260202000000_add_price", "20260303000000_add_origin"
SPROCKETS = ".sprockets-manifest-*.json"
CODE = {
    "bin/rails": RAILS,
    f"db/migrate/{FIRST}.rb": "",
    "shop.css": "green\n",
    "plain": "plain\n",
    "fails": "",
    "one_way": "",
    "manifest": SPROCKETS,
}
SECOND = {f"db/migrate/{PRICE}.rb": "", "shop.css": "black\n", "plain": "other\n"}
Shop = Callable[..., Any]


@pytest.fixture
def shop(stage: Any) -> Shop:
    """Return a function that makes a stage with a stand-in for a Rails application."""

    def make(hosts: int = 1, files: dict[str, Any] | None = None, **options: Any) -> Any:
        settings = {name: options.pop(name) for name in ("default_env", "keep_releases") if name in options}
        return stage(hosts=hosts, recipes={"rails": options}, files={**CODE, **(files or {})}, **settings)

    return make


def calls(site: Any) -> list[list[str]]:
    """Return the calls of bin/rails since the last time: host, release, task, argument, environment."""
    log: Path = site.host().deploy_to.parent / "calls"
    found = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    log.unlink(missing_ok=True)
    return found


def tasks(site: Any) -> list[str]:
    return [call[2] for call in calls(site)]


def database(site: Any) -> list[str]:
    versions: list[str] = (site.host().deploy_to.parent / "database").read_text().split()
    return versions


def public(site: Any, host: str = "web1") -> Path:
    path: Path = site.host(host).shared / "public/assets"
    return path


def served(site: Any, host: str = "web1") -> dict[str, str]:
    """Return every served file with its content."""
    root = public(site, host)
    return {str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*")) if path.is_file()}


def manifests(site: Any, host: str = "web1") -> list[str]:
    return sorted(name for name in os.listdir(public(site, host)) if "manifest" in name)


def style(site: Any, host: str = "web1") -> str:
    """Return the style sheet that a newly started application finds."""
    (name,) = manifests(site, host)
    data = json.loads((public(site, host) / name).read_text())
    found = data.get("assets", data)["shop.css"]
    path = (found if isinstance(found, str) else found["digested_path"]).removeprefix("/assets/")
    return (public(site, host) / path).read_text().strip()


def is_link(site: Any) -> bool:
    (name,) = manifests(site)
    link = public(site) / name
    return link.is_symlink() and os.readlink(link) == f"{site.host().deploy_to}/current/assets_manifest_backup/{name}"


def kept(site: Any, release: str) -> Path:
    path: Path = site.host().release(release)
    return path


def twice(site: Any, second: dict[str, Any] = SECOND) -> tuple[str, str]:
    """Return a stage with two releases."""
    site.deploy().ok()
    first = site.live
    site.commit(second)
    site.deploy().ok()
    return first, site.live


# -- what runs where


def test_a_deploy_compiles_on_every_host_and_migrates_on_one(shop: Shop) -> None:
    site = shop(2)
    site.deploy().ok()
    made = calls(site)
    compiled = [[host, site.live, "assets:precompile", "", "production", "", ""] for host in ("web1", "web2")]
    assert sorted(made[:2]) == compiled
    assert made[2:] == [["web1", site.live, what, "", "production", "", ""] for what in ("db:migrate", "runner")]
    assert os.readlink(site.host().release(site.live) / "public/assets") == str(public(site))
    site.assert_healthy()


def test_a_rollback_only_asks_the_live_code_for_migrations(shop: Shop) -> None:
    site = shop(2)
    first, second = twice(site, {"shop.css": "black\n"})
    calls(site)
    done = site.rollback().ok()
    assert [call[:3] for call in calls(site)] == [["web1", second, "runner"]]
    assert f"release {second} had no migration that this release lacks" in done.out
    assert site.live == first


@pytest.mark.extended("recipe")
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "production"),
        ({"rails_env": "live"}, "live"),
        ({"default_env": {"RAILS_ENV": "staging"}}, "staging"),
        ({"default_env": {"RAILS_ENV": "staging"}, "rails_env": "live"}, "live"),
    ],
)
def test_rails_env_is_the_option_else_that_of_the_host_else_the_stage(
    shop: Shop, options: dict[str, Any], expected: str
) -> None:
    site = shop(**options)
    site.deploy().ok()
    assert {call[4] for call in calls(site)} == {expected}


def test_tasks_on_demand_run_on_the_primary_in_the_live_release(shop: Shop, env: dict[str, str]) -> None:
    site = shop(2, rails_env="live")
    site.deploy().ok()
    calls(site)
    site.doit("rails.rake:production", "--", "db:seed", "VERBOSE=1").ok()
    site.doit("rails.rake:production", "hosts=web2", "--", "db:version").ok()
    with Typist([sys.executable, "-m", "doit", "rails.console:production"], site.project.path, env) as typist:
        assert typist.wait_for_end() == 0
    made = [("web1", "db:seed"), ("web2", "db:version"), ("web1", "console")]
    assert calls(site) == [[host, site.live, what, "", "live", "", ""] for host, what in made]


@pytest.mark.extended("recipe")
def test_rake_without_a_task_says_what_to_type(shop: Shop) -> None:
    site = shop()
    site.deploy().ok()
    assert "such as: doit rails.rake:production -- db:version" in site.doit("rails.rake:production").failed().out


@pytest.mark.extended("recipe")
def test_options_change_the_commands(shop: Shop) -> None:
    site = shop(
        command=["sh", "-c", 'exec bin/rails "$@"', "rails"],
        assets_groups="assets",
        migration_command="db:migrate:up",
        migrate=True,
    )
    site.commit({"bin/rails": RAILS.replace('os.environ["VERSION"]', '"20260101000000"', 1)})
    site.deploy().ok()
    assert [call[2:] for call in calls(site)][:2] == [
        ["assets:precompile", "", "production", "assets", ""],
        ["db:migrate:up", "", "production", "", ""],
    ]


@pytest.mark.extended("recipe")
def test_commands_that_are_turned_off_do_not_run(shop: Shop) -> None:
    site = shop(assets=False, migrate=False)
    twice(site)
    site.rollback().ok()
    assert calls(site) == []
    assert not public(site).exists()


@pytest.mark.extended("recipe")
def test_roles_choose_the_hosts(stage: Any) -> None:
    recipes = {"rails": {"roles": ["app"], "migration_roles": ["web"]}}
    site = stage(hosts=1, roles=("web", "app"), recipes=recipes, files=CODE)
    site.deploy().ok()
    assert tasks(site) == ["assets:precompile", "db:migrate", "runner"]
    site.project.config(recipes={"rails": {"roles": ["ap"]}})
    assert "option roles: no host has the role ap; did you mean app?" in site.deploy().failed(3).out


@pytest.mark.extended("recipe")
def test_a_no_release_host_cannot_migrate_and_is_refused_before_any_change(shop: Shop) -> None:
    site = shop(2)
    site.project.hosts["web1"].update(roles=["db"], no_release=True)
    site.project.config()
    done = site.deploy().failed()
    assert "web1: receives no code (no_release), so it cannot migrate; set migration_roles" in done.out
    assert calls(site) == []


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"command": []}, "command must not be empty"),
        *further(
            ({"assets_prefix": "../x"}, "assets_prefix must be a directory below public, not '../x'"),
            ({"assets_prefix": "/x"}, "assets_prefix must be a directory below public, not '/x'"),
            (
                {"assets_manifests": ["a b"]},
                "a pattern of assets_manifests must be one word without a slash, not 'a b'",
            ),
        ),
    ],
)
def test_invalid_options_of_rails_are_refused(shop: Shop, options: dict[str, Any], complaint: str) -> None:
    assert complaint in shop(**options).deploy().failed(3).out


@pytest.mark.parametrize(
    ("what", "complaint"),
    [
        ("assets:precompile", "the assets could not be compiled: exit status 1"),
        *further(
            ("db:migrate", "the database could not be migrated: exit status 1"),
            ("runner", "the migrations of the database could not be listed: exit status 1"),
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
    assert "restore_link" not in done.out, "the program itself is nothing to show"
    assert site.live == first
    assert site.host("web1").releases == site.host("web2").releases == [first]
    for host, was in zip(("web1", "web2"), before, strict=True):
        assert {name: served(site, host)[name] for name in was} == was
    site.commit({"fails": ""})
    site.deploy().ok()
    assert (style(site, "web2"), len(database(site))) == ("black", 2)


@pytest.mark.extended("recipe")
def test_a_missing_program_is_reported(shop: Shop) -> None:
    site = shop(command=["bin/no-rails"])
    done = site.deploy().failed()
    assert "the assets could not be compiled: bin/no-rails cannot be run; see the option command" in done.out


# -- assets


@pytest.mark.extended("recipe")
def test_the_style_sheet_changes_with_the_publish_and_the_rollback(shop: Shop) -> None:
    site = shop(2)
    twice(site, {"shop.css": "black\n", "plain": "other\n"})
    for host in ("web1", "web2"):
        assert (style(site, host), served(site, host)["fonts/plain.txt"]) == ("black", "other\n")
    assert is_link(site)
    site.rollback().ok()
    for host in ("web1", "web2"):
        assert (style(site, host), served(site, host)["fonts/plain.txt"]) == ("green", "plain\n")
    assert is_link(site)
    site.assert_healthy()


@pytest.mark.extended("recipe")
@pytest.mark.parametrize("named", [SPROCKETS, ".manifest.json", "manifest.json", "manifest-abc.json"])
def test_the_manifest_is_restored_whatever_its_name(shop: Shop, named: str) -> None:
    site = shop(files={"manifest": named})
    twice(site, {"shop.css": "black\n"})
    assert style(site) == "black"
    calls(site)
    site.rollback().ok()
    assert style(site) == "green"
    assert is_link(site)
    assert "assets:precompile" not in tasks(site)


@pytest.mark.extended("recipe")
@pytest.mark.parametrize(("before", "after"), [(SPROCKETS, ".manifest.json"), (".manifest.json", SPROCKETS)])
def test_a_release_may_have_another_kind_of_manifest(shop: Shop, before: str, after: str) -> None:
    site = shop(files={"manifest": before})
    first, second = twice(site, {"shop.css": "black\n", "manifest": after})
    assert os.listdir(kept(site, second) / "assets_manifest_backup") == manifests(site)
    assert (style(site), is_link(site)) == ("black", True)
    site.rollback().ok()
    assert os.listdir(kept(site, first) / "assets_manifest_backup") == manifests(site)
    assert (style(site), is_link(site)) == ("green", True)


@pytest.mark.extended("recipe")
def test_before_the_publish_files_are_only_added(shop: Shop) -> None:
    site = shop()
    site.deploy().ok()
    before = served(site)
    site.commit({"shop.css": "black\n", "plain": "other\n"})
    with site.fail_at("publishing", when="before"):
        site.deploy().failed()
    after = served(site)
    assert {name: after[name] for name in before} == before
    assert {after[name] for name in after.keys() - before.keys()} >= {"black\n"}
    assert style(site) == "green"

    site.deploy().ok()
    before = served(site)
    with site.fail_at("publishing", when="before"):
        site.rollback().failed()
    assert served(site) == before


@pytest.mark.extended("recipe")
@pytest.mark.parametrize("flow", ["deploy", "rollback"])
def test_the_live_release_and_its_manifest_match_at_the_switch(shop: Shop, flow: str) -> None:
    site = shop()
    twice(site, {"shop.css": "black\n"})
    site.commit({"shop.css": "blue\n"})
    with site.kill_at("publishing", when="after"):
        getattr(site, flow)().failed(-9)
    assert style(site) == (kept(site, site.live) / "shop.css").read_text().strip()
    assert style(site) == {"deploy": "blue", "rollback": "green"}[flow]


@pytest.mark.extended("recipe")
@pytest.mark.parametrize("step", ["updating", "updated", "publishing"])
def test_a_deploy_killed_before_the_switch_leaves_the_manifest(shop: Shop, step: str) -> None:
    site = shop()
    site.deploy().ok()
    before = served(site)
    site.commit({"shop.css": "black\n"})
    with site.kill_at(step, when="before"):
        site.deploy().failed(-9)
    assert {name: served(site)[name] for name in before} == before
    assert style(site) == "green"
    site.deploy().ok()
    assert style(site) == "black"
    site.assert_healthy()


@pytest.mark.extended("recipe")
def test_assets_are_compiled_in_a_private_directory(shop: Shop) -> None:
    site = shop()
    site.deploy().ok()
    before = served(site)
    spy = RAILS.replace(
        'if what == "assets:pre', 'print(sorted(os.listdir(public.parent / "assets")))\nif what == "assets:pre', 1
    )
    site.commit({"shop.css": "black\n", "bin/rails": spy})
    done = site.deploy().ok()
    (name,) = manifests(site)
    assert f"web1 | ['{name}']" in done.out, "with the manifest, and without files"
    history = json.loads((public(site) / name).read_text())["files"]
    assert {served(site)[file] for file in history} == {"green\n", "black\n"}, "Sprockets goes on with the manifest"
    assert {file: served(site)[file] for file in before if "css" in file} == {
        file: text for file, text in before.items() if "css" in file
    }


@pytest.mark.extended("recipe")
def test_a_release_without_manifest_fails_the_deploy(shop: Shop) -> None:
    site = shop(files={"manifest": "none"})
    done = site.deploy().failed()
    assert (
        "assets:precompile created no manifest in public/assets; expected a name like .sprockets-manifest" in done.out
    )
    site.project.config(recipes={"rails": {"assets_manifests": []}})
    site.deploy().ok()
    site.deploy().ok()
    site.rollback().ok()
    assert tasks(site).count("assets:precompile") == 3


@pytest.mark.extended("recipe")
def test_assets_are_not_compiled_into_the_live_directory(shop: Shop) -> None:
    site = shop()
    site.deploy().ok()
    before = served(site)
    done = site.doit("run", "-s", "deploy:production:rails.precompile_assets").failed()
    assert "is live; its assets cannot be compiled while they are served" in done.out
    assert served(site) == before
    assert (kept(site, site.live) / "public/assets").is_symlink()


@pytest.mark.extended("recipe")
def test_removed_files_are_restored_with_their_release(shop: Shop) -> None:
    site = shop()
    first, _ = twice(site, {"shop.css": "black\n"})
    for path in public(site).glob("shop-*"):
        path.unlink()
    calls(site)
    site.rollback().ok()
    assert (site.live, style(site)) == (first, "green")
    assert "assets:precompile" not in tasks(site), "they were kept"


@pytest.mark.extended("recipe")
@pytest.mark.parametrize("gone", ["manifest", *further("files", "both")])
def test_assets_that_were_not_kept_are_compiled_in_the_rollback(shop: Shop, gone: str) -> None:
    site = shop(2)
    first, _ = twice(site, {"shop.css": "black\n"})
    release, shipped = kept(site, first), served(site)
    if gone != "files":
        shutil.rmtree(release / "assets_manifest_backup")
    if gone != "manifest":
        shutil.rmtree(release / ".capdoit-assets")
        for path in public(site).glob("shop-*"):
            path.unlink()
    age = release.stat().st_mtime_ns
    calls(site)
    done = site.rollback("force=yes").ok()
    why = (
        "assets that the manifest names are lost, such as shop-"
        if gone == "files"
        else "the release kept no manifest of its assets"
    )
    assert why in done.out
    assert [call[:3] for call in calls(site) if "assets" in call[2]] == [["web1", first, "assets:precompile"]]
    assert (style(site, "web1"), style(site, "web2")) == ("green", "green")
    assert release.stat().st_mtime_ns == age, "what goes by the age of releases sees no change"
    assert (release / "public/assets").is_symlink()
    assert shipped.keys() - served(site).keys() <= {
        name for name in shipped if shipped[name] == "black\n" or "gz" in name
    }


@pytest.mark.extended("recipe")
def test_a_matching_manifest_is_not_changed_by_recompiling(shop: Shop) -> None:
    site = shop()
    first, _ = twice(site, {"shop.css": "black\n"})
    (backup,) = (kept(site, first) / "assets_manifest_backup").iterdir()
    before = backup.read_bytes()
    shutil.rmtree(kept(site, first) / ".capdoit-assets")
    for path in public(site).glob("shop-*"):
        path.unlink()
    site.rollback("force=yes").ok()
    assert backup.read_bytes() == before


@pytest.mark.extended("recipe")
def test_a_rollback_whose_assets_cannot_be_compiled_leaves_the_live_release(shop: Shop) -> None:
    site = shop(2)
    first, second = twice(site, {"shop.css": "black\n"})
    broken = site.host("web2").release(first)
    shutil.rmtree(broken / "assets_manifest_backup")
    (broken / "fails").write_text("assets:precompile")
    age = broken.stat().st_mtime_ns
    done = site.rollback("force=yes").failed()
    assert "the assets of the target release could not be restored: exit status 1" in done.out
    assert site.live == second
    assert style(site, "web1") == style(site, "web2") == "black"
    assert (broken / "public/assets").is_symlink()
    assert broken.stat().st_mtime_ns == age
    (broken / "fails").write_text("")
    site.rollback("force=yes").ok()
    assert style(site, "web2") == "green"


@pytest.mark.extended("recipe")
def test_a_rollback_killed_while_compiling_is_repaired_by_the_next(shop: Shop) -> None:
    site = shop()
    first, _ = twice(site, {"shop.css": "black\n"})
    release = kept(site, first)
    shutil.rmtree(release / "assets_manifest_backup")
    (release / "public/assets").rename(release / ".capdoit-assets/link")
    (release / "public/assets").mkdir()
    (release / "public/assets/half").touch()
    site.rollback("force=yes").ok()
    assert style(site) == "green"
    assert (release / "public/assets").resolve() == public(site).resolve()
    assert "half" not in served(site)


@pytest.mark.extended("recipe")
def test_assets_inside_a_release_are_not_changed(shop: Shop) -> None:
    site = shop(assets=False, files={"public/assets/mine.css": "mine\n"})
    site.deploy().ok()
    site.project.config(recipes={"rails": {}})
    site.commit({"public/assets/mine.css": None})
    site.deploy().ok()
    before = served(site)
    assert "public/assets is a directory of this release and is left unchanged" in site.rollback().ok().out
    assert (site.host().deploy_to / "current/public/assets/mine.css").read_text() == "mine\n"
    assert {name: served(site).get(name) for name in before if "css" in name}


@pytest.mark.extended("recipe")
def test_a_manifest_of_capistrano_belongs_to_its_release(shop: Shop) -> None:
    site = shop(assets=False)
    site.project.config(linked_dirs=["public/assets"])
    site.deploy().ok()
    first = site.live
    (public(site) / "shop-1.css").write_text("by hand\n")
    left = public(site) / ".sprockets-manifest-0.json"
    left.write_text('{"files": {}, "assets": {"shop.css": "shop-1.css"}}')
    age = kept(site, first).stat().st_mtime_ns

    site.project.config(recipes={"rails": {}})
    with site.fail_at("publishing", when="before"):
        site.deploy().failed()
    assert (style(site), left.is_symlink()) == ("by hand", False)
    site.deploy().ok()
    assert (style(site), is_link(site)) == ("green", True)
    assert manifests(site) == [left.name], "Sprockets takes any that it finds"
    assert kept(site, first).stat().st_mtime_ns == age
    calls(site)
    site.rollback().ok()
    assert (site.live, style(site)) == (first, "by hand")
    assert tasks(site) == ["runner"]


@pytest.mark.extended("recipe")
@pytest.mark.parametrize("taken_over", [False, True])
def test_the_first_publish_creates_the_manifest(shop: Shop, taken_over: bool) -> None:
    site = shop(assets=not taken_over)
    if taken_over:
        site.project.config(linked_dirs=["public/assets"])
        site.deploy().ok()
        (public(site) / "shop-1.css").write_text("by hand\n")
        for place in (public(site), kept(site, site.live) / "assets_manifest_backup"):
            place.mkdir(exist_ok=True)
            (place / ".sprockets-manifest-0.json").write_text('{"files": {}, "assets": {"shop.css": "shop-1.css"}}')
        site.project.config(recipes={"rails": {}})
        with site.fail_at("publishing", when="before"):
            site.deploy().failed()
        assert style(site) == "by hand"
    with site.kill_at("publishing"):
        site.deploy().failed(-9)
    assert (style(site), is_link(site)) == ("green", True)


@pytest.mark.extended("recipe")
def test_an_archived_release_contains_its_assets(shop: Shop) -> None:
    site = shop(migrate=False)
    first, second = twice(site, {"shop.css": "black\n"})
    site.rollback().ok()
    for path in public(site).glob("shop-*"):
        if path.read_text() != "green\n":
            path.unlink()
    calls(site)
    site.rollback(f"rollback_release={second}").ok()
    assert (site.live, style(site)) == (second, "black")
    assert calls(site) == []
    for release in (first, second):
        site.doit("cap", "verify", "production", release).ok()


# -- old assets


@pytest.mark.extended("recipe")
def test_old_assets_are_removed_when_no_release_needs_them(shop: Shop) -> None:
    site = shop(keep_assets=0, keep_releases=2)
    for colour in ("green", "black", "blue"):
        site.commit({"shop.css": f"{colour}\n"})
        done = site.deploy().ok()
        (name,) = manifests(site)
        assert len(json.loads((public(site) / name).read_text())["files"]) == 1
    assert {text for name, text in served(site).items() if name.endswith(".css")} == {"black\n", "blue\n"}
    assert "removed old asset files that no release needs: 2" in done.out, "and its .gz"
    assert served(site)["fonts/plain.txt"] == "plain\n"
    assert [call[2:4] for call in calls(site)].count(["assets:clean", "0"]) == 3
    site.rollback().ok()
    assert style(site) == "black"
    site.assert_healthy()


@pytest.mark.extended("recipe")
def test_old_assets_are_not_removed_before_the_publish(shop: Shop) -> None:
    site = shop(keep_assets=0, keep_releases=1)
    twice(site, {"shop.css": "black\n"})
    before = served(site)
    site.commit({"shop.css": "blue\n"})
    with site.fail_at("publishing", when="before"):
        site.deploy().failed()
    assert {name: served(site)[name] for name in before} == before
    site.deploy().ok()
    assert {text for name, text in served(site).items() if name.endswith(".css")} == {"black\n", "blue\n"}


@pytest.mark.extended("recipe")
def test_old_assets_that_cannot_be_removed_are_a_warning(shop: Shop) -> None:
    site = shop(keep_assets=0, keep_releases=1)
    twice(site, {"shop.css": "black\n"})
    site.commit({"shop.css": "blue\n"})
    site.stand_in("rm", script='case "$2" in */shop-*.css) exit 9 ;; *) exec /bin/rm "$@" ;; esac')
    done = site.deploy().ok()
    assert "old assets could not be removed: exit status 9" in done.out
    assert style(site) == "blue"


@pytest.mark.extended("recipe")
def test_kept_files_have_the_times_of_the_release(shop: Shop) -> None:
    site = shop(2, files={"public/images/a.png": "a"}, normalize_asset_timestamps=["public/images", "public/none"])
    site.deploy().ok()
    times = {site.host(name).release(site.live) / "public/images/a.png" for name in ("web1", "web2")}
    assert len({path.stat().st_mtime for path in times}) == 1
    stamp = next(iter(times)).stat().st_mtime
    assert f"{datetime.datetime.fromtimestamp(stamp, datetime.timezone.utc):%Y%m%d%H%M%S}" == site.live


# -- what a manifest names


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            ".sprockets-manifest-1.json",
            '{"files":{"a-0.css":{"logical_path":"a.css","digest":"0"}},"assets":{"a.css":"a-1.css","b/c.js":"b\\/c-2.js"}}',
            ["a-1.css", "b/c-2.js"],
        ),
        (".manifest.json", '{"a.css":"a-1.css"}', ["a-1.css"]),
        (".manifest.json", '{\n "a.css": {\n  "digested_path": "a-1.css",\n  "integrity": "x-/+"\n }\n}', ["a-1.css"]),
        (
            "manifest.json",
            '{"a.js": "/assets/a-1.js", "c.js": "https://cdn/c.js", "entrypoints": {"a": {"js": ["/assets/x.js"]}}}',
            ["a-1.js"],
        ),
        ("manifest.json", '{"a\\"b.css": "a\\"b-1.css", "c": "../../etc/passwd", "e": "\\u00e4.css"}', ['a"b-1.css']),
        ("manifest.yml", "---\na.css: a-1.css\nb.js: \"b-2.js\"\n", ["a-1.css", "b-2.js"]),
        ("manifest.json", "", []),
    ],
)  # fmt: skip
@pytest.mark.parametrize("shell", [["dash"], ["bash", "--posix"], ["busybox", "ash"]], ids=" ".join)
def test_the_files_of_a_manifest_are_found(
    tmp_path: Path, shell: list[str], name: str, text: str, expected: list[str]
) -> None:
    release = tmp_path / "releases/1"
    (release / "assets_manifest_backup").mkdir(parents=True)
    (release / "assets_manifest_backup" / name).write_text(text)
    program = SCRIPT.read_text().rpartition("\ncase $action in")[0] + '\nlist_named_files "$backup_dir"\n'
    patterns = ".sprockets-manifest-*.json .manifest.json manifest.json manifest.yml"
    run = [*shell, "-c", program, "rails", "", str(release), str(tmp_path), "assets", "", "", patterns]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    assert (done.stdout.splitlines(), done.stderr) == (expected, "")


# -- migrations


def test_a_rollback_names_the_migrations_that_the_release_lacks(shop: Shop) -> None:
    site = shop(assets=False)
    _, second = twice(site)
    done = site.rollback().failed()
    assert "recipe rails: web1 has changes that release" in done.out
    assert f"  {PRICE}\n" in done.out
    assert f"  {FIRST}\n" not in done.out
    assert site.live == second


@pytest.mark.extended("recipe")
def test_migrations_are_reverted_newest_first_by_the_live_code(shop: Shop) -> None:
    site = shop(assets=False)
    first, second = twice(site, {**SECOND, f"db/migrate/{ORIGIN}.rb": ""})
    calls(site)
    done = site.rollback("migrations=back").ok()
    downs = [(call[1], call[6]) for call in calls(site) if call[2] == "db:migrate:down"]
    assert downs == [(second, "20260303000000"), (second, "20260202000000")]
    assert (site.live, database(site)) == (first, ["20260101000000"])
    assert f"release {second} had migrations that this release lacks:" in done.out
    assert f"  {PRICE}: not in the database" in done.out


@pytest.mark.extended("recipe")
def test_a_migration_that_cannot_be_reverted_has_the_others_applied_again(shop: Shop) -> None:
    site = shop(2, assets=False)
    _, second = twice(site, {**SECOND, f"db/migrate/{ORIGIN}.rb": "", "one_way": "20260202000000"})
    done = site.rollback("migrations=back").failed()
    assert f"{PRICE} could not be reverted: exit status 1" in done.out
    assert "ActiveRecord::IrreversibleMigration" in done.out
    assert f"reverted and applied again, but the data of their columns and tables is lost: {ORIGIN}" in done.out
    assert (site.live, len(database(site))) == (second, 3)


@pytest.mark.extended("recipe")
def test_a_migration_that_the_live_release_lacks_is_not_reverted(shop: Shop) -> None:
    site = shop(assets=False)
    _, second = twice(site, {**SECOND, f"db/migrate/{ORIGIN}.rb": ""})
    (kept(site, second) / f"db/migrate/{PRICE}.rb").unlink()
    done = site.rollback("migrations=back").failed()
    assert "20260202000000: the live release has no such migration; no migration was reverted" in done.out
    assert (site.live, len(database(site))) == (second, 3)


@pytest.mark.extended("recipe")
def test_migrations_that_are_kept_are_reported(shop: Shop) -> None:
    site = shop(assets=False)
    first, second = twice(site)
    done = site.rollback("migrations=keep").ok()
    assert f"release {second} had migrations that this release lacks:" in done.out
    assert f"  {PRICE}: still in the database" in done.out
    assert site.live == first


@pytest.mark.extended("recipe")
def test_a_failing_migration_report_is_a_warning(shop: Shop) -> None:
    site = shop(assets=False)
    first, second = twice(site)
    (kept(site, first) / "fails").write_text("runner")
    done = site.rollback("migrations=keep", "force=yes").ok()
    assert f"the migrations of release {second} could not be checked" in done.out
    assert site.live == first


@pytest.mark.extended("recipe")
def test_missing_migrations_after_rolling_forward_are_reported(shop: Shop) -> None:
    site = shop(assets=False)
    first, second = twice(site)
    site.rollback("migrations=back").ok()
    assert site.live == first
    done = site.rollback(f"rollback_release={second}").ok()
    assert "this release has migrations that the database lacks:" in done.out
    assert f"  {PRICE}\n" in done.out


@pytest.mark.extended("recipe")
def test_a_migration_applied_when_the_release_was_live_does_not_prevent_a_rollback(shop: Shop) -> None:
    site = shop(assets=False, files={f"db/migrate/{PRICE}.rb": ""})
    site.deploy().ok()
    site.commit({f"db/migrate/{PRICE}.rb": None})  # the code is removed, but the database still has the migration
    first, _ = twice(site, {"app.txt": "third\n"})
    site.rollback().ok()
    assert site.live == first


@pytest.mark.extended("recipe")
def test_a_migration_is_known_by_its_number_whatever_its_name_or_directory(shop: Shop) -> None:
    site = shop(assets=False)
    site.commit({"db/more_migrate/20260202000000_price.rb": ""})
    site.deploy("skip=rails.migrate").ok()
    first = site.live
    site.commit({f"db/migrate/{PRICE}.rb": "", "db/more_migrate/20260202000000_price.rb": None})
    site.deploy().ok()
    site.rollback().ok()
    assert site.live == first


@pytest.mark.extended("recipe")
@pytest.mark.parametrize("recorded", [True, False])
def test_the_recorded_migrations_count_when_the_code_cannot_list_them(shop: Shop, recorded: bool) -> None:
    site = shop(assets=False)
    first, second = twice(site)
    shutil.rmtree(kept(site, first) / "db")
    if not recorded:
        (site.host().deploy_to / ".capdoit/journal").write_text("")
    done = site.rollback("force=yes", f"rollback_release={first}")
    if recorded:
        assert f"  {PRICE}\n" in done.failed().out
        assert site.live == second


@pytest.mark.extended("recipe")
def test_an_unreachable_database_stops_a_rollback(shop: Shop) -> None:
    site = shop(assets=False)
    _, second = twice(site)
    (kept(site, second) / "fails").write_text("runner")
    assert "the migrations of the database could not be listed" in site.rollback().failed().out
    assert site.live == second


@pytest.mark.extended("recipe")
def test_db_migrate_does_not_run_when_db_did_not_change(shop: Shop) -> None:
    site = shop(assets=False, conditionally_migrate=True)
    site.deploy().ok()
    first = site.live
    assert tasks(site) == ["db:migrate", "runner"]
    site.commit({"app.txt": "second\n"})
    done = site.deploy().ok()
    assert f"db is unchanged since release {first}; no migration to apply" in done.out
    assert tasks(site) == ["runner"]
    site.commit(SECOND)
    site.deploy().ok()
    assert tasks(site) == ["db:migrate", "runner"]


@pytest.mark.extended("recipe")
def test_a_reverted_migration_is_applied_by_the_next_deploy(
    shop: Shop,
) -> None:
    site = shop(conditionally_migrate=True)
    _, second = twice(site)
    site.rollback("migrations=back").ok()
    site.rollback(f"rollback_release={second}").ok()
    assert PRICE.split("_", maxsplit=1)[0] not in database(site)
    site.commit({"app.txt": "third\n"})
    site.deploy().ok()
    assert PRICE.split("_", maxsplit=1)[0] in database(site)
    site.commit({"app.txt": "fourth\n"})
    assert "db is unchanged since release" in site.deploy().ok().out


@pytest.mark.extended("recipe")
def test_a_skipped_migration_is_applied_by_the_next_deploy(shop: Shop) -> None:
    site = shop(conditionally_migrate=True)
    site.deploy().ok()
    site.commit(SECOND)
    site.deploy("skip=rails.migrate").ok()
    assert PRICE.split("_", maxsplit=1)[0] not in database(site)
    site.commit({"app.txt": "third\n"})
    site.deploy().ok()
    assert PRICE.split("_", maxsplit=1)[0] in database(site)


@pytest.mark.extended("recipe")
def test_the_hook_migrate_run_alone_migrates(shop: Shop) -> None:
    site = shop(conditionally_migrate=True)
    site.deploy().ok()
    (site.host().deploy_to.parent / "database").unlink()
    site.doit("run", "-s", "deploy:production:rails.migrate").ok()
    assert database(site) == [FIRST.split("_", maxsplit=1)[0]]


@pytest.mark.extended("recipe")
def test_a_shared_directory_around_the_assets_is_refused(shop: Shop) -> None:
    site = shop()
    site.project.config(linked_dirs=["public"])
    said = site.deploy().failed().out
    assert "remove its parent directory from linked_dirs" in said
