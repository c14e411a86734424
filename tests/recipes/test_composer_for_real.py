"""The recipe composer with the real Composer and PHP: a package from a path of the release, without a package index."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pytest

pytestmark = pytest.mark.real
DRINK = 'require "vendor/autoload.php"; echo Acme\\Tea::VERSION, is_file("script-ran") ? " after its script" : "";'
MANIFEST = {
    "name": "acme/shop",
    "repositories": [
        {"type": "path", "url": "packages/*", "options": {"symlink": False}},
        {"packagist.org": False},
    ],
    "require": {"acme/tea": "*"},
    "scripts": {"post-install-cmd": "touch script-ran"},
}


def lock(version: str, php: str = ">=7") -> dict[str, Any]:
    """Return a minimal lock file, as `composer update` would write it."""
    tea = {
        "name": "acme/tea",
        "version": version,
        "dist": {"type": "path", "url": "packages/tea", "reference": version},
        "require": {"php": php},
        "type": "library",
        "autoload": {"psr-4": {"Acme\\": "src/"}},
        "transport-options": {"symlink": False, "relative": True},
    }
    return {"packages": [tea], "packages-dev": [], "platform": {}, "content-hash": "-"}


def code(version: str, **requirements: str) -> dict[str, str]:
    return {
        "composer.json": json.dumps(MANIFEST),
        "composer.lock": json.dumps(lock(version, **requirements)),
        "packages/tea/composer.json": json.dumps({"name": "acme/tea", "version": version}),
        "packages/tea/src/Tea.php": f"<?php namespace Acme; class Tea {{ const VERSION = 'tea {version}'; }}\n",
    }


def drink(site: Any) -> str:
    """Return the output of the live release."""
    current = site.host().deploy_to / "current"
    run = ["php", "-r", DRINK]
    return subprocess.run(run, cwd=current, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def site(stage: Any) -> Any:
    """Return a stage with two releases that have different versions of a package."""
    site = stage(hosts=1, recipes={"composer": {}}, files=code("1.0.0"))
    site.deploy().ok()
    assert drink(site) == "tea 1.0.0 after its script"
    site.commit(code("2.0.0"))
    site.deploy().ok()
    assert drink(site) == "tea 2.0.0 after its script"
    return site


def test_a_rollback_finds_the_packages_of_the_release_and_installs_nothing(site: Any) -> None:
    done = site.rollback().ok()
    assert "installing them again" not in done.out
    assert drink(site) == "tea 1.0.0 after its script"
    site.assert_healthy()


@pytest.mark.parametrize("missing", ["acme/tea", "autoload.php"])
def test_a_rollback_installs_what_was_removed(site: Any, missing: str) -> None:
    first = site.host().releases[0]
    path = site.host().release(first) / "vendor" / missing
    path.unlink() if path.is_file() else shutil.rmtree(path)
    assert "the packages of composer.lock are incomplete" in site.rollback("force=yes").ok().out
    assert drink(site) == "tea 1.0.0 after its script"


def test_a_php_that_does_not_fit_fails_the_deploy_with_the_message_of_composer(site: Any) -> None:
    live = site.live
    site.commit(code("3.0.0", php=">=99"))
    done = site.deploy().failed()
    assert "the packages could not be installed: exit status 2" in done.out
    assert "requires php >=99" in done.out
    assert site.live == live
    assert drink(site) == "tea 2.0.0 after its script"
