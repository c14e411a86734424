"""The reason why a login failed, from the last words of ssh."""

from __future__ import annotations

import re
from collections.abc import Sequence

from capdoit.errors import LoginDropped, Unreachable
from capdoit.hosts.stream import KEPT_LINES

SSH_FAILED = 255  # the exit status of ssh itself
# Lines of ssh when a server ends a connection before authentication.
ENDED = re.compile(
    r"(kex|ssh)_exchange_identification: (read: )?Connection (closed by remote host|reset by peer)"
    r"|Connection (closed|reset) by \S+ port \d+"
)
# ssh's words for the end of a jump host or ProxyCommand, which has named the reason in a line before.
ECHO = re.compile(
    r"stdio forwarding failed|kex_exchange_identification: Connection closed by remote host"
    r"|Connection closed by UNKNOWN port 65535"
)
THROUGH_PROXY = "Connection closed by UNKNOWN port 65535"
# Warnings that ssh prints about itself, and that name no reason: `Warning: …`, `** WARNING: …`, `config line 3: …`.
WARNING = re.compile(r"Warning: |\*\* |.* line \d+: ", re.IGNORECASE)


def explain_failed_login(host: str, lines: Sequence[str], exit_status: int | None) -> Unreachable:
    """Return the error of a connection that could not be made.

    Args:
        host: name of the host.
        lines: the output before the greeting of the session, without empty lines.
        exit_status: exit status of ssh, or of the local shell; None if it is not known.
    """
    if not lines:
        return Unreachable(host, f"cannot connect: {_explain_silence(exit_status)}")
    if exit_status == SSH_FAILED and is_dropped(lines):
        return LoginDropped(host, f"cannot connect: {_find_end(lines)}, before authentication")
    *before, reason = _without_echo(lines)
    return Unreachable(host, f"cannot connect: {reason}", lines=before[1 - KEPT_LINES :])


def is_dropped(lines: Sequence[str]) -> bool:
    """Return True if an ssh server, of the host or of a jump host, ended the connection before authentication.

    Args:
        lines: the lines of ssh; at least one.
    """
    if not ENDED.fullmatch(lines[-1]):
        return False
    # Behind a ProxyCommand or jump host this is also the last line when the host is down; another line tells that.
    return lines[-1] != THROUGH_PROXY or all(ENDED.fullmatch(line) or WARNING.match(line) for line in lines)


def _find_end(lines: Sequence[str]) -> str:
    """Return the line that names the server which ended the connection, if there is one."""
    ends = [line for line in lines if ENDED.fullmatch(line) and line != THROUGH_PROXY]
    return max(ends, key=lambda line: line.startswith("Connection"), default=lines[-1])


def _without_echo(lines: Sequence[str]) -> Sequence[str]:
    """Return the lines with the reason as the last one; at least one line."""
    if lines[-1] != THROUGH_PROXY:
        return lines
    count = len(lines)
    while count > 1 and ECHO.fullmatch(lines[count - 1]):
        count -= 1
    return lines[:count]


def _explain_silence(exit_status: int | None) -> str:
    if exit_status == SSH_FAILED:
        return f"ssh gave no reason (exit status {exit_status}); LogLevel=QUIET hides it"
    return f"the login ended without a message (exit status {exit_status})"
