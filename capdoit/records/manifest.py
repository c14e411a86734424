"""The differences between a release and its manifest, parsed from the untrusted answer of a host."""

from __future__ import annotations

import re
import stat
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from capdoit.errors import HostError
from capdoit.records.fact_lines import LONGEST_SHOWN
from capdoit.text import cut, join_names, make_printable

MOST_LINES = 10_000  # of differences; a host sends no more
HAS_MANIFEST = "manifest\tyes"
END = "is\t~~"
CANNOT_BE_READ = "cannot be read"
CUT_SHORT = "~"  # the path in the last line of a complete manifest
SUM = re.compile(r"([0-9a-f]{64})  (.+)")
UNREADABLE = re.compile(r"unreadable\t([^\t]*)\t(user|other)\t([0-9]{1,9})")
KINDS = ("changed", "missing", "unreadable", "added")  # of changes on one host
HARMLESS = ("unreadable", "added")
FILE_TYPES = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink"}

Properties = Mapping[str, str]  # of one path: mode and size, target of a symlink, checksum
Listing = Mapping[str, Properties]  # by path


@dataclass(frozen=True)
class Change:
    """A difference of one path.

    Attributes:
        kind: ``changed``, ``missing`` or ``added``; ``unreadable``, if another user made it private; or ``differs``,
            between hosts.
        path: path below the release, printable.
        details: the differences, for people.
    """

    kind: str
    path: str
    details: tuple[str, ...] = ()

    def __str__(self) -> str:
        details = f": {join_names(self.details)}" if self.details else ""
        return f"{self.path}{details}" if self.kind == "unreadable" else f"{self.kind} {self.path}{details}"


@dataclass(frozen=True)
class Unreadable:
    """A path that the user cannot read, or a directory that the user cannot enter.

    Attributes:
        is_own: whether the path belongs to the user.
        hidden: number of lines of the manifest below it.
    """

    is_own: bool
    hidden: int


@dataclass(frozen=True)
class Comparison:
    """The comparison of a release on one host with its manifest.

    Attributes:
        revision: the content of REVISION, not yet checked.
        has_manifest: whether there is a manifest; a release of Capistrano has none.
        changes: the differences, by path.
        is_cut: whether there are more differences than the host sent.
    """

    revision: str
    has_manifest: bool = False
    changes: tuple[Change, ...] = ()
    is_cut: bool = False

    @property
    def damage(self) -> tuple[Change, ...]:
        """The differences that make a rollback unsafe: not added files, or what another user made private."""
        return tuple(change for change in self.changes if change.kind not in HARMLESS)

    @property
    def unreadable(self) -> tuple[Change, ...]:
        """The paths that another user made private, so that they could not be compared."""
        return tuple(change for change in self.changes if change.kind == "unreadable")

    @property
    def is_as_shipped(self) -> bool:
        """True if there is a manifest and nothing differs from it."""
        return self.has_manifest and not self.changes

    def count_changes(self) -> str:
        """Return the number of changes of each kind: ``1 changed, 2 missing``."""
        kinds = [change.kind for change in self.changes]
        counts = [f"{kinds.count(kind)} {kind}" for kind in KINDS if kind in kinds]
        return join_names([*counts, "and more"] if self.is_cut else counts)


def format_changes(changes: Sequence[Change], most: int) -> list[str]:
    """Return the first changes, one line each, and a line with the number of further changes."""
    more = [f"and {len(changes) - most} more"] if len(changes) > most else []
    return [*map(str, changes[:most]), *more]


def parse_comparison(host: str, text: str) -> Comparison:
    """Return the comparison in the answer of a host.

    Raises:
        HostError: the answer is incomplete.
    """
    first, *lines = text.removesuffix("\n").split("\n")
    key, _, revision = first.partition("\t")
    if key != "revision":
        raise HostError(host, f"sent no revision: {cut(make_printable(first), LONGEST_SHOWN)!r}")
    if not lines:
        return Comparison(revision)
    if lines.pop(0) != HAS_MANIFEST:
        raise HostError(host, "sent a malformed comparison of a release")
    unreadable = {match[1]: _parse_unreadable(match) for match in map(UNREADABLE.fullmatch, lines) if match}
    is_cut = len(lines) - len(unreadable) >= MOST_LINES
    if END not in lines and not is_cut:
        last = [cut(make_printable(line), LONGEST_SHOWN) for line in lines[-1:]]
        raise HostError(host, "could not compare the release with its manifest", lines=last)
    shipped, current = (parse_listing(_lines_of(side, lines)) for side in ("was", "is"))
    return Comparison(revision, True, _find_changes(shipped, current, unreadable), is_cut)


