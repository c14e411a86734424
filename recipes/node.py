"""node: install the modules of the lock file, and run the build scripts.

Before `updated` in a deploy, the package manager whose lock file is in the release installs exactly what that file
lists:

- `npm ci` for package-lock.json or npm-shrinkwrap.json;
- `pnpm install --frozen-lockfile` for pnpm-lock.yaml;
- `yarn install --frozen-lockfile` for yarn.lock, or `yarn install --immutable` if .yarnrc.yml or packageManager tells
  that the project uses yarn 2 or later.

Without a lock file, or with lock files of several managers, the deploy fails before anything is installed.

Then `npm run build` (`pnpm run build`, `yarn run build`) runs if package.json has a script `build`. NODE_ENV is
production, unless default_env sets it. devDependencies are installed only if a script is run, and they stay after the
build. With `dev_dependencies: prune` they are removed after it, with `omit` they are not installed. yarn 2 and later
installs them in any case; both values then remove them after the build. If the installation or the build fails, the
deploy fails, and the previous release stays live.

Modules of another release on the host are reused if its lock files, package.json and .npmrc files and its versions of
node and of the manager are equal, and if nobody has changed the modules. Its packages are then hard-linked. Each
release has a separate node_modules, which stays complete when another release is removed. Names in node_modules that
start with a dot, where tools keep records and generated files, are copied; .cache, .vite and .vite-temp are left out,
so that the build starts as it does after `npm ci`. Modules are installed again, and not linked:

- with yarn 2 and later, which keeps its records outside node_modules and has a cache;
- if devDependencies are removed after the build, or the build writes into packages;
- if a package.json has scripts that run during an installation (postinstall, prepare and similar; husky and only-allow
  are accepted) or depends on a path (file:), because the modules then depend on the code too.

If a build writes into linked packages, the modules of the release that they were linked from change too. This cannot be
prevented; it is detected, and the deploy fails with a message.

A rollback does nothing: the target release has its modules and the result of its build. node_modules must not be a
linked directory; a cache outside it, such as .next/cache, can be one. Hosts need node and the manager (npm 7 or later)
on the PATH of a non-login shell, or `default_env: {PATH: "/opt/node/bin:/usr/bin:/bin"}`. For a registry that needs a
token, set `default_env: {NPM_TOKEN: !env NPM_TOKEN}`, and use ${NPM_TOKEN} in .npmrc.

    recipes:
      node: {directory: frontend, build: [lint:assets, build]}
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from capdoit import HostError, Recipe, Release, RoleNames, Tool
from capdoit.recipes._paths import check_directory_in_release

if TYPE_CHECKING:
    from capdoit import Host

SCRIPT = Path(__file__).with_name("node.sh").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Options:
    """Options of the recipe node."""

    #: directory of package.json in the release
    directory: str = "."
    #: package manager; default: the manager whose lock file is in the release
    manager: Literal["npm", "pnpm", "yarn"] | None = None
    #: scripts of package.json to run, in order; default: build, if there is such a script; [] for none
    build: str | tuple[str, ...] | None = None
    #: devDependencies for a build. keep: they stay; prune: they are removed after it; omit: they are never installed
    dev_dependencies: Literal["keep", "prune", "omit"] = "keep"
    #: roles of the hosts that need modules; empty: all hosts that receive code
    roles: RoleNames = ()

    def __post_init__(self) -> None:
        """Check that the directory is a path in the release."""
        check_directory_in_release("directory", self.directory)

    @property
    def tool(self) -> Tool:
        """A program without which no modules can be installed."""
        return Tool("npm, pnpm or yarn", (self.manager,) if self.manager else ("npm", "pnpm", "yarn"))


node = Recipe("node", options=Options)


@node.before("updated", roles=lambda options: options.roles, tools=lambda options: options.tool)
def install(host: Host, release: Release, options: Options) -> None:
    """Install the modules of the lock file into node_modules."""
    package = _read_package(host, release, options)
    action = ["install", package.lock, "yes" if package.can_share else "", *package.install_command]
    _run_script(host, release, options, action, "the modules could not be installed")


@node.before("updated", roles=lambda options: options.roles)
def build(host: Host, release: Release, options: Options) -> None:
    """Run the build scripts of package.json."""
    package = _read_package(host, release, options)
    if package.build_scripts:
        action = ["build", package.manager.program, *package.build_scripts]
        _run_script(host, release, options, action, "the build failed")
    if package.prune_command:
        _run_script(host, release, options, ["prune", *package.prune_command], "devDependencies could not be removed")


def _read_package(host: Host, release: Release, options: Options) -> Package:
    text = host.capture(_script_command(release, options, ["inspect"]), called="the package could not be read")
    package = Package(_split_files(text), options)
    try:
        _ = package.build_scripts, package.manager
    except ValueError as error:
        prefix = "" if options.directory == "." else f"{options.directory}: "
        raise HostError(host.name, f"{prefix}{error}") from None
    return package


def _split_files(text: str) -> dict[str, str]:
    """Return the contents of files by name, from lines with a name and, below it, indented lines with the content."""
    files: dict[str, str] = {}
    name = ""
    for line in text.split("\n"):
        if line.startswith("\t"):
            files[name] += line[1:] + "\n"
        elif line:
            name = line
            files[name] = ""
    return files


def _run_script(host: Host, release: Release, options: Options, action: list[str], failure: str) -> None:
    host.run(_script_command(release, options, action), called=failure)


def _script_command(release: Release, options: Options, action: list[str]) -> list[str]:
    name, *arguments = action
    return ["sh", "-c", SCRIPT, "node", name, release.path, options.directory, *arguments]


# -- package managers


@dataclass(frozen=True)
class Manager:
    """A package manager.

    Attributes:
        program: the program's name.
        locks: names of the lock files.
        install: the command that installs exactly what the lock file lists.
        with_dev: arguments that add devDependencies to the installation.
        without_dev: arguments that leave devDependencies out.
        prune: the command that removes devDependencies.
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
# yarn 2 always installs devDependencies; they can only be removed afterwards.
YARN_2 = Manager(
    "yarn",
    ("yarn.lock",),
    ("yarn", "install", "--immutable"),
    (),
    (),
    ("yarn", "workspaces", "focus", "--all", "--production"),
)
MANAGERS = {manager.program: manager for manager in (NPM, PNPM, YARN)}


