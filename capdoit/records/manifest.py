"""What a release was shipped as, what it is now, and what differs: what ``manifest.sh`` prints, read with suspicion."""

from __future__ import annotations

import re
import stat
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from capdoit.errors import HostError
from capdoit.text import listed, printable

MOST_LINES = 10_000  # of differences; a host sends no more
HAS_MANIFEST = "manifest\tyes"
END = "is\t~~"
CUT_SHORT = "~"  # the path of the manifest's own last line
SUM = re.compile(r"([0-9a-f]{64})  (.+)")
KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}

Parts = Mapping[str, str]  # what is known of one path: its values by their keys
Listing = Mapping[str, Parts]


@dataclass(frozen=True)
class Change:
    """A path that is not as it was.

    Attributes:
        what: ``changed``, ``missing``, ``added``; ``differs`` between hosts.
        path: below the release, to be shown.
        how: what is otherwise, for people.
    """

    what: str
    path: str
    how: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.what} {self.path}" + (f": {listed(self.how)}" if self.how else "")


@dataclass(frozen=True)
class Comparison:
    """A release on one host, and its manifest.

    Attributes:
        revision: what its REVISION says; not yet looked at.
        has_manifest: whether there is one; a release of Capistrano's has none.
        changes: what differs, by path.
        cut: whether there is more than was sent.
    """

    revision: str
    has_manifest: bool = False
    changes: tuple[Change, ...] = ()
    cut: bool = False

    @property
    def damage(self) -> tuple[Change, ...]:
        """What a rollback must not go back to; what was added breaks nothing."""
        return tuple(change for change in self.changes if change.what != "added")

    @property
    def is_as_shipped(self) -> bool:
        """Whether there is a manifest, and nothing differs from it."""
        return self.has_manifest and not self.changes

    def summary(self) -> str:
        """How many changes of which kind."""
        kinds = [change.what for change in self.changes]
        counts = [f"{kinds.count(what)} {what}" for what in ("changed", "missing", "added") if what in kinds]
        return listed([*counts, "and more"] if self.cut else counts)


def shown(changes: Sequence[Change], most: int) -> list[str]:
    """Changes for people, a line each, and how many more there are."""
    more = [f"and {len(changes) - most} more"] if len(changes) > most else []
    return [*map(str, changes[:most]), *more]


def parse(host: str, text: str) -> Comparison:
    """What a host answered to ``verify.sh``.

    Raises:
        HostError: not all of it came.
    """
    first, *lines = text.removesuffix("\n").split("\n")
    key, _, revision = first.partition("\t")
    if key != "revision":
        raise HostError(host, f"answered with no revision: {printable(first)[:200]!r}")
    if not lines:
        return Comparison(revision)
    if lines.pop(0) != HAS_MANIFEST:
        raise HostError(host, "answered what no comparison of a release says")
    cut = len(lines) >= MOST_LINES
    if END not in lines and not cut:
        raise HostError(
            host,
            "could not compare the release with its manifest",
            lines=[printable(line)[:200] for line in lines[-1:]],
        )
    found = {side: parse_listing(_of(side, lines)) for side in ("was", "is")}
    return Comparison(revision, True, _changes(found["was"], found["is"]), cut)


def parse_listing(lines: Iterable[str]) -> Listing:
    """What is known of each path, by the lines of a listing; what is no such line stands for a path of its own."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for line in lines:
        if sum_ := SUM.fullmatch(line):
            found[sum_[2]]["sha256"] = sum_[1]
            continue
        path, _, rest = line.partition("\t")
        key, _, value = rest.partition("\t")
        found[path][key] = value
    return found


def between(listings: Mapping[str, Listing]) -> list[Change]:
    """What several hosts do not have alike.

    Args:
        listings: by host.
    """
    paths = sorted({path for listing in listings.values() for path in listing})
    found = (_differs(path, {host: one.get(path, {}) for host, one in listings.items()}) for path in paths)
    return [change for change in found if change]


# -- what differs


def _of(side: str, lines: Iterable[str]) -> Iterable[str]:
    return (line.removeprefix(f"{side}\t") for line in lines if line.startswith(f"{side}\t") and line != END)


def _changes(was: Listing, now: Listing) -> tuple[Change, ...]:
    paths = sorted({*was, *now})
    return tuple(change for path in paths if (change := _change(path, was.get(path, {}), now.get(path, {}))))


def _change(path: str, was: Parts, now: Parts) -> Change | None:
    """What became of a path; of what is the same on both sides, nothing is known here."""
    if path == CUT_SHORT:
        return Change("missing", "the end of the manifest: it was cut short")
    if not was and ("stat" in now or "link" in now):
        return Change("added", readable(path))
    if was and not now and set(was) != {"sha256"}:
        return Change("missing", readable(path))
    how = [*_stat_changes(was, now), *_link_changes(was, now), *_content_changes(was, now)]
    return Change("changed", readable(path), tuple(how)) if how else None


def _stat_changes(was: Parts, now: Parts) -> list[str]:
    if _kind(was) != _kind(now):
        return [f"was a {_kind(was)}, is a {_kind(now)}"]
    if "stat" not in was or "stat" not in now:
        return []
    before, after = _mode_and_size(was["stat"]), _mode_and_size(now["stat"])
    return [f"{what} {a} -> {b}" for what, a, b in zip(("mode", "size"), before, after, strict=True) if a != b]


def _link_changes(was: Parts, now: Parts) -> list[str]:
    both = "link" in was and "link" in now
    return [f"link {readable(was['link'])} -> {readable(now['link'])}"] if both else []


def _content_changes(was: Parts, now: Parts) -> list[str]:
    if _kind(was) != _kind(now) or "sha256" not in was:  # what could not be read when it was shipped may be by now
        return []
    return ["contents" if "sha256" in now else "cannot be read"]


def _differs(path: str, parts: Mapping[str, Parts]) -> Change | None:
    groups: dict[str, list[str]] = defaultdict(list)
    for host, values in parts.items():
        groups[_described(values)].append(host)
    how = tuple(f"{what} on {' '.join(hosts)}" for what, hosts in groups.items())
    return Change("differs", readable(path), how) if len(groups) > 1 else None


def _described(parts: Parts) -> str:
    """A path on one host, in words that are the same only where it is."""
    if "link" in parts:
        return f"a link to {readable(parts['link'])}"
    if not parts:
        return "missing"
    mode, size = _mode_and_size(parts.get("stat", ""))
    words = [_kind(parts), mode, *([f"{size} bytes"] if size else []), parts.get("sha256", "")[:12]]
    return printable(" ".join(filter(None, words)))


# -- values


def readable(path: str) -> str:
    """A path or a target as it is shown; hexadecimal digits stand for what has odd characters."""
    try:
        name = bytes.fromhex(path[1:]) if path.startswith("\\") else path.encode("utf-8", "surrogateescape")
    except ValueError:
        name = path.encode("utf-8", "surrogateescape")
    return printable(name.removeprefix(b"./"))


def _kind(parts: Parts) -> str:
    if "link" in parts:
        return "link"
    return KINDS.get(stat.S_IFMT(_mode(parts["stat"])), "special file") if "stat" in parts else "file"


def _mode_and_size(value: str) -> tuple[str, str]:
    mode, _, size = value.partition(" ")
    return f"{stat.S_IMODE(_mode(mode)):o}", printable(size)


def _mode(value: str) -> int:
    try:
        return int(value.partition(" ")[0], 16) & 0xFFFF
    except ValueError:
        return 0
