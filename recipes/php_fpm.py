"""php_fpm: reload PHP-FPM once a release is live, or reset its opcache.

The recipe does this in deploys and in rollbacks. Set one or more of these options:

- `services`: the units are reloaded by systemctl. A user other than root calls it through `sudo -n`, so sudoers must
  allow `systemctl reload` of the unit without a password. Then the units must stay active; if one is not, its last
  journal lines are shown.
- `pid_file`: for a PHP-FPM without systemd. Its master process gets the signal USR2, through `sudo -n kill` if it
  belongs to another user, and must still run a moment later.
- `opcache`: the opcache of a pool is reset through its socket, by cachetool or by cgi-fcgi (Debian: libfcgi-bin). The
  deploying user must be able to write to the socket. Root is not needed. `php -r 'opcache_reset();'` would reset only
  the opcache of that command.

A reload also empties the opcache. With `process_control_timeout = 10s` in php-fpm.conf, requests may end first; with
the default, 0, a reload ends them. If somebody broke the configuration since the last start, a reload ends PHP-FPM.
With `test: [php-fpm8.3, -t]`, the configuration is tested before, also through sudo, and the flow fails instead.

If something fails, the flow fails, the release stays live, and `on_failure` decides what follows.

    recipes:
      php_fpm: {services: [php8.3-fpm.service], test: [php-fpm8.3, -t]}

    recipes:
      php_fpm: {opcache: cachetool, socket: /run/php/shop.sock, cachetool: vendor/bin/cachetool}

PHP keeps the targets of symlinks for two minutes (realpath_cache_ttl). If the web server passes the path of the release
instead of `current`, all requests after the publish use the new release even without a reload. For nginx:

    fastcgi_param SCRIPT_FILENAME $realpath_root$fastcgi_script_name;
    fastcgi_param DOCUMENT_ROOT $realpath_root;
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from capdoit import Recipe, Release, RoleNames, Tool
from capdoit.recipes._missing_programs import name_missing_program
from capdoit.recipes._restarts import BY_OPTIONS
from capdoit.recipes._systemd import Units, list_tools

if TYPE_CHECKING:
    from capdoit import Host

SCRIPT = Path(__file__).with_name("php_fpm.sh").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Options:
    """Options of the recipe php_fpm."""

    #: names of the systemd units to reload, such as [php8.3-fpm.service]
    services: tuple[str, ...] = ()
    #: path of the pid file of a PHP-FPM without systemd, absolute or below deploy_to
    pid_file: str | None = None
    #: command that tests the configuration before a reload, such as [php-fpm8.3, -t]
    test: tuple[str, ...] = ()
    #: program that resets the opcache of a pool
    opcache: Literal["cachetool", "cgi-fcgi"] | None = None
    #: socket of the pool whose opcache is reset: a path, or HOST:PORT
    socket: str = "/run/php/php-fpm.sock"
    #: cachetool: a program on the host, or a path in the release
    cachetool: str = "cachetool"
    #: seconds to wait until PHP-FPM runs again
    patience: int = 30
    #: seconds that PHP-FPM must run after a reload
    settle: float = 1.0
    #: number of hosts to reload at the same time; default: all
    at_once: int | None = None
    #: seconds between two groups of hosts
    wait: float = 0.0
    #: roles of the hosts with PHP-FPM; empty: all hosts that receive code
    roles: RoleNames = ()

    def __post_init__(self) -> None:
        """Check that there is something to do."""
        if not self.services and not self.pid_file and not self.opcache:
            raise ValueError("set services, pid_file or opcache: there is nothing to do without them")
        if self.services and self.pid_file:
            raise ValueError("services and pid_file exclude each other")

    @property
    def reload_tools(self) -> list[str | Tool]:
        """The programs, units and rights that a reload by systemctl needs."""
        tools: list[str | Tool] = list_tools(self.services, action="reload") if self.services else []
        return tools

    @property
    def opcache_programs(self) -> list[Tool]:
        """The programs that reset the opcache."""
        tools = {"cachetool": Tool(self.cachetool, option="cachetool"), "cgi-fcgi": Tool("cgi-fcgi")}
        return [tools[self.opcache]] if self.opcache else []


php_fpm = Recipe("php_fpm", options=Options)


@php_fpm.after("published", **BY_OPTIONS, tools=lambda options: options.reload_tools)
def reload(host: Host, release: Release, options: Options) -> None:
    """Reload PHP-FPM, and wait until it runs with the reloaded configuration."""
    if options.test and (options.services or options.pid_file):
        _run_script(host, release, "test", *options.test, failure="the configuration is wrong; PHP-FPM is not reloaded")
    settle = f"{options.settle:g}"
    if options.services:
        Units(options.services, patience=options.patience, settle=options.settle).run(host, "reload")
    if options.pid_file:
        path = options.pid_file if options.pid_file.startswith("/") else f"{release.deploy_to}/{options.pid_file}"
        failure = "PHP-FPM could not be reloaded"
        _run_script(host, release, "signal", path, settle, str(options.patience), failure=failure)


@php_fpm.after("published", **BY_OPTIONS, tools=lambda options: options.opcache_programs)
def reset_opcache(host: Host, release: Release, options: Options) -> None:
    """Reset the opcache."""
    failure = "the opcache could not be reset"
    if options.opcache == "cgi-fcgi":
        _run_script(host, release, "reset", options.socket, release.shared, failure=failure)
    elif options.opcache:
        arguments = ["opcache:reset", f"--fcgi={options.socket}", f"--tmp-dir={release.shared}"]
        _run(host, release, [options.cachetool, *arguments], failure, options.cachetool)


def _run_script(host: Host, release: Release, action: str, *arguments: str, failure: str) -> None:
    program = "cgi-fcgi" if action == "reset" else arguments[0]
    _run(host, release, ["sh", "-c", SCRIPT, "php_fpm", action, *arguments], failure, program)


def _run(host: Host, release: Release, command: list[str], failure: str, program: str) -> None:
    with name_missing_program(program, failure):
        host.run(command, cwd=release.path, called=failure)
