"""health: check that the application on each host is healthy, after everything else that follows the publish.

The check runs in deploys and in rollbacks, on the host itself: it requests a URL with curl or wget, or runs a command
that must exit with status 0. It is repeated until it succeeds or no try is left. Then the flow fails, and
`on_failure` of deploy.yml decides what follows. A host without curl and wget is refused before anything is changed.
Redirects are not followed: their status is compared with the expected one.

    recipes:
      health: {url: "http://127.0.0.1:8000/up", tries: 20, interval: 0.5, body: "{revision}"}

In `body`, {revision} and {release} are replaced by those of the release that must answer. The text must be within one
line of the answer. wget does not show the body of an error answer, such as 503.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from capdoit import Flow, HostError, Recipe, Release, RoleNames, Tool

if TYPE_CHECKING:
    from capdoit import Host

SCRIPT = Path(__file__).with_name("health.sh").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Options:
    """Options of the recipe health."""

    url: str | None = None  #: URL to request; set this or command
    command: str | None = None  #: command line for sh, run in the release's directory
    tries: int = 10  #: maximum number of tries
    interval: float = 1.0  #: seconds between two tries
    timeout: int = 5  #: seconds that one try may take
    status: int | tuple[str, ...] = 200  #: expected HTTP status, or a list of accepted ones
    body: str | None = None  #: text that the body of the answer must contain
    headers: Mapping[str, str] | None = None  #: headers of the request, such as {Host: shop.example.com}
    roles: RoleNames = ()  #: roles of the hosts to check; empty: all hosts that receive code

    def __post_init__(self) -> None:
        """Check the combination of options."""
        if bool(self.url) == bool(self.command):
            raise ValueError("set either url or command")
        if self.command and (self.body or self.headers or self.status != 200):
            raise ValueError("status, body and headers need a url, not a command")
        if self.tries < 1 or self.timeout < 1:
            raise ValueError("tries and timeout must be at least 1")
        if "\n" in (self.body or ""):
            raise ValueError("body must be one line")
        if "\n" in "".join(f"{name}{value}" for name, value in (self.headers or {}).items()):
            raise ValueError("a header must be one line")

    @property
    def longest_check(self) -> float:
        """The seconds that all tries may take, with a minute for everything else."""
        return self.tries * (self.timeout + self.interval) + 60

    @property
    def accepted_statuses(self) -> str:
        """The accepted HTTP statuses, with spaces between them."""
        return " ".join(map(str, self.status if isinstance(self.status, tuple) else [self.status]))

    @property
    def tool(self) -> Tool:
        """The program that the check needs."""
        return Tool("timeout") if self.command else Tool("curl, or wget", ("curl", "wget"))


health = Recipe("health", options=Options)


@health.after("starting", roles=lambda options: options.roles, tools=lambda options: options.tool)
def can_ask(host: Host, options: Options) -> None:
    """Check that the host has the programs that the health check needs."""
    if options.command and not host.test("command -v timeout || exit 1"):
        raise HostError(host.name, "has no timeout (package coreutils, or busybox), which the health check needs")
    if options.url and not host.test("command -v curl || { command -v wget && command -v timeout; } || exit 1"):
        raise HostError(host.name, "has neither curl nor wget with timeout; the health check needs one of them")


@health.health(roles=lambda options: options.roles, timeout=lambda options: options.longest_check)
def check(host: Host, release: Release, flow: Flow, options: Options) -> None:
    """Check that the application is healthy."""
    began = time.monotonic()
    directory = release.path if host.name in flow.hosts else None
    command = ["sh", "-c", SCRIPT, "health", *_script_arguments(release, options)]
    try:
        # Headers may hold a token, and errors show arguments.
        host.run(command, cwd=directory, env=_headers_environment(options))
    except HostError as error:
        raise _use_last_line_as_reason(error) from None
    host.run(["echo", f"healthy after {time.monotonic() - began:.1f} s"])


def _script_arguments(release: Release, options: Options) -> list[str]:
    body = (options.body or "").replace("{revision}", release.revision).replace("{release}", release.name)
    limits = [str(options.tries), f"{options.interval:g}", str(options.timeout)]
    return [options.command or "", options.url or "", *limits, options.accepted_statuses if options.url else "", body]


def _headers_environment(options: Options) -> dict[str, str]:
    return {"HEALTH_HEADERS": "\n".join(f"{name}: {value}" for name, value in (options.headers or {}).items())}


def _use_last_line_as_reason(error: HostError) -> HostError:
    """Return the error with the reason that the script printed, unless the script was cut short."""
    if error.status != 1 or not error.lines:
        return error
    return HostError(error.host, error.lines[-1], "health", error.status, error.lines[:-1])
