"""Three hosts with a past, which are restored before each case of the fault matrix."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from capdoit.testing import DODO, Completed, GitRepo, Project, SshdFleet, clean_env
from tests.faults import occupy_logins
from tests.faults.cases import HOSTS, TOOLS, Case, Moment, ProgramFault
from tests.network import Network, SharedConnection

FIRST = {"app.txt": "first\n", "bin/serve": "#!/bin/sh\n", "log/of/developer": "x\n", "assets/logo": "x" * 200_000}
SECOND = {"app.txt": "second\n", "assets/new": "y" * 1000}
THIRD = {"app.txt": "third\n", "assets/third": "z" * 1000}
# The programs that capdoit's scripts and these tests use on a host and that no case removes.
OTHERS = (
    *("sh", "flock", "date", "id", "tr", "dd", "od", "sha256sum", "sort", "stat", "awk", "gzip", "chmod", "head"),
    *("seq", "xargs", "sleep", "setsid", "kill", "pkill", "mount", "umount", "mountpoint", "find", "sed", "true"),
)
# The hooks run the scripts of the case. A fault as `starting` begins comes from a thread of the controller that
# waits for the first lock.
STRIKE = """
import pathlib, subprocess, threading, time
HOSTS, STRIKES = {hosts!r}, pathlib.Path({strikes!r})

def strike(host):
    if host.name in HOSTS:
        host.run(["sh", f"{{STRIKES}}/{{host.name}}.sh"])

def arm(host):
    if host.name in HOSTS:
        (STRIKES / f"armed-{{host.name}}").touch()

def watch():
    lock = pathlib.Path({lock!r})
    while not (lock.exists() and lock.read_bytes()[:1] == b"{{"):
        time.sleep(0.002)
    for name in HOSTS:
        subprocess.Popen(["sh", STRIKES / f"{{name}}.sh"], start_new_session=True)
"""
# Both sides of a session notice soon that nothing comes, and a host gets little time to greet.
WAITS = """
import capdoit.hosts.session
capdoit.hosts.session.HEARTBEAT_SECONDS = capdoit.hosts.session.HOST_HEARTBEAT_SECONDS = 1
capdoit.hosts.session.SILENCE_TIMEOUT_SECONDS = capdoit.hosts.session.HEARTBEAT_TIMEOUT_SECONDS = 5
capdoit.hosts.session.GREETING_TIMEOUT_SECONDS = 8
"""
REFUSED_SECONDS = 3.0
HOOK = {
    "before": "cap.before({step!r})(strike)\n",
    "after": "cap.after({step!r})(strike)\n",
    "in": "cap.before({step!r})(arm)\n",
    "behind": "cap.before({step!r})(arm)\n",
    "as": "threading.Thread(target=watch, daemon=True).start()\n",
}
# A wrapper runs the program, except the first time that it is used with the argument after it was armed. The faults
# of several hosts wait for each other, so that they happen at the same time.
WRAPPERS = {
    "in": """\
#!/bin/sh
case "$*" in
    *{argument}*) if {mv} {strikes}/armed-{host} {strikes}/gone-{host} 2>/dev/null; then . {strikes}/{host}.sh; fi ;;
esac
exec {tool} "$@"
""",
    "behind": """\
#!/bin/sh
{tool} "$@"
status=$?
case "$*" in
    *{argument}*) if {mv} {strikes}/armed-{host} {strikes}/gone-{host} 2>/dev/null; then . {strikes}/{host}.sh; fi ;;
esac
exit $status
""",
}
SCRIPT = """\
PATH={path}
deploy_to={deploy_to} listener={listener} controller={controller} down={strikes}/down-{host} first={first}
port={port} python={python} occupy_logins={occupy_logins}
relay={relay} refused={strikes}/refused-{host} session=$(ps -o sid= -p $$ | tr -d ' ')
: >{strikes}/struck-{host}
tries=0
while [ "$(ls {strikes} | grep -c ^struck-)" -lt {together} ] && [ $tries -lt 100 ]; do
    sleep 0.02
    tries=$((tries + 1))