def parse_listing(lines: Iterable[str]) -> Listing:
    """Return the properties of each path in the lines of a listing; a malformed line becomes a path."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for line in lines:
        if match := SUM.fullmatch(line):
            found[match[2]]["sha256"] = match[1]
            continue
        path, _, rest = line.partition("\t")
        key, _, value = rest.partition("\t")
        found[path][key] = value
    return found


def compare_listings(listings: Mapping[str, Listing]) -> list[Change]:
    """Return the paths that differ between hosts.

    Args:
        listings: by host.
    """
    paths = sorted({path for listing in listings.values() for path in listing})
    found = (_compare_hosts(path, {host: one.get(path, {}) for host, one in listings.items()}) for path in paths)
    return [change for change in found if change]


# -- differences


def _lines_of(side: str, lines: Iterable[str]) -> Iterable[str]:
    return (line.removeprefix(f"{side}\t") for line in lines if line.startswith(f"{side}\t") and line != END)


def _parse_unreadable(match: re.Match[str]) -> Unreadable:
    return Unreadable(match[2] == "user", int(match[3]))


def _find_changes(was: Listing, now: Listing, unreadable: Mapping[str, Unreadable]) -> tuple[Change, ...]:
    paths = sorted({*was, *now, *unreadable})
    found = (_find_change(path, was.get(path, {}), now.get(path, {}), unreadable.get(path)) for path in paths)
    return tuple(change for change in found if change)


def _find_change(path: str, was: Properties, now: Properties, unreadable: Unreadable | None) -> Change | None:
    """Return the change of a path; the host sent only the properties that differ."""
    change = _find_readable_change(path, was, now)
    if unreadable is None or (change is None and not unreadable.hidden):  # it was unreadable when it was shipped, too
        return change
    if change and change.kind == "added":
        return replace(change, details=(CANNOT_BE_READ,))
    details = [one for one in (change.details if change else ()) if one != CANNOT_BE_READ]
    is_private = not unreadable.is_own and all(one.startswith("mode ") for one in details)
    if is_private:
        return Change("unreadable", format_path(path), (" ".join([CANNOT_BE_READ, *(f"({one})" for one in details)]),))
    return Change("changed", format_path(path), (*details, CANNOT_BE_READ))


def _find_readable_change(path: str, was: Properties, now: Properties) -> Change | None:
    if path == CUT_SHORT:
        return Change("missing", "the end of the manifest: it was cut short")
    if not was and ("stat" in now or "link" in now):
        return Change("added", format_path(path))
    if was and not now and set(was) != {"sha256"}:
        return Change("missing", format_path(path))
    details = [*_find_stat_changes(was, now), *_find_target_changes(was, now), *_find_content_changes(was, now)]
    return Change("changed", format_path(path), tuple(details)) if details else None


def _find_stat_changes(was: Properties, now: Properties) -> list[str]:
    if _find_file_type(was) != _find_file_type(now):
        return [f"was a {_find_file_type(was)}, is a {_find_file_type(now)}"]
    if "stat" not in was or "stat" not in now:
        return []
    before, after = _mode_and_size(was["stat"]), _mode_and_size(now["stat"])
    return [f"{what} {a} -> {b}" for what, a, b in zip(("mode", "size"), before, after, strict=True) if a != b]


def _find_target_changes(was: Properties, now: Properties) -> list[str]:
    both = "link" in was and "link" in now
    return [f"symlink {format_path(was['link'])} -> {format_path(now['link'])}"] if both else []


def _find_content_changes(was: Properties, now: Properties) -> list[str]:
    # A file without a checksum could not be read when it was shipped.
    if _find_file_type(was) != _find_file_type(now) or "sha256" not in was:
        return []
    return ["contents" if "sha256" in now else CANNOT_BE_READ]


def _compare_hosts(path: str, properties: Mapping[str, Properties]) -> Change | None:
    groups: dict[str, list[str]] = defaultdict(list)
    for host, values in properties.items():
        groups[_describe(values)].append(host)
    details = tuple(f"{what} on {' '.join(hosts)}" for what, hosts in groups.items())
    return Change("differs", format_path(path), details) if len(groups) > 1 else None


def _describe(properties: Properties) -> str:
    """Return a path on one host in words; equal words mean equal properties."""
    if "link" in properties:
        return f"a symlink to {format_path(properties['link'])}"
    if not properties:
        return "missing"
    mode, size = _mode_and_size(properties.get("stat", ""))
    size_text = f"{size} bytes" if size else ""
    words = [_find_file_type(properties), mode, size_text, properties.get("sha256", "")[:12]]
    return make_printable(" ".join(filter(None, words)))


# -- values


def format_path(path: str) -> str:
    """Return a path or a symlink target, printable; hosts send one with odd characters in hexadecimal."""
    try:
        name = bytes.fromhex(path[1:]) if path.startswith("\\") else path.encode("utf-8", "surrogateescape")
    except ValueError:
        name = path.encode("utf-8", "surrogateescape")
    return make_printable(name.removeprefix(b"./"))


def _find_file_type(properties: Properties) -> str:
    if "link" in properties:
        return "symlink"
    return FILE_TYPES.get(stat.S_IFMT(_mode(properties["stat"])), "special file") if "stat" in properties else "file"


def _mode_and_size(value: str) -> tuple[str, str]:
    mode, _, size = value.partition(" ")
    return f"{stat.S_IMODE(_mode(mode)):o}", make_printable(size)


def _mode(value: str) -> int:
    try:
        return int(value.partition(" ")[0], 16) & 0xFFFF
    except ValueError:
        return 0
