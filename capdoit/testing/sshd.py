"""Real sshd's on the loopback interface, for tests that deploy by ssh."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
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
    """One sshd, for one host.

    Attributes:
        name: name of the host in ssh_config.
        root: directory of this host for deployments.
        home: empty home directory of its user: a start-up file in the real one might wait for a lock of a process
            that `SshdFleet.stop` killed.
        log: log file of sshd.
        port: port on 127.0.0.1.
        process: the process; None while it is stopped.
    """

    name: str
    root: Path
    home: Path
    log: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = None


class SshdFleet:
    """Several sshd's with new host keys and a new user key.

    Args:
        directory: temporary directory for all files, with a short path.
        size: number of sshd's; the names of their hosts are web1, web2, …
        options: more options of sshd, each as ``Name=value``.
        max_startups: sshd's MaxStartups.
        launcher: command in front of each sshd, such as ``unshare``.
    """

    def __init__(
        self,
        directory: Path,
        size: int,
        *options: str,
        max_startups: str = "200",
        launcher: Sequence[str] = (),
    ) -> None:
        self._options, self._launcher = (*options, f"MaxStartups={max_startups}"), launcher
        self.ssh_config = directory / "ssh_config"
        self.hosts = {f"web{n}": self._host(directory, f"web{n}") for n in range(1, size + 1)}
        self._keys = directory / "keys"
        self._sshd, self._keygen = find_program("sshd", "openssh-server"), find_program("ssh-keygen", "openssh-client")
        self._config = directory / "sshd_config"
        self._write_keys()
        self._write_sshd_config()

    def start_all(self) -> None:
        """Start every sshd on a free port."""
        for name in self.hosts:
            self.start(name)
        self._write_ssh_config()

    @contextlib.contextmanager
    def running(self) -> Iterator[SshdFleet]:
        """Start every sshd, and kill it at the end of the context."""
        try:
            self.start_all()
            yield self
        finally:
            self.stop_all()

    def start(self, name: str) -> None:
        """Start the sshd of a host, on its earlier port if it had one."""
        host = self.hosts[name]
        for _ in range(10):  # another process may take the port between the choice and the start
            port = host.port or _free_port()
            if self._start_on(host, port):
                host.port = port
                return
        pytest.fail(f"the sshd of {name} does not start:\n{_read_log(host.log)}")

    def stop(self, name: str) -> None:
        """Kill the sshd of a host and all processes in its sessions in one moment, like a power failure."""
        host = self.hosts[name]
        if host.process:
            sessions = _sessions_below(host.process.pid)
            _signal_all(sessions, signal.SIGSTOP, "TZ")
            _signal_all(sessions, signal.SIGKILL, "Z")
            host.process.wait()
            host.process = None

    def stop_all(self) -> None:
        """Kill every sshd."""
        for name in self.hosts:
            self.stop(name)

    def connections(self, name: str) -> int:
        """Return the number of connections that a host has accepted."""
        return _read_log(self.hosts[name].log).count("Accepted publickey")

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
        # OpenSSH 9.8 and later blocks an address after failures, which tests cause on purpose. Older versions
        # do not know the option.
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

    def _start_on(self, host: Sshd, port: int) -> bool:
        """Start an sshd, and return True when it listens; return False if it ends instead."""
        key, log_length = str(self._keys / host.name), len(_read_log(host.log))
        arguments = ["-h", key, "-p", str(port), "-E", str(host.log), "-o", f"SetEnv=HOME={host.home}"]
        arguments += [word for option in self._options for word in ("-o", option)]
        host.process = subprocess.Popen(
            [*self._launcher, self._sshd, "-D", "-f", str(self._config), *arguments],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        while host.process.poll() is None:
            if f"Server listening on 127.0.0.1 port {port}." in _read_log(host.log)[log_length:]:
                return True
            time.sleep(0.01)
        return False


def find_program(name: str, package: str) -> str:
    """Return the full path of a program; the test fails if it is not installed.

    Args:
        name: name of the program.
        package: Debian's package of the program.
    """
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin:/sbin")
    if found is None:
        pytest.fail(f"this test needs {name}, which is not installed: apt-get install {package}", pytrace=False)
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _read_log(log: Path) -> str:
    return log.read_text(errors="replace") if log.exists() else ""


def _sessions_below(ancestor: int) -> set[int]:
    """Return the sessions of a process and its descendants. They include processes whose parent has ended."""
    processes = _processes()
    found, generation = {ancestor}, {ancestor}
    while generation := {number for number, (_, parent, _) in processes.items() if parent in generation}:
        found |= generation
    return {session for number, (_, _, session) in processes.items() if number in found}


def _signal_all(sessions: set[int], signal_: signal.Signals, until: str) -> None:
    """Signal all processes of sessions, new ones included, until each has ended or is in a state of ``until``."""

    def running() -> list[int]:
        return [number for number, (state, _, of) in _processes().items() if of in sessions and state not in until]

    while numbers := running():
        for number in numbers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal_)


def _processes() -> dict[int, tuple[str, int, int]]:
    """Return the state, the parent and the session of every process, by its id."""
    found = {}
    for process in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError):  # it has ended
            stat = Path("/proc", process, "stat").read_text(errors="replace")
            state, parent, _, session = stat.rpartition(")")[2].split()[:4]
            found[int(process)] = (state, int(parent), int(session))
    return found
