"""What faults strike: three hosts with a past, put back to it before each case."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from capdoit.testing import DODO, Completed, GitRepo, Project, SshdFleet, clean_env
from tests.faults.faults import HOSTS, TOOLS, Case, Point, Want

FIRST = {"app.txt": "first\n", "bin/serve": "#!/bin/sh\n", "log/of/developer": "x\n", "assets/logo": "x" * 200_000}
SECOND = {"app.txt": "second\n", "assets/new": "y" * 1000}
THIRD = {"app.txt": "third\n", "assets/third": "z" * 1000}
# The programs that capdoit's scripts and these tests use on a host, besides those that a case takes away.
OTHERS = (
    *("sh", "flock", "date", "id", "tr", "dd", "od", "sha256sum", "sort", "stat", "awk", "gzip", "chmod", "head"),
    *("seq", "xargs", "sleep", "setsid", "kill", "pkill", "mount", "umount", "mountpoint", "find", "sed", "true"),
)
# The hooks know only the scripts of the case. What strikes as `starting` begins is a thread of the
# controller that waits for the first lock.
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
    while not (lock.exists() and lock.stat().st_size):
        time.sleep(0.002)
    for name in HOSTS:
        subprocess.Popen(["sh", STRIKES / f"{{name}}.sh"], start_new_session=True)
"""
HOOK = {
    "before": "cap.before({step!r})(strike)\n",
    "after": "cap.after({step!r})(strike)\n",
    "in": "cap.before({step!r})(arm)\n",
    "behind": "cap.before({step!r})(arm)\n",
    "as": "threading.Thread(target=watch, daemon=True).start()\n",
}
# The wrapper is the tool, but for the first use after it was armed, of those that are meant. The strikes of several
# hosts wait for each other, so that they come together.
WRAPPERS = {
    "in": """\
#!/bin/sh
case "$*" in
    *{given}*) if {mv} {strikes}/armed-{host} {strikes}/gone-{host} 2>/dev/null; then . {strikes}/{host}.sh; fi ;;
esac
exec {tool} "$@"
""",
    "behind": """\
#!/bin/sh
{tool} "$@"
status=$?
case "$*" in
    *{given}*) if {mv} {strikes}/armed-{host} {strikes}/gone-{host} 2>/dev/null; then . {strikes}/{host}.sh; fi ;;
esac
exit $status
""",
}
SCRIPT = """\
PATH={path}
deploy_to={deploy_to} listener={listener} controller={controller} down={strikes}/down-{host} first={first}
: >{strikes}/struck-{host}
tries=0
while [ "$(ls {strikes} | grep -c ^struck-)" -lt {together} ] && [ $tries -lt 100 ]; do
    sleep 0.02
    tries=$((tries + 1))
done
{strike}
{stay}
"""


