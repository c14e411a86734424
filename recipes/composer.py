"""composer: install the PHP packages of composer.lock into each release.

Before `updated` in a deploy, `composer install` runs in the new release, with the arguments of the option flags. It
installs exactly what composer.lock lists into vendor of that release, and runs the project's scripts, such as
post-install-cmd. A release without composer.lock is refused, because its hosts could get different packages. Composer's
cache on the host makes later installations fast.

vendor must not be a linked directory, because the live release would get the new packages before the publish; such a
deploy is refused.

Before `reverted` in a rollback, `composer install --dry-run` checks that the packages of the target release are
installed, and that the host's PHP fits them. If so, nothing else is done. If packages are missing, they are installed
again, which may need the package index. Missing files in vendor are missing files of the release: such a rollback is
refused, and `force=yes` lets this recipe install them again. If vendor of the target release is a symlink into shared
and has other packages, the release gets a separate vendor, so that the live release keeps its packages. If Composer is
no longer on the host, the rollback continues without the check.

Composer runs as the deploying user, so it finds the auth.json of that user. For a repository with a password, set
`default_env: {COMPOSER_AUTH: !env COMPOSER_AUTH}`. As root, Composer runs plugins only with
`default_env: {COMPOSER_ALLOW_SUPERUSER: "1"}`. If Composer is a file, name the interpreter too.

    recipes:
      composer: {command: [php8.3, /usr/local/bin/composer]}
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from capdoit import Recipe, Release, RoleNames, Tool
from capdoit.recipes._missing_programs import name_missing_program
from capdoit.recipes._paths import check_directory_in_release

if TYPE_CHECKING:
    from capdoit import Host

SCRIPT = Path(__file__).with_name("composer.sh").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Options:
    """Options of the recipe composer."""

    #: command that runs Composer: a program on the host, or a path in the release; and first arguments
    command: tuple[str, ...] = ("composer",)
    #: arguments of `composer install`
    flags: tuple[str, ...] = ("--no-dev", "--prefer-dist", "--no-interaction", "--optimize-autoloader", "--no-progress")
    #: directory of composer.json in the release
    directory: str = "."
    #: roles of the hosts that need packages; empty: all hosts that receive code
    roles: RoleNames = ()

    def __post_init__(self) -> None:
        """Check the values that do not depend on a host."""
        if not self.command:
            raise ValueError("command must not be empty")
        check_directory_in_release("directory", self.directory)


composer = Recipe("composer", options=Options)


@composer.before(
    "updated", roles=lambda options: options.roles, tools=lambda options: Tool(options.command[0], option="command")
)
def install(host: Host, release: Release, options: Options) -> None:
    """Install the packages of composer.lock into vendor."""
    _run_script(host, release, options, "install", "the packages could not be installed")


@composer.before("reverted", roles=lambda options: options.roles)
def restore(host: Host, release: Release, options: Options) -> None:
    """Check the packages of the target release, and install them again if any are missing."""
    failure = "the packages of the target release are incomplete and could not be installed again"
    _run_script(host, release, options, "restore", failure)


def _run_script(host: Host, release: Release, options: Options, action: str, failure: str) -> None:
    arguments = [action, release.path, options.directory, *options.command, "install", *options.flags]
    with name_missing_program(options.command[0], failure, "; install it, or set the option command"):
        host.run(["sh", "-c", SCRIPT, "composer", *arguments], called=failure)
