"""cron: keep the jobs of the release in the crontab of the user that deploys.

The jobs are a block of the crontab, one for each application and stage:

    # BEGIN capdoit shop production
    5 4 * * * cd /srv/shop/releases/20160614133327 && bin/rails cleanup
    # END capdoit shop production

The recipe replaces the block once a release is live, in deploys and in rollbacks. It changes no other line. On a host
without the roles of this recipe it removes the block. The block is made in the deploy, after `updated`, from a file of
the release or from the output of a command, and kept in the release (.capdoit-crontab). The real crontab checks it
before the publish, if the host's crontab can do that (Debian 12 and later, cronie). A rollback uses the block that was
kept, so it runs no command. A release without one has no jobs: the block is removed.

    recipes:
      cron: {file: config/crontab, roles: [cron]}

    recipes:
      bundler: {}
      cron: {command: [bundle, exec, whenever, --set, environment=production]}

Placeholders in the file or the output are replaced:

    5 4 * * * cd {release_path} && PATH={hook_path} bin/rails cleanup >>{shared_path}/log/cron.log 2>&1

They are {release_path}, {current_path}, {shared_path}, {deploy_to}, {application}, {stage}, {release}, {revision} and
{hook_path}, the PATH of hooks, which the recipe runtime sets. Other words in braces and variables of the shell, such as
${stage}, stay as they are, but a misspelled placeholder is refused.

Before you remove a stage or this recipe, remove the block: `doit cron.remove:production`.

The crontab before the last change is in shared/crontab.before: `crontab shared/crontab.before` restores it. A line
NAME=VALUE applies to all lines below it, also to those below the block.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from capdoit import Flow, HostError, Recipe, Release, RoleNames, Tool

if TYPE_CHECKING:
    from capdoit import Host

SCRIPT = Path(__file__).with_name("cron.sh").read_text(encoding="utf-8")
DEFAULT_FILE = "config/crontab"
BLOCK = ".capdoit-crontab"
# Written as an environment variable: arguments are visible to all users of the host.
WRITE_BLOCK = 'umask 077 && printf %s "$BLOCK" >"$1"'
WORD_IN_BRACES = re.compile(r"(?<!\$)\{([a-z_]+)\}")  # ${name} is a variable of the shell
MARK = re.compile(r"^# (?:BEGIN|END) capdoit \S+ \S+$", re.MULTILINE)


@dataclass(frozen=True)
class Options:
    """Options of the recipe cron."""

    file: str | None = None  #: file of the release with the jobs; default: config/crontab
    command: tuple[str, ...] | None = None  #: command that prints the jobs, run in the release; instead of file
    roles: RoleNames = ()  #: roles of the hosts with the jobs; empty: all hosts that receive code

    def __post_init__(self) -> None:
        """Check that the jobs come from one place."""
        if self.file and self.command:
            raise ValueError("set file or command, not both")
        if self.command == ():
            raise ValueError("command must not be empty")


cron = Recipe("cron", options=Options)


@cron.after("updated", roles=lambda options: options.roles, tools=Tool("crontab", condition="if the release has jobs"))
def prepare(host: Host, release: Release, flow: Flow, options: Options) -> None:
    """Make the block of the crontab, and let crontab check it."""
    command = options.command or ["cat", options.file or DEFAULT_FILE]
    jobs = host.capture(command, cwd=release.path, called="the jobs of the crontab")
    placeholders = {**_placeholders(release, flow), "hook_path": host.capture('printf %s "$PATH"')}
    block = fill(jobs, placeholders, host.name)
    host.run(["sh", "-c", WRITE_BLOCK, "cron", f"{release.path}/{BLOCK}"], env={"BLOCK": block})
    _run(host, release, flow, "check")


@cron.before("publishing", flows="rollback", roles=lambda options: options.roles)
def check(host: Host, release: Release, flow: Flow) -> None:
    """Let crontab check the block of the target release."""
    _run(host, release, flow, "check")


@cron.after("published")
def install(host: Host, release: Release, flow: Flow, options: Options) -> None:
    """Replace the block of the crontab; remove it on hosts that have no jobs."""
    has_jobs = not options.roles or bool({*options.roles} & {*host.roles})
    _run(host, release, flow, "install" if has_jobs else "remove")


@cron.task(exclusive=True)
def remove(host: Host, release: Release, flow: Flow) -> None:
    """Remove the block of the crontab, for example before the stage is removed."""
    _run(host, release, flow, "remove")


def fill(jobs: str, placeholders: Mapping[str, str], host: str) -> str:
    """Return the lines of the block, each with its line break.

    Args:
        jobs: the lines of the file or the command.
        placeholders: values by name.
        host: name of the host, for the error.

    Raises:
        HostError: a placeholder is misspelled, or a line is one of those around the block.
    """
    for word in WORD_IN_BRACES.findall(jobs):
        if word not in placeholders and (near := get_close_matches(word, placeholders, 1, cutoff=0.75)):
            raise HostError(host, f"the crontab has {{{word}}}; did you mean {{{near[0]}}}?")
    filled = WORD_IN_BRACES.sub(lambda found: placeholders.get(found[1], found[0]), jobs).strip("\n")
    if marks := MARK.findall(filled):
        raise HostError(host, f"the jobs have the line {marks[0]!r}, which cron itself writes; remove it")
    return f"{filled}\n" if filled else ""


def _placeholders(release: Release, flow: Flow) -> dict[str, str]:
    return {
        "release_path": release.path,
        "current_path": f"{release.deploy_to}/current",
        "shared_path": release.shared,
        "deploy_to": release.deploy_to,
        "application": flow.application,
        "stage": flow.stage,
        "release": release.name,
        "revision": release.revision,
    }


def _run(host: Host, release: Release, flow: Flow, action: str) -> None:
    block = "" if action == "remove" else f"{release.path}/{BLOCK}"
    step = "check" if action == "check" else "install"
    before = f"{release.shared}/crontab.before"
    host.run(["sh", "-c", SCRIPT, "cron", step, flow.application, flow.stage, block, before], called="crontab")
