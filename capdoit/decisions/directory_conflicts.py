"""Hosts that are one directory, under several names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from capdoit.errors import Problem
from capdoit.text import join_with_and


def find_directory_conflicts(ids: Mapping[str, str], paths: Mapping[str, str]) -> list[Problem]:
    """Return a problem for each directory that is the deploy_to of several hosts.

    Args:
        ids: identity of the directory of each host, by name; empty if a host does not tell.
        paths: deploy_to of each host, by name.
    """
    hosts_by_id: dict[str, list[str]] = {}
    for host, identity in ids.items():
        hosts_by_id.setdefault(identity, []).append(host)
    shared = [hosts for identity, hosts in hosts_by_id.items() if identity and len(hosts) > 1]
    return [_describe_conflict(hosts, [paths[host] for host in hosts]) for hosts in shared]


def _describe_conflict(hosts: Sequence[str], paths: Sequence[str]) -> Problem:
    directory = join_with_and([*dict.fromkeys(paths)])
    return Problem(f"hosts {join_with_and(hosts)} are the same directory, {directory}: keep one of them in deploy.yml")