# -- packages

INSTALL_SCRIPTS = ("preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare", "postprepare")
ACCEPTED_SCRIPTS = ("husky", "husky install", "npx only-allow npm", "npx only-allow pnpm", "npx only-allow yarn")
DEPENDENCIES = ("dependencies", "devDependencies", "optionalDependencies", "overrides", "resolutions")
PATH_PREFIXES = ("file:", "./", "../", "~/", "/")


@dataclass(frozen=True)
class Package:
    """The package in a release, and the options that apply to it.

    Attributes:
        files: the files that identify a manager, and each package.json with its content, by paths such as ``./x``.
        options: the recipe's options.
    """

    files: Mapping[str, str]
    options: Options

    @cached_property
    def manager(self) -> Manager:
        """The package manager.

        Raises:
            ValueError: no lock file determines it, or several do, or the lock file of the chosen manager is missing.
        """
        found = {manager.program: self._locks(manager) for manager in MANAGERS.values() if self._locks(manager)}
        name: str = self.options.manager or next(iter(found), "")
        if not self.options.manager and len(found) > 1:
            locks = " and ".join(f"{lock} ({name})" for name, locks in found.items() for lock in locks)
            raise ValueError(f"there are {locks}; set the option manager, or remove the unused one")
        if name not in found:
            wanted = [MANAGERS[name]] if name else MANAGERS.values()
            locks = " or ".join(lock for manager in wanted for lock in manager.locks)
            raise ValueError(f"there is no {locks}; commit one, so that all hosts install equal modules")
        return YARN_2 if name == "yarn" and self._uses_yarn_2 else MANAGERS[name]

    @property
    def lock(self) -> str:
        """The name of the lock file; several names if the manager has several."""
        return " and ".join(self._locks(self.manager))

    @cached_property
    def build_scripts(self) -> tuple[str, ...]:
        """The scripts to run.

        Raises:
            ValueError: package.json lacks one of them.
        """
        scripts, wanted = _get_mapping(self._manifest, "scripts"), self.options.build
        if wanted is None:
            return ("build",) if "build" in scripts else ()
        names = (wanted,) if isinstance(wanted, str) else wanted
        if missing := [name for name in names if name not in scripts]:
            known = ", ".join(sorted(scripts)) or "none"
            raise ValueError(
                f"package.json has no script {' and '.join(missing)} (it has {known}); see the option build"
            )
        return names

    @property
    def install_command(self) -> tuple[str, ...]:
        """The command that installs the modules."""
        return self.manager.install + (self.manager.with_dev if self._needs_dev else self.manager.without_dev)

    @property
    def prune_command(self) -> tuple[str, ...]:
        """The command that removes devDependencies after the build; empty if they stay or were not installed."""
        are_installed = self._needs_dev or self.manager is YARN_2
        return self.manager.prune if are_installed and self.options.dev_dependencies != "keep" else ()

    @property
    def can_share(self) -> bool:
        """True if releases with equal lock files have equal modules, all of them in node_modules."""
        manifests = (text for path, text in self.files.items() if path.endswith("/package.json"))
        return self.manager is not YARN_2 and not any(map(_depends_on_code, manifests))

    @property
    def _needs_dev(self) -> bool:
        return bool(self.build_scripts) and self.options.dev_dependencies != "omit"

    @cached_property
    def _manifest(self) -> dict[str, Any]:
        if "./package.json" not in self.files:
            raise ValueError("there is no package.json; set the option directory")
        return _parse_manifest(self.files["./package.json"])

    @property
    def _uses_yarn_2(self) -> bool:
        version = re.match(r"yarn@(\d+)", str(self._manifest.get("packageManager")))
        return "./.yarnrc.yml" in self.files or bool(version and int(version[1]) > 1)

    def _locks(self, manager: Manager) -> list[str]:
        return [lock for lock in manager.locks if f"./{lock}" in self.files]


def _parse_manifest(manifest: str) -> dict[str, Any]:
    try:
        parsed = json.loads(manifest.removeprefix("\ufeff"))
    except ValueError as error:
        raise ValueError(f"package.json is not valid JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise ValueError("package.json is not a JSON object")  # noqa: TRY004 - a mistake in a file, not in a type
    return parsed


def _get_mapping(manifest: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = manifest.get(key)
    return found if isinstance(found, dict) else {}


def _depends_on_code(manifest: str) -> bool:
    """Check whether the modules for a package.json depend on more than its lock file."""
    try:
        parsed = _parse_manifest(manifest)
    except ValueError:  # for example test data, which nothing installs; but that is not certain
        return True
    scripts = [script for name, script in _get_mapping(parsed, "scripts").items() if name in INSTALL_SCRIPTS]
    versions = [str(version) for kind in DEPENDENCIES for version in _get_mapping(parsed, kind).values()]
    runs_scripts = any(script not in ACCEPTED_SCRIPTS for script in scripts)
    return runs_scripts or any(version.startswith(PATH_PREFIXES) for version in versions)
