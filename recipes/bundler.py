"""bundler: install the gems of the release, in a directory that all releases share.

Before `updated` in a deploy, Bundler is told, for this release alone (in its .bundle/config), to install exactly what
Gemfile.lock says (deployment) below shared/bundle, without the groups of without. Then `bundle install` runs, unless
`bundle check` finds all gems and it once ran to its end for the same Gemfile, Gemfile.lock and groups: after one that
was interrupted, it runs again. Gems are added and never removed, so the live release keeps its own.

Before `reverted` in a rollback, `bundle check` looks at the release to go back to, with the settings that it was
shipped with. Only if gems are missing (somebody cleaned up, or Ruby is another one) they are installed again; that may
need the gem server, a release that is whole needs nothing.

Where .bundle is a linked directory, releases share these settings; a deploy that would change them is refused, because
they are the live release's, too. A gem server with a password: `default_env: {BUNDLE_GEMS__EXAMPLE__COM: !env KEY}`.

    recipes:
      bundler: {without: [development, test], flags: [--quiet]}
      rails: {command: [bundle, exec, rails]}
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from capdoit import HostError, Recipe, Release, RoleNames

if TYPE_CHECKING:
    from capdoit import Host

INSTALL = Path(__file__).with_name("bundler.sh").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Options:
    """What deploy.yml can say."""

    #: where gems are installed, below deploy_to or absolute
    path: str = "shared/bundle"
    #: groups that are not installed
    without: tuple[str, ...] = ("development", "test")
    #: how many gems are installed at a time
    jobs: int = 4
    #: more for `bundle install`
    flags: tuple[str, ...] = ("--quiet",)
    #: its path in the release; Gemfile, or gems.rb, when nothing is said
    gemfile: str | None = None
    #: the hosts that get gems; all that get code when none is said
    roles: RoleNames = ()

    def __post_init__(self) -> None:
        """Refuse what no host could do."""
        if self.jobs < 1:
            raise ValueError("jobs is at least 1")
        if posixpath.normpath(self.path) in ("/", ".") or ".." in self.path.split("/"):
            raise ValueError(f"path is no directory for gems: {self.path!r}")
        if self.gemfile is not None and not re.fullmatch(r"(?!/)(?!\.\./).+", self.gemfile):
            raise ValueError(f"gemfile is a path in the release, not {self.gemfile!r}")


bundler = Recipe("bundler", options=Options)


@bundler.before("updated", roles=lambda options: options.roles)
def install(host: Host, release: Release, options: Options) -> None:
    """Have the gems of Gemfile.lock."""
    _run(host, release, options, "install", "the gems could not be installed")


@bundler.before("reverted", roles=lambda options: options.roles)
def restore(host: Host, release: Release, options: Options) -> None:
    """Check the gems of the release to go back to; install them again when they are not all there."""
    _run(host, release, options, "restore", "the gems to go back to are not there, and could not be installed again")


def _run(host: Host, release: Release, options: Options, what: str, wrong: str) -> None:
    live = "yes" if release.previous else ""
    path = posixpath.join(release.deploy_to, posixpath.normpath(options.path))
    said = [what, release.path, live, path, ":".join(options.without), str(options.jobs), options.gemfile or ""]
    try:
        host.run(["sh", "-c", INSTALL, "bundler", *said, *options.flags], cwd=release.path, called=wrong)
    except HostError as error:
        if error.status != 127:
            raise
        raise error.because(f"{wrong}: bundle is not on the host's PATH") from None