done
{strike}
{then}
"""


class FaultFleet:
    """Three hosts, on which two releases were live in turn, and the project that deployed them.

    Args:
        directory: directory for everything except the trees of the hosts.
        fleet: the sshd's of the hosts.
    """

    def __init__(self, directory: Path, fleet: SshdFleet) -> None:
        self.sshds = fleet
        self.network = Network(fleet, directory)
        self._masters = directory / "masters-ssh-config"  # of the shared connections, which no flow opens
        self._masters.write_text(self.network.ssh_config.read_text())
        self._directory, self._strikes = directory, directory / "strikes"
        env = clean_env(directory / "home")
        repo = GitRepo(directory / "repo", env)
        trees = {name: fleet.hosts[name].root / "ground" for name in HOSTS}
        described = {name: {"roles": ["app", "web"], "deploy_to": str(tree)} for name, tree in trees.items()}
        options = ["ConnectTimeout=3", "ServerAliveInterval=0"]
        settings = {"ssh_config": str(self.network.ssh_config), "ssh_options": options, "keep_releases": 2}
        self.project = Project(directory / "project", repo, env, described, settings)
        self.files: dict[str, dict[str, str]] = {}  # by commit
        self._make_past()

    # -- the past

    def _make_past(self) -> None:
        self.project.link_files()
        self.first = self._deploy(FIRST)
        self.second = self._deploy(SECOND)
        self._save("plain")
        self.project.doit("rollback:production", check=True)
        self._save("archived")
        self._commit(THIRD)

    def _deploy(self, files: Mapping[str, str]) -> str:
        self._commit(files)
        self.project.doit("deploy:production", check=True)
        return str(self.project.current("web1"))

    def _commit(self, files: Mapping[str, str]) -> None:
        before = list(self.files.values())[-1] if self.files else {}
        self.files[self.project.repo.commit(files)] = {**before, **files}

    def _save(self, past: str) -> None:
        for name in HOSTS:
            saved = self._directory / past / name
            saved.parent.mkdir(exist_ok=True)
            subprocess.run(["cp", "-a", self.project.deploy_to(name), saved], check=True)

    def restore(self, past: str, tmpfs: str = "") -> None:
        """Restore the hosts to a past; ``tmpfs`` are the mount options of their deploy_to."""
        for name in HOSTS:
            tree = self.project.deploy_to(name)
            unmount(tree)
            shutil.rmtree(tree)
            tree.mkdir()
            if tmpfs:
                subprocess.run(["mount", "-t", "tmpfs", "-o", tmpfs, "faults", tree], check=True)
            subprocess.run(["cp", "-a", f"{self._directory / past / name}/.", tree], check=True)

    def unmount_all(self) -> None:
        """Unmount everything on the hosts."""
        for name in HOSTS:
            unmount(self.project.deploy_to(name))

    # -- cases

    @contextmanager
    def run_case(self, case: Case) -> Iterator[Completed]:
        """Run a flow with the fault of the case, and repair the hosts at the end."""
        self.restore("archived" if case.moment.is_target_archived else "plain", case.fault.tmpfs)
        self._write_strikes(case)
        with self._shared_connections(case):
            try:
                yield self._run(case)
            finally:
                self._lift(case)

    @contextmanager
    def _shared_connections(self, case: Case) -> Iterator[None]:
        """Share the operator's connections with the flow, if the fault is about them."""
        if not case.fault.is_shared:
            yield
            return
        with tempfile.TemporaryDirectory(prefix="cm") as sockets, ExitStack() as shared:
            for name in HOSTS:
                shared.callback(SharedConnection(self._masters, name, Path(sockets)).close)
            option = f"ControlPath={sockets}/%n"
            self.project.config(ssh_options=[option, *self.project.settings["ssh_options"]])
            yield

    @contextmanager
    def run_without_program(self, fault: ProgramFault) -> Iterator[Completed]:
        """Run a flow on hosts that lack a program, and give it back at the end."""
        self.restore("plain")
        folder = self._folder("wanting")
        for tool in {*OTHERS, *TOOLS} - {fault.tool}:
            (folder / tool).symlink_to(_program(tool))
        if fault.instead:
            _write_tool(folder / fault.tool, f"#!/bin/sh\n{fault.instead}\n")
        self._path({name: str(folder) for name in fault.hosts})
        try:
            yield self.project.doit(f"{fault.flow}:production")
        finally:
            self._path({})

    def _write_strikes(self, case: Case) -> None:
        self._folder("strikes")
        for name in case.hosts:
            (self._strikes / f"{name}.sh").write_text(self._script(case, name))
        hook = HOOK[case.moment.when].format(step=case.moment.step)
        lock = self.project.deploy_to(HOSTS[0]) / ".capdoit/lock"
        head = STRIKE.format(hosts=case.hosts, strikes=str(self._strikes), lock=str(lock))
        mark = f"open({str(self._strikes / 'controller')!r}, 'w').write(str(__import__('os').getpid()))\n"
        self.project.dodo(DODO + WAITS + mark + head + hook)
        if case.moment.tool:
            self._path({name: f"{self._wrapper(name, case.moment)}:{os.environ['PATH']}" for name in case.hosts})

    def _script(self, case: Case, host: str) -> str:
        sshd = self.sshds.hosts[host].process
        assert sshd
        return SCRIPT.format(
            path=os.environ["PATH"],
            deploy_to=self.project.deploy_to(host),
            listener=sshd.pid,
            port=self.sshds.hosts[host].port,
            python=sys.executable,
            occupy_logins=occupy_logins.__file__,
            controller=f"$(cat {self._strikes}/controller)",
            strikes=self._strikes,
            host=host,
            relay=self.network.relay_pid(host),
            first="yes" if host == case.hosts[0] else "",
            together=len(case.hosts),
            strike=case.fault.strike,
            then=":" if case.moment.when == "as" else case.fault.then,
        )

    def _wrapper(self, host: str, moment: Moment) -> Path:
        folder = self._folder(f"tools-{host}")
        tool, wrapper = _program(moment.tool), WRAPPERS[moment.when]
        text = wrapper.format(strikes=self._strikes, host=host, tool=tool, argument=moment.argument, mv=_program("mv"))
        _write_tool(folder / moment.tool, text)
        return folder

    def _path(self, paths: Mapping[str, str]) -> None:
        """Set the PATH of some hosts in deploy.yml."""
        for name, described in self.project.hosts.items():
            described.pop("default_env", None)
            if name in paths:
                described["default_env"] = {"PATH": paths[name]}
        self.project.config()

    def _run(self, case: Case) -> Completed:
        wanted = [f"rollback_release={self.second}"] if case.moment.is_target_archived else []
        command = (f"{case.moment.flow}:production", *wanted)
        with self.project.start(*command) as process:
            deadline = time.monotonic() + 150  # a flow ends in less, also where much else is at work
            while True:
                try:
                    out, _ = process.communicate(timeout=0.05)
                    break
                except subprocess.TimeoutExpired:
                    self._cut_power(case.hosts)
                    self._refuse_for_a_while(case.hosts)
                    if time.monotonic() > deadline:
                        process.kill()
        done = Completed(command, process.returncode, out)
        assert time.monotonic() < deadline, f"the flow does not end:\n{out}"
        assert all((self._strikes / f"struck-{name}").exists() for name in case.hosts[:1]), (
            f"the fault did not happen:\n{out}"
        )
        return done

    def _cut_power(self, hosts: Sequence[str]) -> None:
        for name in hosts:
            if (self._strikes / f"down-{name}").exists() and self.network.is_up(name):
                self.sshds.stop(name)
                self.network.reset(name)

    def _refuse_for_a_while(self, hosts: Sequence[str]) -> None:
        """End the connections of hosts that ask for it, and accept new ones later."""
        for name in hosts:
            asked = self._strikes / f"refused-{name}"
            if asked.exists() and self.network.is_up(name):
                self.network.reset(name)
                os.utime(asked)
            elif asked.exists() and time.time() > asked.stat().st_mtime + REFUSED_SECONDS:
                asked.unlink()
                self.network.repair(name)

    def _lift(self, case: Case) -> None:
        for name in case.hosts:
            if not self.sshds.hosts[name].process:
                self.sshds.start(name)
            if not self.network.is_up(name):
                self.network.repair(name)
            values = f"deploy_to={self.project.deploy_to(name)} relay={self.network.relay_pid(name)}"
            script = f"{values}\n{case.fault.repair}"
            subprocess.run(["sh", "-c", script], check=True)
        self._resume_frozen()
        self.project.dodo(DODO)
        self._path({})

    def _resume_frozen(self) -> None:
        """Resume the frozen processes of sessions, which then notice that their connections have ended."""
        for number, _ in self._session_processes():
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGCONT)

    def _folder(self, name: str) -> Path:
        folder = self._directory / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    # -- state

    def status(self) -> tuple[int, dict[str, Any]]:
        """Return the exit status and the JSON of `doit cap status`."""
        done = self.project.doit("cap", "--json", "status")
        return done.code, json.loads(done.out[done.out.index("{") :])  # after what stderr has

    def processes(self) -> list[str]:
        """Return the commands of the ssh clients and of the sessions on the hosts, without frozen ones."""
        return [command for number, command in self._session_processes() if not _is_stopped(number)]

    def _session_processes(self) -> list[tuple[int, str]]:
        ports = [f" {self.sshds.hosts[name].port}\0".encode() for name in HOSTS]
        config = str(self.network.ssh_config).encode()
        found = ((int(process.name), _of_session(process, ports, config)) for process in Path("/proc").glob("[0-9]*"))
        return [(number, command) for number, command in found if command]


def unmount(tree: Path) -> None:
    """Unmount everything that is mounted at a directory."""
    while os.path.ismount(tree):
        subprocess.run(["umount", "-l", tree], check=True)


def _is_stopped(number: int) -> bool:
    with suppress(OSError):  # it ended meanwhile
        return Path(f"/proc/{number}/stat").read_text(errors="replace").rpartition(")")[2].split()[0] == "T"
    return True


def _of_session(process: Path, ports: Sequence[bytes], config: bytes) -> str:
    """Return the command of a process that belongs to a session, by the port in its environment, else ''."""
    try:
        environ, command = (process / "environ").read_bytes(), (process / "cmdline").read_bytes()
    except OSError:  # it ended meanwhile
        return ""
    connection = environ.partition(b"SSH_CONNECTION=127.0.0.1 ")[2].partition(b"\0")[0] + b"\0"
    ours = config in command or any(connection.endswith(port) for port in ports)
    return command.replace(b"\0", b" ").decode(errors="replace")[:200] if ours else ""


def _program(tool: str) -> str:
    program = shutil.which(tool)
    assert program, f"these tests need {tool}"
    return program


def _write_tool(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o755)
