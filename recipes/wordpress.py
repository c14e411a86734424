"""wordpress: share uploads between releases, and flush the cache of WordPress once a release is live.

The directory of the option uploads is a linked directory. It is shared by the releases of one host; for several hosts,
set shared_to in deploy.yml to a directory that they have in common. List wp-config.php (for Bedrock: .env) in
linked_files, so that the repository has no password. Files that plugins write, such as wp-content/cache, are best
linked directories, too.

After `published`, in deploys and in rollbacks, wp-cli runs the commands of the option commands in the live release, on
the primary of the option roles. A host without wp-cli runs none of them, and a line in the output says so. The cache of
WordPress is persistent only with Redis, Memcached or similar; otherwise nothing has to be flushed. If a command fails,
the flow fails and the release stays live.

If a release brings a new WordPress, its first administrator is asked to upgrade the database, or
`commands: [core update-db, cache flush]` does it. A rollback does not revert that.

`doit wordpress.wp:production -- plugin list` runs wp-cli in the live release. For several sites, wp-cli needs the
address: `command: [wp, --url=shop.example.com]`. Root must add `--allow-root`.

    linked_files: [wp-config.php]
    recipes:
      wordpress: {}

    linked_files: [.env]
    recipes:
      composer: {}
      wordpress: {uploads: web/app/uploads, command: [vendor/bin/wp]}
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from capdoit import ConfigError, Flow, Recipe, Release, RoleNames

if TYPE_CHECKING:
    from capdoit import Host

RUN_IF_PRESENT = """
if command -v "$1" >/dev/null; then exec "$@"; fi
echo "$1 is not on the PATH: not run"
"""


@dataclass(frozen=True)
class Options:
    """Options of the recipe wordpress."""

    #: directory of uploads in the release, which releases share
    uploads: str = "wp-content/uploads"
    #: command that runs wp-cli: a program on the host, or a path in the release; and first arguments
    command: tuple[str, ...] = ("wp",)
    #: commands of wp-cli once a release is live; [] for none
    commands: tuple[str, ...] = ("cache flush",)
    #: roles of the hosts whose primary runs wp-cli; empty: all hosts that receive code
    roles: RoleNames = ()

    def __post_init__(self) -> None:
        """Check that there is a program."""
        if not self.command:
            raise ValueError("command must not be empty")


wordpress = Recipe("wordpress", options=Options, linked_dirs=lambda options: [options.uploads])


@wordpress.after("published", roles=lambda options: options.roles, primary=True)
def run_commands(host: Host, release: Release, options: Options) -> None:
    """Run the commands of wp-cli, such as `cache flush`."""
    for line in options.commands:
        words = [*options.command, *shlex.split(line)]
        host.run(["sh", "-c", RUN_IF_PRESENT, "wordpress", *words], cwd=release.path, called=f"wp {line} failed")


@wordpress.task(roles=lambda options: options.roles, primary=True)
def wp(host: Host, release: Release, flow: Flow, options: Options, arguments: tuple[str, ...]) -> None:
    """Run a command of wp-cli, such as plugin list."""
    if not arguments:
        raise ConfigError(f"wordpress.wp needs a command, such as: doit wordpress.wp:{flow.stage} -- plugin list")
    host.run([*options.command, *arguments], cwd=release.path, called=" ".join(["wp", *arguments]))
