"""bundler: install the gems of the release into a directory that all releases share.

Before `updated` in a deploy, the recipe configures Bundler for the new release only, in its .bundle/config: gems go
below shared/bundle, exactly as Gemfile.lock lists them (deployment mode), without the groups of the option `without`.
Then `bundle install` runs. It is skipped if `bundle check` finds all gems and an earlier installation for an equal
Gemfile, Gemfile.lock and list of groups was completed; an interrupted installation is repeated. Gems are added and
never removed, so the live release keeps the gems that it uses.

Before `reverted` in a rollback, `bundle check` runs in the target release, with the settings that were written when
that release was deployed. If gems are missing (somebody removed them, or Ruby was upgraded), they are installed again,
which may need the gem server. If no gem is missing, nothing else is done.

If .bundle is a linked directory, all releases share these settings. A deploy that would change them is refused,
because the live release reads them too. For a gem server with a password, set
`default_env: {BUNDLE_GEMS__EXAMPLE__COM: !env KEY}`.

    recipes:
      bundler: {without: [development, test], flags: [--quiet]}
      rails: {command: [bundle, exec, rails]}
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from capdoit import Recipe, Release, RoleNames
from capdoit.recipes._missing_programs import name_missing_program
from capdoit.recipes._paths import check_path_in_release

if TYPE_CHECKING:
    from capdoit import Host

SCRIPT = Path(__file__).with_name("bundler.sh").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Options:
    """Options of the recipe bundler."""

    #: directory of the gems; an absolute path, or a path below deploy_to
    path: str = "shared/bundle"
    #: groups of gems that are not installed
    without: tuple[str, ...] = ("development", "test")
    #: number of gems to install in parallel
    jobs: int = 4
    #: further arguments of `bundle install`
    flags: tuple[str, ...] = ("--quiet",)
    #: path of the Gemfile in the release; default: gems.rb if the release has only that, else Gemfile
    gemfile: str | None = None
    #: roles of the hosts that need gems; empty: all hosts that receive code
    roles: RoleNames = ()

    def __post_init__(self) -> None:
        """Check the values that do not depend on a host."""
        if self.jobs < 1:
            raise ValueError("jobs must be at least 1")
        if posixpath.normpath(self.path) in ("/", ".") or ".." in self.path.split("/"):
            raise ValueError(f"path must be a directory for gems, not {self.path!r}")
        if self.gemfile is not None:
            check_path_in_release("gemfile", self.gemfile)


bundler = Recipe("bundler", options=Options)


@bundler.before("updated", roles=lambda options: options.roles, tools="bundle")
def install(host: Host, release: Release, options: Options) -> None:
    """Install the gems of Gemfile.lock."""
    _run_script(host, release, options, "install", "the gems could not be installed")


@bundler.before("reverted", roles=lambda options: options.roles)
def restore(host: Host, release: Release, options: Options) -> None:
    """Check the gems of the target release, and install them again if any are missing."""
    failure = "gems of the target release are missing and could not be installed again"
    _run_script(host, release, options, "restore", failure)


def _run_script(host: Host, release: Release, options: Options, action: str, failure: str) -> None:
    arguments = [action, *_script_arguments(release, options)]
    with name_missing_program("bundle", failure):
        host.run(["sh", "-c", SCRIPT, "bundler", *arguments], cwd=release.path, called=failure)


def _script_arguments(release: Release, options: Options) -> list[str]:
    has_live_release = "yes" if release.previous else ""
    gems = posixpath.join(release.deploy_to, posixpath.normpath(options.path))
    groups = ":".join(options.without)
    return [release.path, has_live_release, gems, groups, str(options.jobs), options.gemfile or "", *options.flags]
