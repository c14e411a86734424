"""The problems that prevent a flow from starting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from capdoit.config.stages import HostConfig, Stage
from capdoit.decisions.directory_conflicts import find_directory_conflicts
from capdoit.decisions.readiness import find_deploy_problems, find_rollback_problems
from capdoit.errors import Problem
from capdoit.layout import Layout
from capdoit.records.facts import Facts
from capdoit.units import Capacity
from tests.unit.decisions import fleets


def host(name: str, *numbers: int) -> Facts:
    return replace(fleets.host(name, *numbers), layout=Layout(f"/srv/{name}"))


def texts(problems: Sequence[Problem]) -> list[str]:
    return [str(problem) for problem in problems]


def stage(*names: str) -> Stage:
    hosts = tuple(HostConfig(name=name, hostname=name, layout=Layout(f"/srv/{name}"), env={}) for name in names)
    return Stage("production", hosts, "git", linked_files=("a.yml", "b/c.yml"))


def test_a_good_fleet_has_no_problems() -> None:
    fleet = [host("web1", 0), host("web2", 0)]
    assert find_deploy_problems(fleet, stage("web1", "web2")) == []
    assert find_rollback_problems(fleet) == []


def test_a_deploy_names_every_missing_linked_file_of_every_host() -> None:
    fleet = [replace(host("web1", 0), missing_files=(0, 1)), replace(host("web2", 0), missing_files=(1, 99))]
    assert texts(find_deploy_problems(fleet, stage("web1", "web2"))) == [
        "web1: linked file a.yml does not exist in /srv/web1/shared",
        "web1: linked file b/c.yml does not exist in /srv/web1/shared",
        "web2: linked file b/c.yml does not exist in /srv/web2/shared",
    ]
    assert find_rollback_problems(fleet) == []


@pytest.mark.parametrize(
    ("settings", "command"),
    [
        ({}, "scp a.yml web1:/srv/web1/shared/a.yml"),
        ({"transport": "local"}, "cp a.yml /srv/web1/shared/a.yml"),
        ({"user": "deploy", "port": 2222}, "scp -P 2222 a.yml deploy@web1:/srv/web1/shared/a.yml"),
        ({"hostname": "::1", "ssh_config": "ssh config"}, "scp -F 'ssh config' a.yml '[::1]:/srv/web1/shared/a.yml'"),
        ({"ssh_options": ("ProxyJump=hop",)}, "scp -o ProxyJump=hop a.yml web1:/srv/web1/shared/a.yml"),
    ],
)
def test_a_missing_linked_file_has_the_command_that_puts_it_there(settings: dict[str, object], command: str) -> None:
    of_one = stage("web1")
    changed = of_one.only((replace(of_one.hosts[0], **settings),))  # type: ignore[arg-type]
    (problem,) = find_deploy_problems([replace(host("web1", 0), missing_files=(0,))], changed)
    assert problem.remedy == command
    assert "linked_files: {a.yml: FILE_OF_THIS_MACHINE} in deploy.yml" in problem.alternative
    assert problem.alternative.endswith(": doit setup:production")


UNUSABLE: list[tuple[Mapping[str, object], str]] = [
    ({"missing_tools": ("flock",)}, "web1: flock is not installed"),
    ({"out_of_bounds": "/srv/web1/releases is a symlink"}, "web1: /srv/web1/releases is a symlink"),
    ({"unwritable": (".",), "user": "deploy"}, "web1: /srv/web1 cannot be written to by deploy"),
    ({"unwritable": (".",), "is_read_only": True}, "web1: /srv/web1 is on a read-only file system"),
    ({"disk": Capacity(free=0, total=9), "has_reserve": False}, "web1: no space is left in /srv/web1"),
    ({"inodes": Capacity(free=0, total=9), "has_reserve": False}, "web1: no inode is left in /srv/web1"),
    ({"current_is_not_symlink": True}, "web1: /srv/web1/current is not a symlink; move it away"),
]


@pytest.mark.parametrize(("facts", "problem"), UNUSABLE)
def test_a_problem_of_both_flows_is_reported_by_both(facts: dict[str, object], problem: str) -> None:
    fleet = [replace(host("web1", 0), **facts)]  # type: ignore[arg-type]
    assert texts(find_deploy_problems(fleet, stage("web1"))) == [problem]
    (of_rollback,) = texts(find_rollback_problems(fleet))
    assert of_rollback.startswith(problem)


@pytest.mark.parametrize(
    ("archives", "advice"),
    [
        (["20160101000002", "20160101000001"], "rm /srv/web1/rolled-back-release-20160101000001.tar.gz"),
        ([], "du -ax /srv/web1 | sort -n | tail"),
    ],
)
def test_a_rollback_that_a_full_disk_stops_says_what_to_type(archives: list[str], advice: str) -> None:
    full = replace(host("web1", 0), disk=Capacity(free=0, total=9), has_reserve=False, archives=frozenset(archives))
    (text,) = texts(find_rollback_problems([full]))
    assert text.endswith(f": {advice}")


def test_a_full_disk_with_a_reserve_stops_deploys_and_no_rollback() -> None:
    fleet = [replace(host("web1", 0), disk=Capacity(free=0, total=9))]
    assert texts(find_deploy_problems(fleet, stage("web1"))) == ["web1: no space is left in /srv/web1"]
    assert find_rollback_problems(fleet) == []


def test_a_disk_with_less_room_than_what_is_sent_stops_a_deploy() -> None:
    fleet = [replace(host("web1", 0), disk=Capacity(free=300, total=9000))]
    sentence = "web1: not enough space in /srv/web1: 300 KiB are free, and 95.4 MiB are sent there"
    assert texts(find_deploy_problems(fleet, stage("web1"), sent_kib=97700)) == [sentence]
    assert find_deploy_problems(fleet, stage("web1"), sent_kib=300) == []


def test_a_shared_directory_that_is_not_mounted_stops_deploys_and_no_rollback() -> None:
    fleet = [replace(host("web1", 0), shared_problems=("/mnt/shop is not a directory",))]
    assert texts(find_deploy_problems(fleet, stage("web1"))) == ["web1: /mnt/shop is not a directory"]
    assert find_rollback_problems(fleet) == []


def test_a_directory_that_could_not_be_created_is_named() -> None:
    fleet = [replace(host("web1", 0), uncreated_dirs=("/srv/web1/shared/log",))]
    assert texts(find_deploy_problems(fleet, stage("web1"))) == ["web1: /srv/web1/shared/log could not be created"]


def test_without_deploy_to_a_rollback_has_no_release_and_a_deploy_lacks_linked_files() -> None:
    fleet = [Facts("web1", Layout("/srv/web1"), user="deploy", exists=False)]
    assert texts(find_rollback_problems(fleet)) == ["web1: /srv/web1 does not exist, or deploy cannot enter it"]
    assert len(find_deploy_problems(fleet, stage("web1"))) == 2


def test_hosts_whose_directories_have_one_identity_are_the_same_directory() -> None:
    ids = {"web1": "boot a 1:2", "web2": "boot b 1:2", "web3": "boot a 1:2", "web4": "", "web5": ""}
    same = "hosts web1 and web3 are the same directory, /srv/web1 and /srv/web3: keep one of them in deploy.yml"
    assert texts(find_directory_conflicts(ids, {host: f"/srv/{host}" for host in ids})) == [same]
