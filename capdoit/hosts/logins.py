"""A limit for logins in progress: an ssh server drops connections when too many are not authenticated yet."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from capdoit.config.stages import HostConfig
from capdoit.errors import HostError
from capdoit.hosts.ssh_settings import read_ssh_settings, text_setting

# By default sshd drops connections once 10 are not authenticated yet (MaxStartups 10:30:100). Others log in, too.
MOST_LOGINS = 8
POLL_SECONDS = 0.1


class Logins:
    """The logins in progress of a fleet, counted for each ssh server.

    Args:
        hosts: all hosts of the fleet. If they are few, no login ever waits.
    """

    def __init__(self, hosts: Sequence[HostConfig]) -> None:
        self._may_wait = sum(host.transport == "ssh" for host in hosts) > MOST_LOGINS
        self._in_progress: Counter[str] = Counter()
        self._changed = threading.Condition()

    @contextmanager
    def begin(self, host: HostConfig, check: Callable[[], None]) -> Iterator[Callable[[], None]]:
        """Wait until the servers on the way to a host have room for a login, and count it until the block ends.

        Args:
            host: the host.
            check: called while waiting; raises an error to end the wait.

        Yields:
            A function that ends the login before the end of the block.
        """
        servers = _servers_on_route(host) if self._may_wait and host.transport == "ssh" else ()
        with ExitStack() as login:
            self._enter(servers, check)
            login.callback(self._leave, servers)
            yield login.close

    def _enter(self, servers: Sequence[str], check: Callable[[], None]) -> None:
        with self._changed:
            while any(self._in_progress[server] >= MOST_LOGINS for server in servers):
                self._changed.wait(POLL_SECONDS)
                check()
            self._in_progress.update(servers)

    def _leave(self, servers: Sequence[str]) -> None:
        with self._changed:
            self._in_progress.subtract(servers)
            self._changed.notify_all()


def choose_servers(settings: Mapping[str, str]) -> tuple[str, ...]:
    """Return the ssh servers that a connection logs in to: the host itself and its jump hosts.

    Args:
        settings: settings of ssh for the host, by name, as `ssh -G` spells them. A ProxyCommand counts as a server: it
            is equal for all hosts behind one jump host, because `ssh -G` does not expand ``%h`` in it.
    """
    host = f"{settings.get('hostname', '')}:{settings.get('port', '')}"
    jumps = [jump.rpartition("@")[2] for jump in text_setting(settings, "proxyjump").split(",")]
    return tuple(dict.fromkeys(filter(None, (host, *jumps, text_setting(settings, "proxycommand")))))


def _servers_on_route(host: HostConfig) -> tuple[str, ...]:
    try:
        return choose_servers(read_ssh_settings(host))
    except HostError:  # the login will fail, and say why
        return (host.hostname,)
