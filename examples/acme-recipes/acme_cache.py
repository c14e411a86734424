"""acme_cache: clear the page cache of the web hosts once a release is live, and fill it again.

The recipe does this in deploys and in rollbacks, so that pages of the previous release are not served any longer. If a
page cannot be fetched, the flow fails, and the release stays live.

    recipes:
      acme_cache: {warm: [/, /products], patience: 30}

`acme-cache clear` empties the cache, and `acme-cache warm PAGE` adds a page to it. The program must be on the PATH of
every web host. It runs in the release's directory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from capdoit import Recipe, Release

if TYPE_CHECKING:
    from capdoit import Host


@dataclass(frozen=True)
class Options:
    """Options of the recipe acme_cache."""

    warm: tuple[str, ...] = ("/",)  #: pages to add to the cache
    patience: int = 60  #: seconds that one page may take


acme_cache = Recipe("acme_cache", options=Options, roles="web")


@acme_cache.after("published")
def clear(host: Host, release: Release) -> None:
    """Empty the page cache."""
    host.run(["acme-cache", "clear"], cwd=release.path)


@acme_cache.after("published")
def warm(host: Host, release: Release, options: Options) -> None:
    """Add pages to the cache, one after another."""
    for page in options.warm:
        host.run(["acme-cache", "warm", page], cwd=release.path, timeout=options.patience)
