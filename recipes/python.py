"""python: install the packages of the lock file into a virtual environment for each release.

Before `updated` in a deploy, pip or uv installs the packages of the lock file into `.venv` of the new release. Nothing
is installed if the lock files (and the files that they include with -r or -c), the Python version and these options
are equal to those of the live release. Then the environment of the live release is hard-linked, and the few files that
contain its path (scripts, pyvenv.cfg, activate) are rewritten for the new release. So each release has a separate
environment, which stays complete when another release is removed. Linked files are read-only, because an editor would
change them in both releases; installers replace files instead. An environment is not reused if packages were
installed into it by hand, or if its lock file installs code of the release (-e ., ./lib, an editable project in
uv.lock).

Afterwards packages and code are compiled, so that no worker has to do it under load. A file that cannot be compiled is
reported and is not an error, because it may be a template. A lock file that cannot be installed fails the deploy.

With `environment: shared`, environments are in shared/venvs, named by a hash of lock files, Python version and options.
`.venv` of each release is a symlink to one of them. shared/venv is a symlink to the environment of the live release,
unless something else has that name. No release changes an environment that another release uses. Environments that no
release uses any more are removed together with old releases.

Before `reverted` in a rollback, the environment of the target release is checked: its Python runs and has the version
that the environment was created with, and every file of every package exists. If not (Python was upgraded, or files
were removed), the environment is created again from the lock file of that release, which needs the package index. With
`environment: release`, missing files in the environment are missing files of the release: such a rollback is refused,
and `force=yes` lets this recipe create the environment again. If that fails, the environment is left as it was. A
release with neither environment nor lock file was deployed without this recipe and is left unchanged.

Hosts need Python 3.8 or later with venv (Debian: python3-venv), or uv. uv installs a uv.lock with `uv sync --frozen
--no-dev`, and other lock files with `uv pip sync`. For an index with a password, set
`default_env: {PIP_INDEX_URL: !env PIP_INDEX_URL}` (for uv: UV_INDEX_URL).

    recipes:
      python: {requirements: [requirements.txt, requirements/production.txt], python: python3.12}
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from capdoit import Flow, HostError, Recipe, RoleNames, Tool
from capdoit.recipes._missing_programs import name_missing_program

if TYPE_CHECKING:
    from capdoit import Host, Release

PROGRAM = Path(__file__).with_name("_environment.py")
# uv accepts a version as interpreter, and downloads interpreters that are not installed.
WITH_UV = """
python=$(uv python find --system "$1" 2>/dev/null) || {
    uv python install --quiet "$1" && python=$(uv python find --system "$1")
} || exit
shift
exec "$python" "$@"
"""


@dataclass(frozen=True)
class Options:
    """Options of the recipe python."""

    #: program that installs packages
    installer: Literal["pip", "uv"] = "pip"
    #: lock file, or several; default: uv.lock with uv if the release has one, else requirements.txt
    requirements: str | tuple[str, ...] | None = None
    #: interpreter for new environments: a program on the host; for uv also a version such as "3.12"
    python: str = "python3"
    #: release: one environment for each release; shared: one for all releases with equal lock files
    environment: Literal["release", "shared"] = "release"
    #: further arguments for the installer, such as [--require-hashes] or [--find-links, /srv/wheels]
    arguments: tuple[str, ...] = ()
    #: compile packages and code before the release is live
    compile: bool = True
    #: roles of the hosts that need an environment; empty: all hosts that receive code
    roles: RoleNames = ()


python = Recipe("python", options=Options)


@python.before(
    "updated",
    roles=lambda options: options.roles,
    tools=lambda options: Tool(options.python, option="python") if options.installer == "pip" else "uv",
)
def install(host: Host, release: Release, options: Options) -> None:
    """Install the packages of the lock file into .venv."""
    _run_program(host, release, options, "install", "the packages could not be installed")


@python.before("reverted", roles=lambda options: options.roles)
def restore(host: Host, release: Release, options: Options) -> None:
    """Check the environment of the target release, and create it again if it does not work."""
    failure = "the environment of the target release does not work and could not be created again"
    _run_program(host, release, options, "restore", failure)


@python.after("finishing", roles=lambda options: options.roles)
def tidy(host: Host, release: Release, flow: Flow, options: Options) -> None:
    """Remove shared environments that no release uses."""
    if options.environment != "shared":
        return
    try:
        _run_program(host, release, options, "tidy", "old environments could not be removed")
    except HostError as error:
        if error.status is None:
            raise
        flow.warn(str(error))


def _run_program(host: Host, release: Release, options: Options, action: str, failure: str) -> None:
    program = ["-I", "-c", PROGRAM.read_text(encoding="utf-8"), action, json.dumps(_job(release, options))]
    needed = "uv" if options.installer == "uv" else options.python
    with name_missing_program(needed, failure, "; see the options python and installer"):
        host.run([*_interpreter_command(options), *program], called=failure)


def _job(release: Release, options: Options) -> dict[str, Any]:
    requirements = options.requirements
    return {
        "installer": options.installer,
        "python": options.python,
        "arguments": options.arguments,
        "requirements": (requirements,) if isinstance(requirements, str) else requirements or (),
        "is_shared": options.environment == "shared",
        "is_compiled": options.compile,
        "release": release.path,
        "shared": release.shared,
        "previous": release.previous_path,
    }


def _interpreter_command(options: Options) -> list[str]:
    return ["sh", "-c", WITH_UV, "python", options.python] if options.installer == "uv" else [options.python]