class Ground:
    """Three hosts, on which two releases were live one after the other, and the project that made them.

    Args:
        directory: for everything but the hosts' trees.
        fleet: the hosts.
    """

    def __init__(self, directory: Path, fleet: SshdFleet) -> None:
        self.fleet = fleet
        self._directory, self._strikes = directory, directory / "strikes"
        env = clean_env(directory / "home")
        repo = GitRepo(directory / "repo", env)
        trees = {name: fleet.hosts[name].root / "ground" for name in HOSTS}
        described = {name: {"roles": ["app", "web"], "deploy_to": str(tree)} for name, tree in trees.items()}
        settings = {"ssh_config": str(fleet.ssh_config), "keep_releases": 2}
        self.project = Project(directory / "project", repo, env, described, settings)
        self.files: dict[str, dict[str, str]] = {}  # of each commit
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

    def put_back(self, past: str, tmpfs: str = "") -> None:
        """The hosts are as they were in that past; ``tmpfs`` mounts their deploy_to with those options."""
        for name in HOSTS:
            tree = self.project.deploy_to(name)
            unmount(tree)
            shutil.rmtree(tree)
            tree.mkdir()
            if tmpfs:
                subprocess.run(["mount", "-t", "tmpfs", "-o", tmpfs, "faults", tree], check=True)
            subprocess.run(["cp", "-a", f"{self._directory / past / name}/.", tree], check=True)

    def clear(self) -> None:
        """Nothing is mounted any more."""
        for name in HOSTS:
            unmount(self.project.deploy_to(name))

    # -- cases

    @contextmanager
    def struck(self, case: Case) -> Iterator[Completed]:
        """A flow that the case's fault strikes; the fault is lifted in the end."""
        self.put_back("archived" if case.point.archived else "plain", case.fault.tmpfs)
        self._write_strikes(case)
        try:
            yield self._run(case)
        finally:
            self._lift(case)

    @contextmanager
    def wanting(self, want: Want) -> Iterator[Completed]:
        """A flow on hosts that lack a tool; they have it again in the end."""
        self.put_back("plain")
        folder = self._folder("wanting")
        for tool in {*OTHERS, *TOOLS} - {want.tool}:
            (folder / tool).symlink_to(_program(tool))
        if want.instead:
            _write_tool(folder / want.tool, f"#!/bin/sh\n{want.instead}\n")
        self._path({name: str(folder) for name in want.hosts})
        try:
            yield self.project.doit(f"{want.flow}:production")
        finally:
            self._path({})

    def _write_strikes(self, case: Case) -> None:
        self._folder("strikes")
        for name in case.hosts:
            (self._strikes / f"{name}.sh").write_text(self._script(case, name))
        hook = HOOK[case.point.when].format(step=case.point.step)
        lock = self.project.deploy_to(HOSTS[0]) / ".capdoit/lock"
        head = STRIKE.format(hosts=case.hosts, strikes=str(self._strikes), lock=str(lock))
        mark = f"open({str(self._strikes / 'controller')!r}, 'w').write(str(__import__('os').getpid()))\n"
        self.project.dodo(DODO + mark + head + hook)
        if case.point.tool:
            self._path({name: f"{self._wrapper(name, case.point)}:{os.environ['PATH']}" for name in case.hosts})

    def _script(self, case: Case, host: str) -> str:
        sshd = self.fleet.hosts[host].process
        assert sshd
        return SCRIPT.format(
            path=os.environ["PATH"],
            deploy_to=self.project.deploy_to(host),
            listener=sshd.pid,
            controller=f"$(cat {self._strikes}/controller)",
            strikes=self._strikes,
            host=host,
            first="yes" if host == case.hosts[0] else "",
            together=len(case.hosts),
            strike=case.fault.strike,
            stay=":" if case.point.when == "as" else case.fault.stay,
        )

    def _wrapper(self, host: str, point: Point) -> Path:
        folder = self._folder(f"tools-{host}")
        tool, wrapper = _program(point.tool), WRAPPERS[point.when]
        text = wrapper.format(strikes=self._strikes, host=host, tool=tool, given=point.given, mv=_program("mv"))
        _write_tool(folder / point.tool, text)
        return folder

    def _path(self, paths: Mapping[str, str]) -> None:
        """What PATH is on some hosts, as deploy.yml says."""
        for name, described in self.project.hosts.items():
            described.pop("default_env", None)
            if name in paths:
                described["default_env"] = {"PATH": paths[name]}
        self.project.config()

    def _run(self, case: Case) -> Completed:
        wanted = [f"rollback_release={self.second}"] if case.point.archived else []
        command = (f"{case.point.flow}:production", *wanted)
        with self.project.start(*command) as process:
            deadline = time.monotonic() + 40
            while True:
                try:
                    out, _ = process.communicate(timeout=0.05)
                    break
                except subprocess.TimeoutExpired:
                    self._cut_power(case.hosts)
                    if time.monotonic() > deadline:
                        process.kill()
        done = Completed(command, process.returncode, out)
        assert time.monotonic() < deadline, f"it does not end:\n{out}"
        assert all((self._strikes / f"struck-{name}").exists() for name in case.hosts[:1]), f"no strike:\n{out}"
        return done

    def _cut_power(self, hosts: Sequence[str]) -> None:
        for name in hosts:
            if (self._strikes / f"down-{name}").exists():
                self.fleet.stop(name)

    def _lift(self, case: Case) -> None:
        for name in case.hosts:
            if not self.fleet.hosts[name].process:
                self.fleet.start(name)
            script = f"deploy_to={self.project.deploy_to(name)}\n{case.fault.lift}"
            subprocess.run(["sh", "-c", script], check=True)
        self.project.dodo(DODO)
        self._path({})

    def _folder(self, name: str) -> Path:
        folder = self._directory / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    # -- what is asked of it

    def status(self) -> tuple[int, dict[str, Any]]:
        """What `doit cap status` says, and its exit status."""
        done = self.project.doit("cap", "--json", "status")
        return done.code, json.loads(done.out)

    def processes(self) -> list[str]:
        """What runs in the hosts' sessions, and the controller's ssh clients."""
        ports = [f" {self.fleet.hosts[name].port}\0".encode() for name in HOSTS]
        config = str(self.fleet.ssh_config).encode()
        return [shown for process in Path("/proc").glob("[0-9]*") if (shown := _of_session(process, ports, config))]


def unmount(tree: Path) -> None:
    """Unmount all that is mounted there."""
    while os.path.ismount(tree):
        subprocess.run(["umount", "-l", tree], check=True)


def _of_session(process: Path, ports: Sequence[bytes], config: bytes) -> str:
    """A process's command when it is one of a session's; a process of a host has the host's port in its environment."""
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
