"""node: install the modules that the lock file asks for, and build.

Before `updated` in a deploy, the package manager whose lock file is in the release installs what it says and nothing
else: `npm ci` for a package-lock.json or npm-shrinkwrap.json, `pnpm install --frozen-lockfile` for a pnpm-lock.yaml,
`yarn install --frozen-lockfile` for a yarn.lock (`--immutable` from yarn 2 on, as .yarnrc.yml or packageManager say).
Without a lock file, or with those of several managers, the deploy fails before anything is installed.

Then `npm run build` runs (or that of pnpm or yarn), if package.json has a script of that name, with
NODE_ENV=production unless default_env says another. The devDependencies are installed when there is something to
build, and not otherwise (by yarn 2 and later always). They stay, unless dev_dependencies says that they go after the
build. What cannot be installed or built is a failed deploy: what was live is live.

Modules are installed once for a lock file. When another release of the host has modules for the same lock files,
package.json's and .npmrc's, of the same versions of node and of the manager, and nobody changed them since, its
packages are hard-linked: each release has a node_modules of its own, which stays whole when the other one is removed.
What begins with a dot in node_modules, where tools take notes and put what they generate, is copied; .cache, .vite and
.vite-temp are left out, so that a build begins as after `npm ci`. They are installed anew each time

- with yarn 2 and later, which notes elsewhere what it has installed, and has a cache;
- when devDependencies go after the build, or the build writes into packages;
- when a package.json has scripts that run with every installation (postinstall, prepare, and the like; husky and
  only-allow do no harm) or depends on a path (file:), because then they depend on the code, too.

A build that writes into packages, and did not do so when they were installed, changes those of the release that they
were linked from. That cannot be prevented; it is a failed deploy, which says so.

A rollback does nothing: the release to go back to has its modules, and what was built with them. node_modules cannot
be a linked directory; a cache outside of it, such as .next/cache, can. Hosts need node and the manager (npm 7 or
later) on the PATH of a command without a login, or `default_env: {PATH: "/opt/node/bin:/usr/bin:/bin"}`. A registry
that wants a token: `default_env: {NPM_TOKEN: !env NPM_TOKEN}`, and ${NPM_TOKEN} in .npmrc.

    recipes:
      node: {directory: frontend, build: [lint:assets, build]}
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from capdoit import HostError, Recipe, Release, RoleNames

if TYPE_CHECKING:
    from capdoit import Host

SCRIPT = Path(__file__).with_name("node.sh").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Options:
    """What deploy.yml can say."""

    #: where package.json is, in the release
    directory: str = "."
    #: the package manager; that whose lock file there is when nothing is said
    manager: Literal["npm", "pnpm", "yarn"] | None = None
    #: the scripts of package.json that are run, in order; build, if there is one, when nothing is said; [] for none
    build: str | tuple[str, ...] | None = None
    #: keep: the devDependencies, installed for a build, stay; prune: they go after it; omit: they are never installed
    dev_dependencies: Literal["keep", "prune", "omit"] = "keep"
    #: the hosts that get modules; all that get code when none is said
    roles: RoleNames = ()

    def __post_init__(self) -> None:
        """Refuse a directory that is not in the release."""
        path = self.directory
        if posixpath.normpath(path) != path or path.startswith("/") or path.split("/")[0] == "..":
            raise ValueError(f"directory is a path in the release, not {path!r}")


node = Recipe("node", options=Options)


@node.before("updated", roles=lambda options: options.roles)
def install(host: Host, release: Release, options: Options) -> None:
    """Have the modules of the lock file in node_modules."""
    package = _package(host, release, options)
    said = ["install", package.lock, "yes" if package.can_share else "", *package.install]
    _run(host, release, options, said, "the modules could not be installed")


@node.before("updated", roles=lambda options: options.roles)
def build(host: Host, release: Release, options: Options) -> None:
    """Run the build scripts of package.json."""
    package = _package(host, release, options)
    if package.builds:
        _run(host, release, options, ["build", package.manager.program, *package.builds], "the build failed")
    if package.prune:
        _run(host, release, options, ["prune", *package.prune], "devDependencies could not be removed")


def _package(host: Host, release: Release, options: Options) -> Package:
    look = host.capture(_command(release, options, ["look"]), called="the package could not be read")
    package = Package(_files(look), options)
    try:
        _ = package.builds, package.manager
    except ValueError as error:
        place = "" if options.directory == "." else f"{options.directory}: "
        raise HostError(host.name, f"{place}{error}") from None
    return package


def _files(text: str) -> dict[str, str]:
    """The texts of files by their names, each of which stands above lines that begin with a tab."""
    files: dict[str, str] = {}
    name = ""
    for line in text.split("\n"):
        if line.startswith("\t"):
            files[name] += line[1:] + "\n"
        elif line:
            name = line
            files[name] = ""
    return files


def _run(host: Host, release: Release, options: Options, said: list[str], wrong: str) -> None:
    host.run(_command(release, options, said), called=wrong)


def _command(release: Release, options: Options, said: list[str]) -> list[str]:
    what, *more = said
    return ["sh", "-c", SCRIPT, "node", what, release.path, options.directory, *more]


# -- package managers


@dataclass(frozen=True)
class Manager:
    """A package manager.

    Attributes:
        program: its name.
        locks: its lock files.
        install: installs exactly what they say.
        with_dev: more for that, for devDependencies, too.
        without_dev: more for that, for none of them.
        prune: takes them away.
    """

    program: str
    locks: tuple[str, ...]
    install: tuple[str, ...]
    with_dev: tuple[str, ...]
    without_dev: tuple[str, ...]
    prune: tuple[str, ...]


QUIET = ("--no-audit", "--no-fund")
NPM = Manager(
    "npm",
    ("package-lock.json", "npm-shrinkwrap.json"),
    ("npm", "ci", *QUIET),
    ("--include=dev",),
    ("--omit=dev",),
    ("npm", "prune", "--omit=dev", *QUIET),
)
PNPM = Manager(
    "pnpm",
    ("pnpm-lock.yaml",),
    ("pnpm", "install", "--frozen-lockfile"),
    ("--prod=false",),
    ("--prod",),
    ("pnpm", "prune", "--prod"),
)
FROZEN = ("yarn", "install", "--frozen-lockfile", "--non-interactive")
YARN = Manager(
    "yarn",
    ("yarn.lock",),
    FROZEN,
    ("--production=false",),
    ("--production=true",),
    (*FROZEN, "--production=true", "--ignore-scripts"),
)
# It has no way to install less; what is too much is taken away.
YARN_2 = Manager(
    "yarn",
    ("yarn.lock",),
    ("yarn", "install", "--immutable"),
    (),
    (),
    ("yarn", "workspaces", "focus", "--all", "--production"),
)
BY_NAME = {one.program: one for one in (NPM, PNPM, YARN)}


# -- what the code asks for

WITH_EVERY_INSTALLATION = ("preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare", "postprepare")
HARMLESS = ("husky", "husky install", "npx only-allow npm", "npx only-allow pnpm", "npx only-allow yarn")
DEPENDENCIES = ("dependencies", "devDependencies", "optionalDependencies", "overrides", "resolutions")
PATHS = ("file:", "./", "../", "~/", "/")


@dataclass(frozen=True)
class Package:
    """What the code of a release says of a package, and what deploy.yml says of it.

    Attributes:
        files: what names a manager, and every package.json with its text, by paths that begin with ``./``.
        options: what deploy.yml says.
    """

    files: Mapping[str, str]
    options: Options

    @cached_property
    def manager(self) -> Manager:
        """What installs it.

        Raises:
            ValueError: its lock files do not say, or the one is missing that does.
        """
        found = {one.program: self._locks(one) for one in BY_NAME.values() if self._locks(one)}
        name: str = self.options.manager or next(iter(found), "")
        if not self.options.manager and len(found) > 1:
            locks = " and ".join(f"{lock} ({name})" for name, locks in found.items() for lock in locks)
            raise ValueError(f"there are {locks}; say the option manager, or remove what nobody uses")
        if name not in found:
            wanted = [BY_NAME[name]] if name else BY_NAME.values()
            locks = " or ".join(lock for one in wanted for lock in one.locks)
            raise ValueError(f"there is no {locks}; commit one, so that all hosts get the same modules")
        return YARN_2 if name == "yarn" and self._is_of_yarn_2 else BY_NAME[name]

    @property
    def lock(self) -> str:
        """Its lock file."""
        return " and ".join(self._locks(self.manager))

    @cached_property
    def builds(self) -> tuple[str, ...]:
        """The scripts that are run.

        Raises:
            ValueError: package.json has not all of them.
        """
        scripts, said = _mapping(self._manifest, "scripts"), self.options.build
        if said is None:
            return ("build",) if "build" in scripts else ()
        wanted = (said,) if isinstance(said, str) else said
        if missing := [name for name in wanted if name not in scripts]:
            there = ", ".join(sorted(scripts)) or "none"
            raise ValueError(
                f"package.json has no script {' and '.join(missing)} (it has {there}); see the option build"
            )
        return wanted

    @property
    def install(self) -> tuple[str, ...]:
        """What installs its modules."""
        return self.manager.install + (self.manager.with_dev if self._needs_dev else self.manager.without_dev)

    @property
    def prune(self) -> tuple[str, ...]:
        """What takes devDependencies away after the build; nothing when they stay, or are not there."""
        are_there = self._needs_dev or self.manager is YARN_2
        return self.manager.prune if are_there and self.options.dev_dependencies != "keep" else ()

    @property
    def can_share(self) -> bool:
        """Whether a release with the same lock file has the same modules, all of them in node_modules."""
        manifests = (text for path, text in self.files.items() if path.endswith("/package.json"))
        return self.manager is not YARN_2 and not any(map(_depends_on_code, manifests))

    @property
    def _needs_dev(self) -> bool:
        return bool(self.builds) and self.options.dev_dependencies != "omit"

    @cached_property
    def _manifest(self) -> dict[str, Any]:
        if "./package.json" not in self.files:
            raise ValueError("there is no package.json; the option directory says where it is")
        return _parsed(self.files["./package.json"])

    @property
    def _is_of_yarn_2(self) -> bool:
        version = re.match(r"yarn@(\d+)", str(self._manifest.get("packageManager")))
        return "./.yarnrc.yml" in self.files or bool(version and int(version[1]) > 1)

    def _locks(self, manager: Manager) -> list[str]:
        return [lock for lock in manager.locks if f"./{lock}" in self.files]


def _parsed(manifest: str) -> dict[str, Any]:
    try:
        parsed = json.loads(manifest.removeprefix("\ufeff"))
    except ValueError as error:
        raise ValueError(f"package.json is no JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise ValueError("package.json is no object of JSON")  # noqa: TRY004 - it is what a user wrote
    return parsed


def _mapping(manifest: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = manifest.get(key)
    return found if isinstance(found, dict) else {}


def _depends_on_code(manifest: str) -> bool:
    """Whether what is installed for a package.json is more than its lock file says."""
    try:
        parsed = _parsed(manifest)
    except ValueError:  # an example in somebody's tests, which nothing installs, or one day something does
        return True
    scripts = [script for name, script in _mapping(parsed, "scripts").items() if name in WITH_EVERY_INSTALLATION]
    wanted = [one for kind in DEPENDENCIES for one in _mapping(parsed, kind).values()]
    return any(one not in HARMLESS for one in scripts) or any(str(one).startswith(PATHS) for one in wanted)
