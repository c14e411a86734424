"""The problems that would make a flow on these hosts fail."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterable, Sequence

from capdoit.config.stages import HostConfig, Stage
from capdoit.decisions.directory_conflicts import find_directory_conflicts
from capdoit.errors import Problem
from capdoit.records.facts import Facts
from capdoit.text import make_printable
from capdoit.units import format_size

# Both flows write here, relative to deploy_to.
WRITTEN = (".", ".capdoit", ".capdoit/lock", ".capdoit/journal")
WRITTEN_BY_DEPLOYS = (*WRITTEN, "releases", "shared", "repo", "repo/objects", "repo/refs")


def find_deploy_problems(facts: Sequence[Facts], stage: Stage, sent_kib: int = 0) -> list[Problem]:
    """Return every problem that would make a deploy to these hosts fail.

    Args:
        facts: what the hosts answered.
        stage: the stage that is deployed.
        sent_kib: size in KiB of what the controller sends to each host.
    """
    found = [Problem(text, one.host) for one in facts for text in _deploy_problems(one, sent_kib)]
    return [*_find_directory_conflicts(facts), *found, *find_missing_linked_files(facts, stage)]


def find_missing_linked_files(facts: Sequence[Facts], stage: Stage) -> list[Problem]:
    """Return a problem for each linked file that a host lacks, with the command that puts the file there."""
    hosts, facts_of = {host.name: host for host in stage.hosts}, {one.host: one for one in facts}
    return [
        _missing_file(facts_of[host], stage, hosts[host], path) for host, path in find_absent_linked_files(facts, stage)
    ]


def find_absent_linked_files(facts: Sequence[Facts], stage: Stage) -> list[tuple[str, str]]:
    """Return the host and the path of each linked file that a host lacks."""
    return [
        (one.host, path)
        for one in facts
        if not _is_uncreatable(one)
        for number, path in enumerate(stage.linked_files)
        if not one.exists or number in one.missing_files
    ]


def find_rollback_problems(facts: Sequence[Facts]) -> list[Problem]:
    """Return every problem that would make a rollback on these hosts fail; a rollback needs no linked file."""
    found = [Problem(text, one.host) for one in facts for text in _find_rollback_problems(one)]
    return [*_find_directory_conflicts(facts), *found]


def find_undo_problems(facts: Sequence[Facts], release: str) -> list[Problem]:
    """Return the hosts where a release is no longer live, so that an automatic rollback must not undo it."""
    changed = [one for one in facts if one.current != release]
    return [
        Problem(f"{one.live or 'nothing'} is live, no longer {release}: another flow was at work", one.host)
        for one in changed
    ]


def _find_directory_conflicts(facts: Sequence[Facts]) -> list[Problem]:
    paths = {one.host: one.layout.deploy_to for one in facts}
    return find_directory_conflicts({one.host: one.directory_id for one in facts}, paths)


def _is_uncreatable(facts: Facts) -> bool:
    return facts.layout.deploy_to in facts.uncreated_dirs and not facts.exists


def make_setup_command(stage: Stage) -> str:
    """Return the command that uploads the linked files of a stage that are missing."""
    return f"doit setup:{stage.name}"


def _missing_file(facts: Facts, stage: Stage, host: HostConfig, path: str) -> Problem:
    shared = facts.layout.shared
    text = f"linked file {make_printable(path)} does not exist in {shared}"
    if path in stage.linked_sources:
        return Problem(text, host.name, make_setup_command(stage))
    copy = shlex.join(_copy_command(host, path, f"{shared}/{path}"))
    mapping = f"linked_files: {{{make_printable(path)}: FILE_OF_THIS_MACHINE}}"
    alternative = f"Or write {mapping} in deploy.yml, which uploads to every host: {make_setup_command(stage)}"
    return Problem(text, host.name, copy, alternative)


def _copy_command(host: HostConfig, path: str, remote: str) -> list[str]:
    """Return the command that copies a file of the project to a host."""
    if host.transport == "local":
        return ["cp", path, remote]
    file = ["-F", host.ssh_config] if host.ssh_config else []
    port = ["-P", str(host.port)] if host.port else []
    options = [word for option in host.ssh_options for word in ("-o", option)]
    name = f"[{host.hostname}]" if ":" in host.hostname else host.hostname
    user = f"{host.user}@" if host.user else ""
    return ["scp", *file, *port, *options, path, f"{user}{name}:{remote}"]


def _deploy_problems(facts: Facts, sent_kib: int) -> list[str]:
    paths = facts.layout
    if _is_uncreatable(facts):
        return [f"{paths.deploy_to} could not be created by {facts.user}{_how_to_create(facts)}"]
    if facts.is_read_only:
        return [_describe_read_only(facts)]
    return [
        *(_find_full_disk_problems(facts) or _find_lack_of_space(facts, sent_kib)),
        *_find_common_problems(facts, WRITTEN_BY_DEPLOYS),
        *facts.shared_problems,
        *(f"{make_printable(path)} could not be created" for path in facts.uncreated_dirs),
    ]


def _how_to_create(facts: Facts) -> str:
    """Return the end of a sentence with what to type; empty for root, whom no permission stops."""
    if facts.user == "root":
        return ""
    user, place = shlex.quote(facts.user), shlex.quote(facts.layout.deploy_to)
    command = f'sudo install -d -o {user} -g "$(id -gn {user})" {place}'
    return f"; type there: {command}, or set become: in deploy.yml to a user who may create it"


def _find_full_disk_problems(facts: Facts) -> list[str]:
    rooms = (("space", facts.disk), ("inode", facts.inodes))
    place = facts.layout.deploy_to
    return [f"no {what} is left in {place}" for what, room in rooms if room is not None and not room.free]


def _find_lack_of_space(facts: Facts, sent_kib: int) -> list[str]:
    if facts.disk is None or facts.disk.free >= sent_kib:
        return []
    free, place = format_size(facts.disk.free), facts.layout.deploy_to
    return [f"not enough space in {place}: {free} are free, and {format_size(sent_kib)} are sent there"]


def _how_to_make_room(facts: Facts) -> str:
    """Return what to type on a host without a reserve, where nothing of capdoit's can be given up."""
    place = shlex.quote(facts.layout.deploy_to)
    if facts.archives:
        return f"to make room, remove the oldest archive: rm {place}/rolled-back-release-{min(facts.archives)}.tar.gz"
    return f"remove a large file or directory that is not needed; to find one: du -ax {place} | sort -n | tail"


