"""acme_cache: clear the page cache of the web hosts once a release is live, and fill it again.

In a rollback as in a deploy: pages of the release before must not be served any longer. A page that cannot be filled
fails the flow; the release stays live.

    recipes:
      acme_cache: {warm: [/, /products], patience: 30}

`acme-cache clear` empties the cache, `acme-cache warm PAGE` fills it with a page; both come from the operations team
and are on the PATH of every web host. They are run in the release's directory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from capdoit import Recipe, Release

if TYPE_CHECKING:
    from capdoit import Host


@dataclass(frozen=True)
class Options:
    """What deploy.yml can say."""

    warm: tuple[str, ...] = ("/",)  #: the pages that the cache is filled with
    patience: int = 60  #: seconds that a page may take


acme_cache = Recipe("acme_cache", options=Options, roles="web")


@acme_cache.after("published")
def clear(host: Host, release: Release) -> None:
    """Empty the page cache."""
    host.run(["acme-cache", "clear"], cwd=release.path)


@acme_cache.after("published")
def warm(host: Host, release: Release, options: Options) -> None:
    """Fill the page cache, page by page."""
    for page in options.warm:
        host.run(["acme-cache", "warm", page], cwd=release.path, timeout=options.patience)
