"""A network between the controller and the hosts that a test can lose, reset and repair.

A relay stands before the sshd of each host. Run as a program, this module is one relay.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from capdoit.testing import SshdFleet

# Lines for a dodo.py: both sides of a session notice within 4 s that nothing comes, and SSH_WAITS are options for that.
SHORT_WAITS = """
import capdoit.hosts.session
capdoit.hosts.session.HEARTBEAT_SECONDS = capdoit.hosts.session.HOST_HEARTBEAT_SECONDS = 1
capdoit.hosts.session.SILENCE_TIMEOUT_SECONDS = capdoit.hosts.session.HEARTBEAT_TIMEOUT_SECONDS = 4
"""
SSH_WAITS = ["ConnectTimeout=2", "ServerAliveInterval=0"]


class Network:
    """The relays before sshd's.

    Args:
        sshds: the sshd's.
        directory: directory for the ssh configuration that uses the relays.

    Attributes:
        ssh_config: configuration of ssh for the controller.
    """

    def __init__(self, sshds: SshdFleet, directory: Path) -> None:
        self.ssh_config = directory / "network-ssh-config"
        self._targets = {name: host.port for name, host in sshds.hosts.items()}
        self._ports = {name: _free_port() for name in self._targets}
        self._relays: dict[str, subprocess.Popen[bytes]] = {}
        self._write_config(sshds, directory / "network-known-hosts")
        for name in self._targets:
            self.repair(name)

    def relay_pid(self, name: str) -> int:
        """Return the pid of the relay of a host. SIGSTOP loses the network there, SIGCONT repairs it."""
        return self._relays[name].pid

    def is_up(self, name: str) -> bool:
        """Return False while a host refuses connections."""
        return name in self._relays

    def lose(self, name: str) -> None:
        """Let nothing pass to or from a host, and tell neither side, as a cable that was pulled."""
        self._relays[name].send_signal(signal.SIGSTOP)

    def forget(self, name: str) -> None:
        """Let nothing more pass on the present connections of a host, as a firewall that has lost its table."""
        self._relays[name].send_signal(signal.SIGUSR1)

    def reset(self, name: str) -> None:
        """End the connections of a host, and refuse new ones."""
        relay = self._relays.pop(name)
        relay.kill()
        relay.wait()
        assert relay.stdout
        relay.stdout.close()

    def repair(self, name: str) -> None:
        """Let connections pass again."""
        if name in self._relays:
            self._relays[name].send_signal(signal.SIGCONT)
            return
        command = [sys.executable, __file__, str(self._ports[name]), str(self._targets[name])]
        self._relays[name] = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._relays[name].stdout.readline()  # type: ignore[union-attr]

    def close(self) -> None:
        """End all relays."""
        for name in [*self._relays]:
            self.reset(name)

    def _write_config(self, sshds: SshdFleet, known_hosts: Path) -> None:
        config = sshds.ssh_config.read_text()
        known = next(line.split()[1] for line in config.splitlines() if "UserKnownHostsFile" in line)
        keys = Path(known).read_text()
        for name, port in self._targets.items():
            config = config.replace(f"Port {port}\n", f"Port {self._ports[name]}\n")
            keys = keys.replace(f"[127.0.0.1]:{port} ", f"[127.0.0.1]:{self._ports[name]} ")
        known_hosts.write_text(keys)
        self.ssh_config.write_text(config.replace(known, str(known_hosts)))


class SharedConnection:
    """The user's own shared connection (ControlMaster) to a host, opened without keep-alive.

    Args:
        ssh_config: configuration of ssh.
        host: name of the host.
        socket_directory: directory with a short path, for the control sockets: an ssh with ``ControlPath`` DIRECTORY/%n
            uses the connection.
    """

    def __init__(self, ssh_config: Path, host: str, socket_directory: Path) -> None:
        options = ["-o", "ServerAliveInterval=0", "-o", f"ControlPath={socket_directory}/%n"]
        command = ["ssh", "-F", str(ssh_config), "-M", "-N", *options, host]
        self._master = subprocess.Popen(command, start_new_session=True)
        while not (socket_directory / host).exists():
            assert self._master.poll() is None, "the shared connection does not open"
            time.sleep(0.02)

    def close(self) -> None:
        """End the connection."""
        self._master.kill()
        self._master.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# -- the relay


class Relay:
    """A relay from a port to another."""

    def __init__(self, port: int, target: int) -> None:
        self._listener, self._target = socket.create_server(("127.0.0.1", port)), target
        self._is_forgotten = threading.Event()
        signal.signal(signal.SIGUSR1, self._forget)

    def run(self) -> None:
        """Pass bytes between each client and the target, for ever."""
        print("ready", flush=True)
        while True:
            client, _ = self._listener.accept()
            with suppress(OSError):
                server = socket.create_connection(("127.0.0.1", self._target))
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=_copy, args=(*pair, self._is_forgotten), daemon=True).start()

    def _forget(self, *_: object) -> None:
        self._is_forgotten.set()
        self._is_forgotten = threading.Event()  # of later connections


def _copy(source: socket.socket, sink: socket.socket, is_forgotten: threading.Event) -> None:
    with suppress(OSError):
        while (piece := source.recv(1 << 16)) and not is_forgotten.is_set():
            sink.sendall(piece)
    if is_forgotten.is_set():
        threading.Event().wait()  # neither side learns it
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


if __name__ == "__main__":
    os.setsid()
    Relay(int(sys.argv[1]), int(sys.argv[2])).run()
