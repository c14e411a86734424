"""The hosts that a command printed when it last ran, kept on this machine for the completion of shells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from capdoit.completer import find_cache_file, read_cache, write_cache

CACHE = "hosts"  # name of the cache file
Hosts = Mapping[str, Sequence[str]]  # roles by host


def keep_hosts(file: Path, stage: str, hosts: Hosts) -> None:
    """Keep the hosts of a stage.

    Args:
        file: path of deploy.yml.
        stage: name of the stage.
        hosts: its hosts with their roles.
    """
    cache = find_cache_file(str(file), CACHE)
    before = read_cache(cache)
    known = {name: [*roles] for name, roles in hosts.items()}
    if before.get(stage) != known:
        write_cache(cache, {**before, stage: known})


def read_kept_hosts(file: Path, stage: str) -> Hosts:
    """Return the hosts that were kept of a stage; none if there are none."""
    hosts: Hosts = read_cache(find_cache_file(str(file), CACHE)).get(stage, {})
    return hosts
