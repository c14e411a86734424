"""Logins: the servers that they go to, the limit for each server, and the reasons for failed logins."""

from __future__ import annotations

import pytest

from capdoit.errors import LoginDropped, Unreachable
from capdoit.hosts.login_failure import explain_failed_login
from capdoit.hosts.logins import choose_servers
from capdoit.hosts.ssh_settings import parse_ssh_settings

KEX = "kex_exchange_identification: Connection closed by remote host"
RESET = "kex_exchange_identification: read: Connection reset by peer"
DIRECT, PROXIED = "Connection reset by 10.0.0.1 port 22", "Connection closed by UNKNOWN port 65535"


@pytest.mark.parametrize(
    ("settings", "servers"),
    [
        ("hostname 10.0.0.1\nport 22\nproxyjump none\n", ("10.0.0.1:22",)),
        ("hostname web1\nport 22\nproxyjump ann@gate:2222\n", ("web1:22", "gate:2222")),
        ("hostname web1\nport 22\nproxyjump bob@outer,inner\n", ("web1:22", "outer", "inner")),
        ("hostname web1\nport 22\nproxycommand ssh -W %h:%p gate\n", ("web1:22", "ssh -W %h:%p gate")),
        ("hostname web1\nport 22\nproxycommand none\n", ("web1:22",)),
    ],
)
def test_a_login_goes_to_the_host_and_its_jump_hosts(settings: str, servers: tuple[str, ...]) -> None:
    assert choose_servers(parse_ssh_settings(settings)) == servers


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([RESET, DIRECT], DIRECT),
        (["ssh_exchange_identification: Connection closed by remote host"], None),
        (['config line 3: Unsupported option "gssapi"', KEX, DIRECT], DIRECT),
        ([KEX, DIRECT, KEX, PROXIED], DIRECT),
        (["** WARNING: connection is not using a post-quantum key exchange algorithm.", KEX, PROXIED], KEX),
    ],
)
def test_a_connection_that_ends_before_authentication_was_dropped(lines: list[str], reason: str | None) -> None:
    error = explain_failed_login("web1", lines, 255)
    assert isinstance(error, LoginDropped)
    assert error.reason == f"cannot connect: {reason or lines[-1]}, before authentication"


@pytest.mark.parametrize(
    ("lines", "status", "reason"),
    [
        (["Banner", "ann@web1: Permission denied (publickey)."], 255, "ann@web1: Permission denied (publickey)."),
        (["ssh: connect to host gate port 22: Connection refused", KEX, PROXIED], 255, "ssh: connect to host gate"),
        (
            ["channel 0: open failed: connect failed: x", "stdio forwarding failed", KEX, PROXIED],
            255,
            "channel 0: open",
        ),
        (["An error occurred (TargetNotConnected): i-1 is not connected.", KEX, PROXIED], 255, "An error occurred"),
        (
            ["Connection timed out during banner exchange", "Connection to 10.0.0.1 port 22 timed out"],
            255,
            "Connection to",
        ),
        ([DIRECT], 1, DIRECT),
        ([], 255, "ssh gave no reason (exit status 255); LogLevel=QUIET hides it"),
        ([], 0, "the login ended without a message (exit status 0)"),
    ],
)
def test_other_failed_logins_are_not_tried_again_and_have_the_reason_that_ssh_or_its_proxy_gave(
    lines: list[str], status: int, reason: str
) -> None:
    error = explain_failed_login("web1", lines, status)
    assert type(error) is Unreachable
    assert error.reason.startswith(f"cannot connect: {reason}")
