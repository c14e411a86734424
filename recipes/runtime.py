"""runtime: select the versions of Ruby, Python, Node and other tools that the release asks for.

The recipe works with rbenv, rvm, chruby, pyenv, nvm, fnm, asdf and mise. It finds the versions on each host and gives
PATH and the variables of the manager to all hooks that follow, those of the project and of other recipes. No shell has
to be configured for it. In a rollback, the versions are those of the target release. Commands of `doit cap exec` and
services do not get them.

    recipes:
      runtime: {managers: [rbenv, nvm]}
      bundler: {}
      node: {}

List this recipe first. A version is looked for in the option versions, then in these files of the release, then in
.tool-versions:

- rbenv, rvm, chruby: .ruby-version (rvm: and .ruby-gemset)
- pyenv: .python-version
- nvm, fnm: .nvmrc, .node-version
- asdf: only .tool-versions, with all its tools
- mise: mise.toml and all other files that mise reads

If a version is not installed on a host, the deploy or rollback is refused before the publish, with the command that
installs it:

    ruby 3.3.0 (.ruby-version) is not installed (rbenv). Install it:
      doit cap exec 'RBENV_ROOT=/home/deploy/.rbenv /home/deploy/.rbenv/bin/rbenv install 3.3.0' production

A version can be incomplete where the manager allows it (pyenv, rvm, nvm, fnm: 3.12 or 20): the newest installed one is
used. The version `system` selects nothing. mise gets the release as a trusted directory and is not allowed to use the
network. Its variables of `[env]` are given to hooks, too. They may be secrets, so *** is shown instead of them
everywhere, except directories and variables such as RAILS_ENV (all names that end in _ENV).

A service has to select its version itself. In a systemd unit, for example:
`ExecStart=/home/deploy/.rbenv/shims/bundle exec puma`, with `WorkingDirectory=/srv/shop/current`.
"""

from __future__ import annotations

import base64
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from capdoit import Flow, Recipe, Release, RoleNames, Tool
from capdoit.recipes._paths import check_directory_in_release

if TYPE_CHECKING:
    from capdoit import Host

SCRIPT = Path(__file__).with_name("runtime.sh").read_text(encoding="utf-8")
TOOLS = {"rbenv": "ruby", "rvm": "ruby", "chruby": "ruby", "pyenv": "python", "nvm": "node", "fnm": "node"}
OF_ALL_TOOLS = ("asdf", "mise")
MANAGERS = (*TOOLS, *OF_ALL_TOOLS)
# The usual places of each manager, as the script has them.
PLACES = {
    "rbenv": ("$RBENV_ROOT", "$HOME/.rbenv", "/usr/local/rbenv", "/opt/rbenv"),
    "pyenv": ("$PYENV_ROOT", "$HOME/.pyenv", "/usr/local/pyenv", "/opt/pyenv"),
    "chruby": ("/opt/rubies", "$HOME/.rubies", "/usr/local/opt/rubies"),
    "rvm": ("$rvm_path", "$HOME/.rvm", "/usr/local/rvm", "/usr/share/rvm"),
    "nvm": ("$NVM_DIR", "$HOME/.nvm", "$XDG_CONFIG_HOME/nvm", "$HOME/.config/nvm", "/usr/local/nvm", "/opt/nvm"),
    "fnm": ("$FNM_DIR", "$XDG_DATA_HOME/fnm", "$HOME/.local/share/fnm", "$HOME/.fnm", "/opt/fnm"),
    "asdf": ("$ASDF_DATA_DIR", "$HOME/.asdf", "/opt/asdf"),
    "mise": ("mise", "$HOME/.local/bin/mise", "/usr/local/bin/mise"),
}
# Programs of the system, which no manager of a single language has.
SYSTEM = ("php*", "composer", "setfacl", "getfacl", "crontab", "systemctl", "curl*", "timeout", "cgi-fcgi")
PRINT_VERSIONS = 'for each; do version=$("$each" --version) || exit; echo "$(command -v "$each"): $version"; done'


