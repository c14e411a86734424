"""python: give every release its virtual environment, as its lock file says.

Before `updated` in a deploy, the packages of the lock file are installed into `.venv` of the new release, with pip or
uv. When the lock files (and what they include with -r or -c), the Python version and these options are those of the
live release, nothing is installed: its environment is hard-linked, and the few files that say where they are
(scripts, pyvenv.cfg, activate) are written anew for the new place. So each release has an environment of its own,
which stays whole when the other release is removed. Linked files cannot be written to by their owner: an installer
replaces files, and an editor would change two releases at once. An environment into which more was installed by hand
is not taken over, and one whose lock file asks for code of the release itself (-e ., ./lib, an editable project in
uv.lock) is made anew each time. Then the packages and the code are compiled, so that no worker does it under load.
What cannot be compiled is shown and is no failure: a file that ends in .py may be a template. A lock file that cannot
be installed is a failed deploy.

With `environment: shared`, environments are in shared/venvs by a hash of what is in them, `.venv` of a release is a
link to its own, and shared/venv, unless there is something else, leads to the live release's, whichever that is. No
release ever changes the environment of another; those that no release uses any more go when old releases do.

Before `reverted` in a rollback, the release to go back to has its environment checked: it runs, with the Python that
it was made with, and every file of every package is there. If not (Python was upgraded, somebody cleaned up), it is
made again from the lock file of that release; that needs the package index, an environment that works needs nothing.
With `environment: release` its files are the release's own, so a rollback to a release that lacks some is refused
before, and told `force=yes` it comes to this. When it cannot be made again, what was there is there again. A release
without environment and lock file is from before this recipe, and is left as it is.

Hosts need Python 3.8 or later with venv (Debian: python3-venv), or uv. With uv, a uv.lock is followed by `uv sync
--frozen --no-dev`, other lock files by `uv pip sync`. An index with a password: `default_env: {PIP_INDEX_URL: !env
PIP_INDEX_URL}` (UV_INDEX_URL for uv).

    recipes:
      python: {requirements: [requirements.txt, requirements/production.txt], python: python3.12}
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from capdoit import Flow, HostError, Recipe, RoleNames

if TYPE_CHECKING:
    from capdoit import Host, Release

PROGRAM = Path(__file__).with_name("_environment.py")
# uv knows interpreters by their versions, too, and brings those that are not there.
WITH_UV = """
python=$(uv python find --system "$1" 2>/dev/null) || {
    uv python install --quiet "$1" && python=$(uv python find --system "$1")
} || exit
shift
exec "$python" "$@"
"""


@dataclass(frozen=True)
class Options:
    """What deploy.yml can say."""

    #: what installs
    installer: Literal["pip", "uv"] = "pip"
    #: the lock file, or several; when nothing is said, uv.lock if uv installs and there is one, else requirements.txt
    requirements: str | tuple[str, ...] | None = None
    #: the interpreter that environments are made with: a program on the host, for uv also a version such as "3.12"
    python: str = "python3"
    #: release: each release has its own; shared: releases whose lock files are the same have one
    environment: Literal["release", "shared"] = "release"
    #: more for the installer, such as [--require-hashes] or [--find-links, /srv/wheels]
    arguments: tuple[str, ...] = ()
    #: whether packages and code are compiled before the release is live
    compile: bool = True
    #: the hosts that get an environment; all when none is said
    roles: RoleNames = ()


python = Recipe("python", options=Options)


@python.before("updated", roles=lambda options: options.roles)
def install(host: Host, release: Release, options: Options) -> None:
    """Have the packages of the lock file in .venv."""
    _run(host, release, options, "install", "the packages could not be installed")


@python.before("reverted", roles=lambda options: options.roles)
def restore(host: Host, release: Release, options: Options) -> None:
    """Check the environment to go back to; make it again when it does not work."""
    _run(host, release, options, "restore", "the environment to go back to does not work, and could not be made again")


@python.after("finishing", roles=lambda options: options.roles)
def tidy(host: Host, release: Release, flow: Flow, options: Options) -> None:
    """Remove the shared environments that no release uses."""
    if options.environment != "shared":
        return
    try:
        _run(host, release, options, "tidy", "old environments could not be removed")
    except HostError as error:
        if error.status is None:
            raise
        flow.warn(str(error))


def _run(host: Host, release: Release, options: Options, what: str, wrong: str) -> None:
    said = {
        "installer": options.installer,
        "python": options.python,
        "arguments": options.arguments,
        "requirements": _texts(options.requirements),
        "shares": options.environment == "shared",
        "compile": options.compile,
        "release": release.path,
        "shared": release.shared,
        "previous": release.previous_path,
    }
    program = ["-I", "-c", PROGRAM.read_text(encoding="utf-8"), what, json.dumps(said)]
    try:
        host.run([*_interpreter(options), *program], called=wrong)
    except HostError as error:
        if error.status != 127:
            raise
        needed = "uv" if options.installer == "uv" else options.python
        why = f"{wrong}: {needed} is not there (for another, say the options python and installer)"
        raise error.because(why) from None


def _interpreter(options: Options) -> list[str]:
    return ["sh", "-c", WITH_UV, "python", options.python] if options.installer == "uv" else [options.python]


def _texts(said: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return (said,) if isinstance(said, str) else said or ()
