"""permissions: give the user of the web server, or a group, access to directories of the release and of shared.

Before the publish, in deploys and in rollbacks, the recipe changes the permissions of the paths of the option paths,
and of everything in them. Linked directories are followed, so `paths: [storage]` also means those in shared that are
linked into storage. There are three ways, which can be combined:

- `users` and `groups` get the rights of the option access by ACL (setfacl). New files and directories inherit them, and
  the deploying user keeps its access to what the web server creates, so that old releases can be removed. This is the
  best way if the web server runs as another user, such as www-data. Hosts need Debian's package acl.
- `group` becomes the group of the paths. New files in their directories get this group, too.
- `mode` is applied to the paths, such as `g+rwX`.

`modes` sets the mode of single paths, and nothing in them: `modes: {bin/console: "755", .env.local: "640"}`.

A directory in shared whose ACL and group are right is not searched again by each deploy: uploads may be a million
files. If files in it lack the rights, remove the ACL of that directory (setfacl -b) before the next deploy. A rollback
skips such directories in the release, too.

The deploying user can change only its own files, and only to its own groups. What it cannot do is refused before
anything is live, with the command for root: a missing user or group, a missing setfacl, a file system without ACL, and
files of other users that lack the rights. Files that the users of the option users own are left as they are. A rollback
leaves out paths that its older release does not have.

    recipes:
      composer: {}
      laravel: {}
      permissions: {paths: [storage, bootstrap/cache], users: [www-data]}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from capdoit import Flow, Recipe, Release, RoleNames

if TYPE_CHECKING:
    from capdoit import Host

SCRIPT = Path(__file__).with_name("permissions.sh").read_text(encoding="utf-8")
SET_MODE = 'chmod "$1" "$2"'
SAY_MISSING = 'echo "the release has no $2: it was deployed without that path, whose mode is left out"'
SYMBOLIC = r"[ugoa]*[-+=][rwxXst]*"
PATH_IN_RELEASE = r"(?!/)(?!(?:.*/)?\.\.(?:/|$)).+"
NAME = r"[A-Za-z0-9_][A-Za-z0-9_.@-]*\$?"


@dataclass(frozen=True)
class Options:
    """Options of the recipe permissions."""

    #: directories and files in the release
    paths: tuple[str, ...] = ()
    #: users that get access by ACL, such as [www-data]
    users: tuple[str, ...] = ()
    #: groups that get access by ACL
    groups: tuple[str, ...] = ()
    #: rights of users and groups; X: for directories and programs only
    access: str = "rwX"
    #: group of the paths
    group: str | None = None
    #: change of the paths' modes, such as g+rwX,o-rwx
    mode: str | None = None
    #: modes of single paths in the release
    modes: Mapping[str, str] = field(default_factory=dict)
    #: roles of the hosts; empty: all hosts that receive code
    roles: RoleNames = ()

    def __post_init__(self) -> None:
        """Check the values that do not depend on a host."""
        has_task = bool(self.users or self.groups or self.group or self.mode)
        if not has_task and not self.modes:
            raise ValueError("set users, groups, group, mode or modes: there is nothing to do without them")
        if has_task != bool(self.paths):
            raise ValueError("paths and one of users, groups, group and mode need each other")
        if self.mode is not None and not re.fullmatch(rf"{SYMBOLIC}(,{SYMBOLIC})*", self.mode):
            raise ValueError(f"mode must be a change such as g+rwX, not {self.mode!r}: files and directories differ")
        if not re.fullmatch(r"[rwxX-]+", self.access):
            raise ValueError(f"access must be some of r, w, x and X, not {self.access!r}")
        for path in (*self.paths, *self.modes):
            if not re.fullmatch(PATH_IN_RELEASE, path):
                raise ValueError(f"{path!r} is not a path in the release")
        for name in (*self.users, *self.groups, *([self.group] if self.group else [])):
            if not re.fullmatch(NAME, name):
                raise ValueError(f"{name!r} is not a name of a user or group")


permissions = Recipe("permissions", options=Options)


@permissions.after(
    "starting",
    roles=lambda options: options.roles,
    flows="deploy",
    tools=lambda options: ["setfacl", "getfacl"] if options.users or options.groups else [],
)
def check(host: Host, release: Release, options: Options) -> None:
    """Check that users and groups exist, and that the deploying user can set these permissions."""
    _run_script(host, release, options, "check", "deploy")


@permissions.before("publishing", roles=lambda options: options.roles)
def change(host: Host, release: Release, flow: Flow, options: Options) -> None:
    """Change the permissions of the paths."""
    _run_script(host, release, options, "change", flow.name)
    for path, mode in options.modes.items():
        script = SET_MODE if flow.name == "deploy" else f'[ -e "$2" ] || {{ {SAY_MISSING}; exit 0; }}; {SET_MODE}'
        command = ["sh", "-c", script, "permissions", mode, path]
        host.run(command, cwd=release.path, called=f"the mode of {path} could not be changed")


def _run_script(host: Host, release: Release, options: Options, action: str, flow: str) -> None:
    if not options.paths:
        return
    names = [" ".join(options.users), " ".join(options.groups), options.access, options.group or "", options.mode or ""]
    arguments = [action, flow, release.path, release.shared, *names, *options.paths]
    failure = f"the permissions could not be {'changed' if action == 'change' else 'checked'}"
    host.run(["sh", "-c", SCRIPT, "permissions", *arguments], called=failure)
