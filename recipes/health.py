"""health: ask the application on each host whether it is well, when all else after the publish is done.

In a rollback as in a deploy. The check is made on the host itself: an address by curl or wget, or a command whose
exit status has to be 0. It is tried again until it succeeds or the tries are over; then the flow has failed, and
`on_failure` of deploy.yml says what follows. A host without curl and wget is refused before anything is touched.

    recipes:
      health: {url: "http://127.0.0.1:8000/up", tries: 20, interval: 0.5, body: "{revision}"}

In `body`, {revision} and {release} stand for those of the release that has to answer.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from capdoit import HostError, Recipe, Release, RoleNames

if TYPE_CHECKING:
    from capdoit.host import Host

CHECK = Path(__file__).with_name("health.sh").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Options:
    """What deploy.yml can say."""

    url: str | None = None  #: the address to ask; or else
    command: str | None = None  #: a line for sh, which runs in the release
    tries: int = 10  #: how often it is tried
    interval: float = 1.0  #: seconds between two tries
    timeout: int = 5  #: seconds that one try may take
    status: tuple[str, ...] = ("200",)  #: the answers of an address that are well
    body: str | None = None  #: a text that the answer of an address has to contain
    headers: Mapping[str, str] | None = None  #: what an address is asked with, such as {Host: shop.example.com}
    roles: RoleNames = ()  #: on hosts with one of these; on all when there are none

    def __post_init__(self) -> None:
        """Refuse what is no check."""
        if bool(self.url) == bool(self.command):
            raise ValueError("say either url or command")
        if self.tries < 1 or self.timeout < 1:
            raise ValueError("tries and timeout are at least 1")


health = Recipe("health", options=Options)


@health.after("starting", roles=lambda options: options.roles)
def can_ask(host: Host, options: Options) -> None:
    """See that the host has what the check needs."""
    if options.command and not host.test("command -v timeout || exit 1"):
        raise HostError(host.name, "has no timeout (package coreutils, or busybox), which the health check needs")
    if options.url and not host.test("command -v curl || { command -v wget && command -v timeout; } || exit 1"):
        raise HostError(host.name, "has neither curl nor wget with timeout, one of which the health check needs")


@health.health(roles=lambda options: options.roles)
def check(host: Host, release: Release, options: Options) -> None:
    """Ask the application whether it is well."""
    began = time.monotonic()
    body = (options.body or "").replace("{revision}", release.revision).replace("{release}", release.name)
    headers = [f"{name}: {value}" for name, value in (options.headers or {}).items()]
    limits = [str(options.tries), f"{options.interval:g}", str(options.timeout)]
    asked = [options.command or "", options.url or "", *limits, " ".join(options.status) if options.url else "", body]
    host.run(["sh", "-c", CHECK, "health", *asked, *headers], cwd=release.path)
    host.run(["echo", f"well after {time.monotonic() - began:.1f} s"])
