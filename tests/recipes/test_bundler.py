"""The recipe bundler: gems are installed before the publish, and in a rollback only if some are missing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import further

# A Bundler whose gems are the words of Gemfile.lock, each a directory below the path that its settings say.
BUNDLE = """
place=.
case ${BUNDLE_GEMFILE:-} in "$PWD"/*/*) place=${BUNDLE_GEMFILE%/*} ;; esac
settings=${BUNDLE_APP_CONFIG:-$place/.bundle}
path=$(sed -n 's/^path: //p' "$settings/config" 2>/dev/null)
case $1 in
    config)
        mkdir -p "$settings"
        echo "$4: $5" >>"$settings/config"
        sort -u -o "$settings/config" "$settings/config"
        ;;
    check) for gem in $(cat "$BUNDLE_GEMFILE.lock"); do [ -d "$path/$gem" ] || exit 1; done ;;
    install)
        for gem in $(cat "$BUNDLE_GEMFILE.lock"); do
            mkdir -p "$path/$gem"
            if [ "$gem" = broken ]; then echo "cannot install $gem" >&2; exit 5; fi
        done
        ;;
esac
"""
CODE = {"Gemfile": "gem 'tea'\n", "Gemfile.lock": "tea-1\n"}
Shop = Callable[..., Any]


@pytest.fixture
def shop(stage: Any) -> Shop:
    """Return a function that makes a stage with a stand-in for Bundler."""

    def make(hosts: int = 1, files: dict[str, Any] | None = None, **options: Any) -> Any:
        settings = {name: options.pop(name) for name in ("linked_dirs", "default_env") if name in options}
        site = stage(hosts=hosts, recipes={"bundler": options}, files={**CODE, **(files or {})}, **settings)
        site.stand_in("bundle", script=BUNDLE)
        return site

    return make


def verbs(site: Any) -> list[str]:
    """Return the calls since the last time, without `bundle config`."""
    calls = [call.argv[0] for call in site.calls("bundle")]
    before = getattr(site, "seen", 0)
    site.seen = len(calls)
    return [verb for verb in calls[before:] if verb != "config"]


def settings_of(site: Any, release: str, place: str = ".") -> list[str]:
    lines: list[str] = (site.host().release(release) / place / ".bundle/config").read_text().splitlines()
    return lines


def gems(site: Any, path: str = "bundle") -> list[str]:
    return sorted(each.name for each in (site.host().shared / path).iterdir() if each.name != ".capdoit")


# -- a deploy


def test_bundler_config_and_gems_are_ready_before_the_publish(shop: Shop) -> None:
    site = shop(2)
    site.deploy().ok()
    installs = [call for call in site.calls("bundle") if call.argv[0] == "install"]
    assert {call.argv for call in installs} == {("install", "--jobs", "4", "--quiet")}
    assert sorted(str(call.host) for call in installs) == ["web1", "web2"]
    assert {Path(call.cwd).name for call in installs} == {site.live}
    path = site.host().shared / "bundle"
    assert settings_of(site, site.live) == ["deployment: true", f"path: {path}", "without: development:test"]
    assert gems(site) == ["tea-1"]
    site.assert_healthy()


@pytest.mark.extended("recipe")
def test_options_change_the_commands(shop: Shop) -> None:
    files = {"Gemfile": None, "Gemfile.lock": None, "conf/Gemfile": "gem 'tea'\n", "conf/Gemfile.lock": "tea-2\n"}
    site = shop(path="shared/gems", without=[], jobs=2, flags=["--local", "--no-cache"], gemfile="conf/Gemfile")
    site.commit(files)
    site.deploy().ok()
    (call,) = [call for call in site.calls("bundle") if call.argv[0] == "install"]
    assert call.argv == ("install", "--jobs", "2", "--local", "--no-cache")
    assert call.env["BUNDLE_GEMFILE"] == f"{site.host().release(site.live)}/conf/Gemfile"
    assert settings_of(site, site.live, "conf") == ["deployment: true", f"path: {site.host().shared / 'gems'}"]
    assert settings_of(site, site.live) == ["gemfile: conf/Gemfile"]
    assert gems(site, "gems") == ["tea-2"]


def test_nothing_is_installed_when_the_lock_file_did_not_change(shop: Shop) -> None:
    site = shop()
    site.deploy().ok()
    assert verbs(site) == ["install"]
    site.commit({"app.txt": "second\n"})
    assert "the gems of Gemfile.lock are installed" in site.deploy().ok().out
    assert verbs(site) == ["check"]
    site.commit({"Gemfile.lock": "tea-2\n"})
    site.deploy().ok()
    assert verbs(site) == ["install"]
    assert gems(site) == ["tea-1", "tea-2"], "the release before needs its own"


@pytest.mark.extended("recipe")
def test_an_interrupted_installation_is_repeated(shop: Shop) -> None:
    site = shop()
    site.deploy().ok()
    first = site.live
    site.commit({"Gemfile.lock": "broken\n"})
    done = site.deploy().failed()
    assert "the gems could not be installed: exit status 5" in done.out
    assert "cannot install broken" in done.out
    assert "write_settings()" not in done.out, "the program itself is nothing to show"
    assert (site.live, site.host().releases) == (first, [first])
    verbs(site)
    site.stand_in("bundle", script=BUNDLE.replace("broken", "-"))
    site.deploy().ok()
    assert verbs(site) == ["install"]


@pytest.mark.extended("recipe")
def test_removed_gems_are_installed_again(shop: Shop) -> None:
    site = shop()
    site.deploy().ok()
    (site.host().shared / "bundle/tea-1").rmdir()
    verbs(site)
    site.deploy().ok()
    assert verbs(site) == ["check", "install"]
    assert gems(site) == ["tea-1"]


@pytest.mark.parametrize(
    ("files", "options", "complaint"),
    [
        ({"Gemfile.lock": None}, {}, "Gemfile.lock is not in the release; commit it"),
        *further(
            ({"Gemfile": None}, {}, "Gemfile is not in the release; set the option gemfile"),
            ({}, {"jobs": 0}, "jobs must be at least 1"),
            ({}, {"path": ".."}, "path must be a directory for gems, not '..'"),
            ({}, {"gemfile": "/etc/Gemfile"}, "gemfile must be a path in the release, not '/etc/Gemfile'"),
        ),
    ],
)
def test_a_bundle_that_cannot_be_installed_fails_the_deploy(
    shop: Shop, files: dict[str, Any], options: dict[str, Any], complaint: str
) -> None:
    site = shop(**options)
    site.commit(files)
    assert complaint in site.deploy().failed(3 if options else 1).out
    assert site.live is None


@pytest.mark.extended("recipe")
def test_a_host_without_bundler_fails_the_deploy_with_a_message(stage: Any) -> None:
    site = stage(hosts=1, recipes={"bundler": {}}, files=CODE)
    site.stand_in("bundle", status=127)
    assert "bundle is not on the PATH" in site.deploy().failed().out


@pytest.mark.extended("recipe")
def test_gems_rb_is_accepted_as_gemfile(shop: Shop) -> None:
    site = shop(files={"gems.rb": "", "gems.locked": "tea-1\n"})
    site.commit({"Gemfile": None, "Gemfile.lock": None})
    site.stand_in("bundle", script=BUNDLE.replace("$BUNDLE_GEMFILE.lock", "gems.locked"))
    site.deploy().ok()
    assert gems(site) == ["tea-1"]


@pytest.mark.extended("recipe")
def test_no_release_hosts_get_no_gems(shop: Shop) -> None:
    site = shop(2)
    site.project.hosts["web2"]["no_release"] = True
    site.project.config()
    site.deploy().ok()
    assert {call.host for call in site.calls("bundle")} == {"web1"}


@pytest.mark.extended("recipe")
def test_a_shared_bundler_config_of_the_live_release_is_not_changed(shop: Shop) -> None:
    site = shop(linked_dirs=[".bundle"])
    site.deploy().ok()
    first = site.live
    site.deploy().ok()
    site.project.config(recipes={"bundler": {"path": "shared/gems"}})
    before = (site.host().shared / ".bundle/config").read_text()
    done = site.deploy().failed()
    assert "would change, and the live release reads it too" in done.out
    assert (site.host().shared / ".bundle/config").read_text() == before
    assert site.live != first


# -- a rollback


def test_a_rollback_installs_nothing_when_the_gems_are_there(shop: Shop) -> None:
    site = shop()
    site.deploy().ok()
    first = site.live
    site.commit({"Gemfile.lock": "tea-2\n"})
    site.deploy().ok()
    age = site.host().release(first).stat().st_mtime_ns
    verbs(site)
    site.rollback().ok()
    assert verbs(site) == ["check"]
    assert site.live == first
    assert site.host().release(first).stat().st_mtime_ns == age


@pytest.mark.extended("recipe")
def test_a_rollback_installs_missing_gems_with_the_config_of_the_release(shop: Shop) -> None:
    site = shop()
    site.deploy().ok()
    first = site.live
    before = settings_of(site, first)
    site.commit({"Gemfile.lock": "tea-2\n"})
    site.project.config(recipes={"bundler": {"without": ["test"]}})
    site.deploy().ok()
    (site.host().shared / "bundle/tea-1").rmdir()
    age = site.host().release(first).stat().st_mtime_ns
    done = site.rollback().ok()
    assert "some gems of Gemfile.lock are missing; installing them again" in done.out
    assert gems(site) == ["tea-1", "tea-2"]
    assert settings_of(site, first) == before
    assert site.host().release(first).stat().st_mtime_ns == age


@pytest.mark.extended("recipe")
def test_a_rollback_whose_gems_cannot_be_installed_leaves_the_live_release(shop: Shop) -> None:
    site = shop(2)
    site.deploy().ok()
    site.commit({"Gemfile.lock": "tea-2\n"})
    site.deploy().ok()
    second = site.live
    shutil.rmtree(site.host("web2").shared / "bundle/tea-1")
    site.stand_in("bundle", script=BUNDLE.replace('[ "$gem" = broken ]', "true"))
    done = site.rollback().failed()
    assert "gems of the target release are missing and could not be installed again: exit status 5" in done.out
    assert site.live == second


@pytest.mark.extended("recipe")
def test_a_rollback_to_a_release_from_before_the_recipe_changes_nothing_in_it(shop: Shop) -> None:
    site = shop()
    site.commit({"Gemfile": None, "Gemfile.lock": None})
    site.project.config(recipes={})
    site.deploy().ok()
    first = site.live
    site.project.config(recipes={"bundler": {}})
    site.commit(CODE)
    site.deploy().ok()
    assert "it was deployed without this recipe and is left unchanged" in site.rollback().ok().out
    assert site.live == first
