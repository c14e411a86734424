"""health: ask the application on each host whether it is well, when all else after the publish is done.

In a rollback as in a deploy. The check is made on the host itself: an address by curl or wget, or a command whose
exit status has to be 0. It is tried again until it succeeds or the tries are over; then the flow has failed, and
`on_failure` of deploy.yml says what follows. A host without curl and wget is refused before anything is touched.
A redirect is an answer like another, and is not gone after.

    recipes:
      health: {url: "http://127.0.0.1:8000/up", tries: 20, interval: 0.5, body: "{revision}"}

In `body`, {revision} and {release} stand for those of the release that has to answer. It is looked for line by line;
wget does not see the text of an answer that is an error, such as 503.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from capdoit import Flow, HostError, Recipe, Release, RoleNames

if TYPE_CHECKING:
    from capdoit import Host

CHECK = Path(__file__).with_name("health.sh").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Options:
    """What deploy.yml can say."""

    url: str | None = None  #: the address to ask; or else
    command: str | None = None  #: a line for sh, which runs in the release
    tries: int = 10  #: how often it is tried
    interval: float = 1.0  #: seconds between two tries
    timeout: int = 5  #: seconds that one try may take
    status: int | tuple[str, ...] = 200  #: the answer of an address that is well, or a list of them
    body: str | None = None  #: a text that the answer of an address has to contain
    headers: Mapping[str, str] | None = None  #: what an address is asked with, such as {Host: shop.example.com}
    roles: RoleNames = ()  #: on hosts with one of these; on all that get code when there are none

    def __post_init__(self) -> None:
        """Refuse what is no check."""
        if bool(self.url) == bool(self.command):
            raise ValueError("say either url or command")
        if self.command and (self.body or self.headers or self.status != 200):
            raise ValueError("status, body and headers mean nothing to a command")
        if self.tries < 1 or self.timeout < 1:
            raise ValueError("tries and timeout are at least 1")
        if "\n" in (self.body or ""):
            raise ValueError("body is one line")
        if "\n" in "".join(f"{name}{value}" for name, value in (self.headers or {}).items()):
            raise ValueError("a header is one line")

    @property
    def statuses(self) -> str:
        """The answers that are well."""
        return " ".join(map(str, self.status if isinstance(self.status, tuple) else [self.status]))


health = Recipe("health", options=Options)


@health.after("starting", roles=lambda options: options.roles)
def can_ask(host: Host, options: Options) -> None:
    """See that the host has what the check needs."""
    if options.command and not host.test("command -v timeout || exit 1"):
        raise HostError(host.name, "has no timeout (package coreutils, or busybox), which the health check needs")
    if options.url and not host.test("command -v curl || { command -v wget && command -v timeout; } || exit 1"):
        raise HostError(host.name, "has neither curl nor wget with timeout, one of which the health check needs")


@health.health(roles=lambda options: options.roles)
def check(host: Host, release: Release, flow: Flow, options: Options) -> None:
    """Ask the application whether it is well."""
    began = time.monotonic()
    where = release.path if host.name in flow.hosts else None
    try:
        # a header may hold a token, and an error shows arguments
        host.run(["sh", "-c", CHECK, "health", *_asked(release, options)], cwd=where, env=_headers(options))
    except HostError as error:
        raise _in_its_own_words(error) from None
    host.run(["echo", f"well after {time.monotonic() - began:.1f} s"])


def _asked(release: Release, options: Options) -> list[str]:
    body = (options.body or "").replace("{revision}", release.revision).replace("{release}", release.name)
    limits = [str(options.tries), f"{options.interval:g}", str(options.timeout)]
    return [options.command or "", options.url or "", *limits, options.statuses if options.url else "", body]


def _headers(options: Options) -> dict[str, str]:
    return {"HEALTH_HEADERS": "\n".join(f"{name}: {value}" for name, value in (options.headers or {}).items())}


def _in_its_own_words(error: HostError) -> HostError:
    """The error as the check puts it in its last line, when it came so far."""
    if error.status != 1 or not error.lines:
        return error
    return HostError(error.host, error.lines[-1], "health", error.status, error.lines[:-1])