def _describe_read_only(facts: Facts) -> str:
    return f"{facts.layout.deploy_to} is on a read-only file system"


def _find_rollback_problems(facts: Facts) -> list[str]:
    paths = facts.layout
    if facts.is_read_only:
        return [_describe_read_only(facts)]
    absent = f"{paths.deploy_to} does not exist, or {facts.user} cannot enter it"
    return [
        *([] if facts.exists else [absent]),
        *(
            []
            if facts.has_reserve
            else [f"{text}; {_how_to_make_room(facts)}" for text in _find_full_disk_problems(facts)]
        ),
        *_find_common_problems(facts, WRITTEN),
    ]


def _find_common_problems(facts: Facts, written: Iterable[str]) -> list[str]:
    paths = facts.layout
    found = [f"{tool} is not installed" for tool in facts.missing_tools]
    if facts.out_of_bounds:
        found.append(facts.out_of_bounds)
    if "releases" in facts.unreadable:
        found.append(f"{paths.deploy_to}/releases cannot be read by {facts.user}")
    closed = (posixpath.normpath(f"{paths.deploy_to}/{name}") for name in facts.unwritable if name in written)
    found += [f"{path} cannot be written to by {facts.user}" for path in closed]
    if facts.current_is_not_symlink:
        found.append(f"{paths.current} is not a symlink; move it away")
    return found
