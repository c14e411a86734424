"""The recipe composer: packages are installed before the publish, and in a rollback only if some are missing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import further

# A Composer whose packages are the words of composer.lock, each a directory in vendor.
COMPOSER = """
has_all() { for package in $(cat composer.lock); do [ -d "vendor/$package" ] || return 1; done; }
case "$* " in
    *' --dry-run '*)
        case "$*" in *--quiet*) exit ;; esac
        if has_all; then echo 'Nothing to install, update or remove'; else echo 'Package operations: 1 install'; fi
        ;;
    *)
        for package in $(cat composer.lock); do
            mkdir -p "vendor/$package"
            if [ "$package" = broken ]; then echo "cannot install $package" >&2; exit 5; fi
        done
        : >vendor/autoload.php
        ;;
esac
"""
FLAGS = ("--no-dev", "--prefer-dist", "--no-interaction", "--optimize-autoloader", "--no-progress")
CODE = {"composer.json": "{}\n", "composer.lock": "tea-1\n"}
Shop = Callable[..., Any]


@pytest.fixture
def shop(stage: Any) -> Shop:
    """Return a function that makes a stage with a stand-in for Composer."""

    def make(hosts: int = 1, linked_dirs: tuple[str, ...] = (), **options: Any) -> Any:
        site = stage(hosts=hosts, recipes={"composer": options}, files=CODE, linked_dirs=list(linked_dirs))
        site.stand_in("composer", script=COMPOSER)
        return site

    return make


def runs(site: Any) -> list[str]:
    """Return the calls since the last time, as "install" or "check"."""
    calls = site.calls("composer")
    before = getattr(site, "seen", 0)
    site.seen = len(calls)
    return ["check" if "--dry-run" in call.argv else "install" for call in calls[before:]]


def packages(site: Any, release: str, vendor: str = "vendor") -> list[str]:
    return sorted(path.name for path in (site.host().release(release) / vendor).iterdir() if path.is_dir())


def deploy_twice(site: Any) -> tuple[str, str]:
    """Deploy two releases with different packages, and return their names."""
    site.deploy().ok()
    first = site.live
    site.commit({"composer.lock": "tea-2\n"})
    site.deploy().ok()
    runs(site)
    return first, site.live


# -- a deploy


def test_packages_are_installed_on_every_host_before_the_publish(shop: Shop) -> None:
    site = shop(2)
    with site.fail_at("updated", when="before"):
        site.deploy().failed()
    installed = site.calls("composer")
    assert {call.argv for call in installed} == {("install", *FLAGS)}
    assert sorted(str(call.host) for call in installed) == ["web1", "web2"]
    assert site.host().releases == []
    site.deploy().ok()
    assert {Path(call.cwd).name for call in site.calls("composer")[2:]} == {site.live}
    assert packages(site, site.live) == ["tea-1"]
    site.assert_healthy()


@pytest.mark.extended("recipe")
def test_options_change_the_command_and_its_directory(shop: Shop) -> None:
    site = shop(command=["nice", "composer"], flags=["--no-dev", "--classmap-authoritative"], directory="app")
    site.commit({"composer.json": None, "composer.lock": None, "app/composer.json": "{}", "app/composer.lock": "tea-2"})
    site.deploy().ok()
    (call,) = site.calls("composer")
    assert call.argv == ("install", "--no-dev", "--classmap-authoritative")
    assert call.cwd == f"{site.host().release(site.live)}/app"
    assert packages(site, site.live, "app/vendor") == ["tea-2"]


@pytest.mark.extended("recipe")
def test_no_release_hosts_and_hosts_without_the_role_get_no_packages(stage: Any) -> None:
    hosts = {"web1": {"roles": ["web"]}, "app1": {"roles": ["app"]}, "db1": {"roles": ["web"], "no_release": True}}
    site = stage(hosts=hosts, recipes={"composer": {}}, files=CODE)
    site.stand_in("composer", script=COMPOSER)
    site.deploy().ok()
    assert sorted(str(call.host) for call in site.calls("composer")) == ["app1", "web1"]
    site.project.config(recipes={"composer": {"roles": ["app"]}})
    site.deploy().ok()
    assert [call.host for call in site.calls("composer")[2:]] == ["app1"]


def test_an_installation_that_fails_leaves_the_live_release(shop: Shop) -> None:
    site = shop()
    site.deploy().ok()
    first = site.live
    site.commit({"composer.lock": "broken\n"})
    done = site.deploy().failed()
    assert "the packages could not be installed: exit status 5" in done.out
    assert "cannot install broken" in done.out
    assert "separate_vendor()" not in done.out, "the script itself is of no use in a message"
    assert (site.live, site.host().releases) == (first, [first])


@pytest.mark.parametrize(
    ("files", "settings", "complaint"),
    [
        ({"composer.lock": None}, {}, "composer.lock is not in the release; commit it"),
        *further(
            ({"composer.json": None}, {}, "composer.json is not in the release; set the option directory"),
            ({}, {"directory": "app"}, "app/composer.json is not in the release; set the option directory"),
            ({}, {"linked_dirs": ("vendor",)}, "vendor is a linked directory, and the live release uses it too"),
        ),
    ],
)
def test_a_release_whose_packages_cannot_be_installed_is_refused(
    shop: Shop, files: dict[str, Any], settings: dict[str, Any], complaint: str
) -> None:
    site = shop(**settings)
    site.commit(files)
    assert complaint in site.deploy().failed().out
    assert site.live is None
    assert site.calls("composer") == []


@pytest.mark.extended("recipe")
@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"directory": "../app"}, "directory must be a path in the release, not '../app'"),
        ({"command": []}, "command must not be empty"),
        ({"flag": ["--no-dev"]}, "recipe composer"),
    ],
)
def test_a_wrong_option_is_refused_before_a_host_is_asked(shop: Shop, options: dict[str, Any], complaint: str) -> None:
    done = shop(**options).deploy().failed(3)
    assert complaint in done.out
    assert "deploy.yml:" in done.out


@pytest.mark.extended("recipe")
def test_a_host_without_composer_fails_the_deploy_with_a_message(shop: Shop) -> None:
    site = shop()
    site.stand_in("composer", status=127)
    assert "composer is not on the PATH; install it, or set the option command" in site.deploy().failed().out


# -- a rollback


def test_a_rollback_only_checks_packages_that_are_there(shop: Shop) -> None:
    site = shop()
    first, _ = deploy_twice(site)
    age = site.host().release(first).stat().st_mtime_ns
    site.rollback().ok()
    assert runs(site) == ["check"]
    assert site.calls("composer")[-1].argv == ("install", *FLAGS, "--dry-run")
    assert site.live == first
    assert site.host().release(first).stat().st_mtime_ns == age
    site.assert_healthy()


@pytest.mark.extended("recipe")
def test_a_quiet_flag_does_not_hide_the_answer_of_the_check(shop: Shop) -> None:
    site = shop(flags=["--no-dev", "--quiet"])
    deploy_twice(site)
    site.rollback().ok()
    assert site.calls("composer")[-1].argv == ("install", "--no-dev", "--dry-run")
    assert runs(site) == ["check"]


@pytest.mark.extended("recipe")
@pytest.mark.parametrize("missing", ["tea-1", "autoload.php", ""])
def test_a_rollback_installs_missing_packages_again(shop: Shop, missing: str) -> None:
    site = shop()
    first, _ = deploy_twice(site)
    path = site.host().release(first) / "vendor" / missing
    path.unlink() if path.is_file() else shutil.rmtree(path)
    done = site.rollback("force=yes").ok()
    assert "the packages of composer.lock are incomplete; installing them again" in done.out
    assert runs(site)[-1] == "install"
    assert packages(site, first) == ["tea-1"]


@pytest.mark.extended("recipe")
def test_a_rollback_whose_packages_cannot_be_installed_leaves_the_live_release(shop: Shop) -> None:
    site = shop(2)
    first, second = deploy_twice(site)
    broken = site.host("web2").release(first)
    age = broken.stat().st_mtime_ns
    shutil.rmtree(broken / "vendor")
    os.utime(broken, ns=(age, age))
    site.stand_in("composer", script=COMPOSER.replace('[ "$package" = broken ]', "true"))
    done = site.rollback("force=yes").failed()
    complaint = "the packages of the target release are incomplete and could not be installed again: exit status 5"
    assert complaint in done.out
    assert site.live == second
    assert broken.stat().st_mtime_ns == age


@pytest.mark.extended("recipe")
def test_a_rollback_without_composer_on_the_host_goes_on(shop: Shop) -> None:
    site = shop()
    first, _ = deploy_twice(site)
    site.project.config(recipes={"composer": {"command": ["no-such-composer"]}})
    done = site.rollback().ok()
    assert "no-such-composer is not on the PATH: the packages of the release are not checked" in done.out
    assert site.live == first


def test_a_rollback_with_packages_that_composer_refuses_to_check_goes_on(shop: Shop) -> None:
    site = shop()
    first, _ = deploy_twice(site)
    site.stand_in("composer", script="echo 'acme/tea requires php >=9'; exit 2")
    done = site.rollback().ok()
    assert "acme/tea requires php >=9" in done.out
    assert "the packages of the release are not checked, because composer refuses to" in done.out
    assert site.live == first


@pytest.mark.extended("recipe")
@pytest.mark.parametrize("fails", [False, True])
def test_a_vendor_that_releases_share_is_not_changed_by_a_rollback(shop: Shop, fails: bool) -> None:
    site = shop()
    first, second = deploy_twice(site)
    shared, release = site.host().shared / "vendor", site.host().release(first)
    shutil.move(site.host().release(second) / "vendor", shared)
    shutil.rmtree(release / "vendor")
    for name in (first, second):
        (site.host().release(name) / "vendor").symlink_to(shared)
    if fails:
        site.stand_in("composer", script=COMPOSER.replace('[ "$package" = broken ]', "true"))
    done = site.rollback("force=yes")
    assert done.code == (1 if fails else 0), done.out
    assert sorted(path.name for path in shared.iterdir()) == ["autoload.php", "tea-2"]
    assert (release / "vendor").is_symlink() == fails
    assert not (release / ".capdoit-vendor").is_symlink()
    assert site.live == (second if fails else first)


@pytest.mark.extended("recipe")
def test_a_rollback_to_a_release_from_before_the_recipe_changes_nothing_in_it(shop: Shop) -> None:
    site = shop()
    site.commit({"composer.json": None, "composer.lock": None})
    site.project.config(recipes={})
    site.deploy().ok()
    first = site.live
    site.project.config(recipes={"composer": {}})
    site.commit(CODE)
    site.deploy().ok()
    assert "it was deployed without this recipe and is left unchanged" in site.rollback().ok().out
    assert site.live == first