@dataclass(frozen=True)
class Options:
    """Options of the recipe runtime."""

    #: version managers: rbenv, rvm, chruby, pyenv, nvm, fnm, asdf, mise
    managers: tuple[str, ...]
    #: versions by tool, instead of those of files, such as {ruby: 3.3.0, node: "20"}
    versions: Mapping[str, str] = field(default_factory=dict)
    #: directories of managers, such as {rbenv: /opt/rbenv}; default: the usual places, such as ~/.rbenv
    directories: Mapping[str, str] = field(default_factory=dict)
    #: directory of the version files in the release
    directory: str = "."
    #: roles of the hosts with the managers; empty: all hosts that receive code
    roles: RoleNames = ()

    def __post_init__(self) -> None:
        """Check the managers, and that each option is for one of them."""
        if not self.managers:
            raise ValueError(f"managers must name at least one of {', '.join(MANAGERS)}")
        for manager in (*self.managers, *self.directories):
            _check_manager(manager)
        self._refuse_double_tools()
        if unused := [manager for manager in self.directories if manager not in self.managers]:
            raise ValueError(f"directories has {unused[0]}, which managers does not name")
        if unused := [tool for tool in self.versions if not any(_selects(one, tool) for one in self.managers)]:
            raise ValueError(f"versions has {unused[0]}, which no manager of this recipe selects")
        check_directory_in_release("directory", self.directory)

    @property
    def programs(self) -> list[str]:
        """The programs whose versions are checked."""
        return [TOOLS[manager] for manager in self.managers if manager in TOOLS]

    @property
    def tools(self) -> list[Tool]:
        """The managers, with the places where they may be."""
        return [Tool(manager, self._find_places(manager), option="directories") for manager in self.managers]

    @property
    def not_provided(self) -> tuple[str, ...]:
        """The programs that no version leads to."""
        return SYSTEM if {*OF_ALL_TOOLS}.isdisjoint(self.managers) else ()

    def arguments(self) -> Iterator[str]:
        """Yield three arguments of the script for each manager: its name, its directory and its versions."""
        for manager in self.managers:
            lines = [f"{tool} {version}" for tool, version in self.versions.items() if _selects(manager, tool)]
            yield from (manager, self.directories.get(manager, ""), "\n".join(lines))

    def _find_places(self, manager: str) -> tuple[str, ...]:
        root = self.directories.get(manager, "").replace("$", "$$")
        if manager == "mise":
            return (*((f"{root}/bin/mise", f"{root}/mise") if root else ()), *PLACES[manager])
        return (root,) if root else PLACES[manager]

    def _refuse_double_tools(self) -> None:
        users: dict[str, str] = {}
        for manager in self.managers:
            tool = TOOLS.get(manager, manager)
            if tool in users:
                raise ValueError(f"managers has {users[tool]} and {manager}, which both select {tool}")
            users[tool] = manager


runtime = Recipe("runtime", options=Options)


@runtime.environment(
    roles=lambda options: options.roles,
    tools=lambda options: options.tools,
    not_provided=lambda options: options.not_provided,
)
def select(host: Host, release: Release, flow: Flow, options: Options) -> dict[str, str]:
    """Select the versions that the release asks for."""
    directory = posixpath.normpath(f"{release.path}/{options.directory}")
    command = ["sh", "-c", SCRIPT, "runtime", directory, flow.stage, *options.arguments()]
    failure = "the versions that the release asks for cannot be selected"
    lines = [line.split(" ") for line in host.capture(command, secret=True, called=failure).splitlines()]
    values = {name: base64.b64decode(value).decode(errors="surrogateescape") for _, name, value in lines}
    host.mask(*(values[name] for kind, name, _ in lines if kind == "secret"))
    return values


@runtime.before("updated", roles=lambda options: options.roles)
@runtime.before("reverted", roles=lambda options: options.roles)
def check(host: Host, release: Release, options: Options) -> None:
    """Check that the versions that the release asks for are installed and work."""
    host.run(["sh", "-c", PRINT_VERSIONS, "check", *options.programs], cwd=release.path)


def _selects(manager: str, tool: str) -> bool:
    return manager in OF_ALL_TOOLS or TOOLS[manager] == tool


def _check_manager(name: str) -> None:
    if name not in MANAGERS:
        near = get_close_matches(name, MANAGERS, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"unknown version manager {name}{hint} (there are {', '.join(MANAGERS)})")
