"""local_build: build a directory on the controller with a doit task, and upload it into the release.

The deploy depends on the tasks, so doit runs them first, before any host is touched, and once even if several stages
are deployed by one command. If a task fails, or the directory is missing or empty afterwards, nothing is deployed.
Before `updated`, every host gets the directory. A file of the release that the directory has, too, is replaced. A
rollback builds and uploads nothing: the target release has its files. A dry run runs the tasks, and lists the upload.

    recipes:
      local_build: {directory: dist, target: public/dist, tasks: [build]}

with a task in dodo.py:

    def task_build():
        return {"actions": ["npm ci", "npm run build"], "file_dep": ["package-lock.json"], "targets": ["dist/app.js"]}

The tasks build what is in the directory of dodo.py. If the commit that is checked out there is not the commit that is
deployed, the recipe warns. If stages need different builds, give each a task and a directory:

    stages:
      staging: {recipes: {local_build: {directory: dist/staging, tasks: [build_staging]}}}

The target must not be in a linked directory: the live release uses that, too.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from capdoit import CapdoitError, Flow, HostError, Recipe, Release, RoleNames
from capdoit.recipes._paths import check_path_in_release

if TYPE_CHECKING:
    from capdoit import Host

# The nearest directory that exists must be in the release, not behind a symlink to shared.
IS_IN_RELEASE = """
path=$1/$2
until [ -e "$path" ] || [ -h "$path" ]; do path=${path%/*}; done
case $(readlink -f "$path")/ in "$(readlink -f "$1")"/*) ;; *) exit 1 ;; esac
"""


@dataclass(frozen=True)
class Options:
    """Options of the recipe local_build."""

    directory: str  #: directory that the tasks build, relative to dodo.py, as the paths of tasks are
    target: str | None = None  #: path of the directory in the release; default: the value of directory
    tasks: tuple[str, ...] = ("build",)  #: names of the doit tasks that build
    roles: RoleNames = ()  #: roles of the hosts that get the directory; empty: all hosts that receive code

    def __post_init__(self) -> None:
        """Check that the target is in the release, and that there is a task."""
        check_path_in_release("target" if self.target else "directory, which is the default of target,", self.path)
        if not self.tasks:
            raise ValueError("tasks must not be empty")

    @property
    def path(self) -> str:
        """The path of the directory in the release."""
        return self.target or self.directory


local_build = Recipe("local_build", options=Options)
local_build.before("starting", lambda options: options.tasks)


@local_build.before("starting", once=True, flows="deploy", roles=lambda options: options.roles)
def check(options: Options) -> None:
    """Check that the tasks have built the directory."""
    directory, tasks = Path(options.directory), ", ".join(options.tasks)
    if not directory.is_dir():
        raise CapdoitError(f"there is no directory {directory} after the task {tasks}; see the option directory")
    if not any(directory.iterdir()):
        raise CapdoitError(f"the directory {directory} is empty after the task {tasks}")


@local_build.before("updated", roles=lambda options: options.roles)
def upload(host: Host, release: Release, options: Options) -> None:
    """Upload the directory that the tasks have built."""
    if not host.test(["sh", "-c", IS_IN_RELEASE, "upload", release.path, options.path]):
        raise HostError(host.name, f"{options.path} is in a linked directory, which the live release uses, too")
    host.upload(options.directory, f"{release.path}/{options.path}")


@local_build.after("updating", once=True, flows="deploy")
def compare_commits(flow: Flow) -> None:
    """Warn if the build is not of the commit that is deployed."""
    built = _read_commit()
    if built and len(built) == len(flow.revision) and built != flow.revision:
        flow.warn(f"local_build: the build is of the commit {built[:12]}, and the release of {flow.revision[:12]}")


def _read_commit() -> str:
    """Return the commit that is checked out; empty outside of a repository."""
    command = ["git", "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
