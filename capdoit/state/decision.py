"""The decision of a flow: made once for all hosts, completed by the steps that find out more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from capdoit.text import join_values


@dataclass(frozen=True)
class Decision:
    """The release of a flow. A step that finds out more makes a more complete copy and announces it.

    Attributes:
        release: name of the release that is made or rolled back to; empty until ``starting`` chose it.
        revision: its commit or checksum; empty until it is known.
        revision_time: unix seconds of the revision, as text; empty when it is not known.
        subject: subject line of the commit, for people; empty when it is not known.
        archived_on: in a rollback, names of the hosts that have the release only as an archive.
        reverts: names that the rollback target does not know and that ``migrations=back`` reverts, by recipe.
        names: in a rollback, name of the release by host: a host may have its revision in a release of another name.
    """

    release: str = ""
    revision: str = ""
    revision_time: str = ""
    subject: str = ""
    archived_on: frozenset[str] = frozenset()
    reverts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def release_on(self, host: str) -> str:
        """Return the name of the release on a host."""
        return self.names.get(host, self.release)

    @property
    def release_text(self) -> str:
        """The name of the release for people; with the hosts of each name if there are several."""
        return join_values(self.names) or self.release
