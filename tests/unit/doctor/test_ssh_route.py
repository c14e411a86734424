"""The ssh route to a host, from the output of ssh."""

from __future__ import annotations

import pytest

from capdoit.doctor import findings
from capdoit.doctor.ssh_route import (
    SshRoute,
    find_host_key_state,
    find_known_hosts_files,
    list_host_key_names,
    make_ssh_route,
)
from capdoit.hosts.ssh_settings import parse_ssh_settings

SSH = """\
host web1
user ann
hostname 10.0.0.1
port 2222
forwardagent no
stricthostkeychecking true
serveraliveinterval 5
serveralivecountmax 3
userknownhostsfile /home/ann/.ssh/known_hosts /home/ann/.ssh/known_hosts2
globalknownhostsfile /dev/null
proxyjump ann@gate:22
"""


def route(text: str = SSH, key: str = "known") -> SshRoute:
    return make_ssh_route("web1", parse_ssh_settings(text), key)


def test_output_of_ssh_is_parsed_into_settings() -> None:
    assert route() == SshRoute(
        host="web1",
        address="ann@10.0.0.1:2222",
        gateway="ann@gate:22",
        keepalive=5,
        lost_after=3,
        strict="yes",
        forwards_agent=False,
        key="known",
        key_names=("[10.0.0.1]:2222", "10.0.0.1"),
        key_files=("/home/ann/.ssh/known_hosts", "/home/ann/.ssh/known_hosts2"),
    )


def test_a_host_key_is_looked_up_by_alias_or_by_host_and_port() -> None:
    assert list_host_key_names({"hostname": "a", "port": "22"}) == ["a"]
    assert list_host_key_names({"hostname": "a", "port": "22", "hostkeyalias": "b"}) == ["b"]
    assert find_known_hosts_files({"userknownhostsfile": "none", "globalknownhostsfile": "/etc/known"}) == [
        "/etc/known"
    ]


@pytest.mark.parametrize(
    ("found", "state"),
    [
        ([], "unknown"),
        (["", ""], "unknown"),
        (["", "# Host a found: line 1 \na ssh-ed25519 AAAA\n"], "known"),
        (["# Host a found: line 3 CA\n@cert-authority * ssh-ed25519 AAAA\n"], "known"),
        (["# Host a found: line 1 REVOKED\n@revoked a ssh-rsa AAAA\n# Host a found: line 2 \n"], "revoked"),
    ],
)
def test_the_state_of_a_host_key_is_known_from_ssh_keygen(found: list[str], state: str) -> None:
    assert find_host_key_state(found) == state


def judged(text: str, key: str, reached: bool) -> list[tuple[str, bool]]:
    found = findings.judge_ssh_route(route(text, key), reached)
    return [(one.text.partition(":")[0], one.is_problem) for one in found]


def test_a_host_key_without_any_file_of_known_keys_is_named_in_plain_words() -> None:
    nowhere = SSH.replace("/home/ann/.ssh/known_hosts /home/ann/.ssh/known_hosts2", "none").replace("proxyjump", "x")
    (found,) = findings.judge_ssh_route(route(nowhere, "unknown"), is_reached=False)
    assert found.text == (
        "its host key is not known: ssh has no file with known keys, in which [10.0.0.1]:2222 could be; "
        "`ssh-keyscan -p 2222 10.0.0.1` prints the key, for you to compare"
    )


def test_defects_of_an_ssh_route_are_findings() -> None:
    loose = SSH.replace("checking true", "checking accept-new").replace("interval 5", "interval 0")
    strange = "its host key is not known"
    assert judged(SSH, "known", True) == []
    assert judged(SSH, "unknown", True) == []  # ssh knows it from elsewhere, or would not have gone there
    assert judged(SSH, "unknown", False) == [(strange, True)]
    assert judged(SSH, "revoked", False)[0][1]
    assert judged(SSH.replace("agent no", "agent yes"), "known", True) == [("ForwardAgent is on", False)]
    assert judged(loose, "unknown", True) == [
        (strange, False),
        ("StrictHostKeyChecking is accept-new", False),
        ("ServerAliveInterval is 0", False),
    ]
