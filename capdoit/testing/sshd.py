"""Real sshd's on loopback: the fleet that tests deploy to."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

SSHD_CONFIG = """\
ListenAddress 127.0.0.1
AuthorizedKeysFile {keys}/user.pub
PidFile none
StrictModes no
UsePAM no
UseDNS no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
PrintMotd no
LogLevel VERBOSE
MaxStartups 200
MaxSessions 200
Subsystem sftp internal-sftp
"""
HOST = """\
Host {name}
    HostName 127.0.0.1
    Port {port}
    User {user}
    IdentityFile {keys}/user
    IdentitiesOnly yes
    UserKnownHostsFile {keys}/known_hosts
    GlobalKnownHostsFile /dev/null
    KexAlgorithms curve25519-sha256
"""


@dataclass
class Sshd:
    """One sshd, which plays a host.

    Attributes:
        name: as ssh_config calls it.
        root: a directory that is this host's alone, for the trees it is deployed to.
        home: its user's home: empty, so that no start-up file of the machine's own user is read, which might
            wait for a lock that it left behind when the power was cut.
        log: what sshd says.
        port: on 127.0.0.1.
        process: None while it is stopped.
    """

    name: str
    root: Path
    home: Path
    log: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = None


class Fleet:
    """Some sshd's with keys of their own.

    Args:
        directory: where everything of the fleet lies; short, and gone when the tests are over.
        size: how many; their names are web1, web2, …
        options: more of sshd's, each as ``Name=value``.
    """

    def __init__(self, directory: Path, size: int, *options: str) -> None:
        self._options = options
        self.ssh_config = directory / "ssh_config"
        self.hosts = {f"web{n}": self._host(directory, f"web{n}") for n in range(1, size + 1)}
        self._keys = directory / "keys"
        self._sshd, self._keygen = program("sshd", "openssh-server"), program("ssh-keygen", "openssh-client")
        self._config = directory / "sshd_config"
        self._write_keys()
        self._write_sshd_config()

    def start_all(self) -> None:
        """Start them all, on free ports."""
        for name in self.hosts:
            self.start(name)
        self._write_ssh_config()

    def start(self, name: str) -> None:
        """Start a host's sshd, on the port that it had before, if it had one."""
        host = self.hosts[name]
        for _ in range(10):  # another process may take the port between the choice and the start
            port = host.port or _free_port()
            if self._starts(host, port):
                host.port = port
                return
        pytest.fail(f"the sshd of {name} does not start:\n{_text(host.log)}")

    def stop(self, name: str) -> None:
        """Kill a host's sshd and all that runs in its sessions, as a power cut does: nothing sees the others die."""
        host = self.hosts[name]
        if host.process:
            sessions = _sessions_below(host.process.pid)
            _signal_all(sessions, signal.SIGSTOP, "TZ")
            _signal_all(sessions, signal.SIGKILL, "Z")
            host.process.wait()
            host.process = None

    def stop_all(self) -> None:
        """Kill them all."""
        for name in self.hosts:
            self.stop(name)

    def connections(self, name: str) -> int:
        """How many connections the host has accepted so far."""
        return _text(self.hosts[name].log).count("Accepted publickey")

    def _host(self, directory: Path, name: str) -> Sshd:
        root, home = directory / name, directory / f"{name}-home"
        root.mkdir()
        home.mkdir()
        return Sshd(name, root, home, directory / f"{name}.log")

    def _write_keys(self) -> None:
        self._keys.mkdir()
        for name in ("user", *self.hosts):
            command = [self._keygen, "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(self._keys / name)]
            subprocess.run(command, check=True)

    def _write_sshd_config(self) -> None:
        self._config.write_text(SSHD_CONFIG.format(keys=self._keys))
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        # OpenSSH 9.8 and later shuts out an address after failures, as tests make them on purpose; older
        # ones do not know the option.
        penalties = "PerSourcePenalties no\n"
        key = self._keys / next(iter(self.hosts))
        test = [self._sshd, "-t", "-f", str(self._config), "-h", str(key), "-o", penalties.strip()]
        if subprocess.run(test, capture_output=True, check=False).returncode == 0:
            self._config.write_text(self._config.read_text() + penalties)

    def _write_ssh_config(self) -> None:
        user = pwd.getpwuid(os.geteuid()).pw_name
        known, config = "", ""
        for name, host in self.hosts.items():
            known += f"[127.0.0.1]:{host.port} {(self._keys / f'{name}.pub').read_text()}"
            config += HOST.format(name=name, port=host.port, user=user, keys=self._keys)
        (self._keys / "known_hosts").write_text(known)
        self.ssh_config.write_text(config)

    def _starts(self, host: Sshd, port: int) -> bool:
        """Start it and wait until it listens; False when it ends instead."""
        key, said_before = str(self._keys / host.name), len(_text(host.log))
        own = ["-h", key, "-p", str(port), "-E", str(host.log), "-o", f"SetEnv=HOME={host.home}"]
        own += [word for option in self._options for word in ("-o", option)]
        host.process = subprocess.Popen(
            [self._sshd, "-D", "-f", str(self._config), *own],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        while host.process.poll() is None:
            if f"Server listening on 127.0.0.1 port {port}." in _text(host.log)[said_before:]:
                return True
            time.sleep(0.01)
        return False


def program(name: str, package: str) -> str:
    """A program's full path, which sshd needs to run; the test fails when there is none.

    Args:
        name: the program's.
        package: what Debian calls the package that has it.
    """
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin:/sbin")
    if found is None:
        pytest.fail(f"this test needs {name}, which is not installed: apt-get install {package}", pytrace=False)
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _text(log: Path) -> str:
    return log.read_text(errors="replace") if log.exists() else ""


def _sessions_below(ancestor: int) -> set[int]:
    """The sessions of a process and of those below it; what is left of one whose parent has ended is in it, too."""
    processes = _processes()
    found, generation = {ancestor}, {ancestor}
    while generation := {number for number, (_, parent, _) in processes.items() if parent in generation}:
        found |= generation
    return {session for number, (_, _, session) in processes.items() if number in found}


def _signal_all(sessions: set[int], signal_: signal.Signals, until: str) -> None:
    """Signal all processes of these sessions, those too that just begin, until each is gone or in one of the states."""

    def running() -> list[int]:
        return [number for number, (state, _, of) in _processes().items() if of in sessions and state not in until]

    while numbers := running():
        for number in numbers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal_)


def _processes() -> dict[int, tuple[str, int, int]]:
    """State, parent and session of every process, by its number."""
    found = {}
    for process in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError):  # it ended meanwhile
            stat = Path("/proc", process, "stat").read_text(errors="replace")
            state, parent, _, session = stat.rpartition(")")[2].split()[:4]
            found[int(process)] = (state, int(parent), int(session))
    return found
