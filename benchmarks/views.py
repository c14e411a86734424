"""The cost of the views of a flow, on real sshd's of this machine.

`python -m benchmarks.views`, or `doit benchmark_views`, prints two tables. The first one has deploys to 20 hosts: their
time, and the CPU time of everything that is done with events: the log, the report page, the view and its drawing. The
second one has a command that prints 100,000 lines on each of 5 hosts: in a deploy with all output in a pipe, and in
deploys on a terminal; and the CPU time and the memory of the controller. It is compared with plain ssh clients whose
output goes to the same places: a log file, and the pipe or the terminal if the view shows the output. A command that
needs some time for each line is slowed less than one that does nothing but print, so there is one of each. Both kinds
of run alternate, and the fastest run of each kind counts, because other programs may be at work on the machine.
"""

from __future__ import annotations

import os
import pty
import shlex
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from resource import struct_rusage

from benchmarks.flow_times import made
from capdoit.testing import Project, SshdFleet

RUNS = 3
HOSTS_OF_A_FLEET, LOUD_HOSTS = 20, 5
COMMANDS = {
    "a shell loop": 'n=0; while [ $n -lt 100000 ]; do n=$((n + 1)); echo "line $n of a loop"; done',
    "seq": "seq -f 'line %g of seq' 100000",
}
DODO = 'import capdoit\ncap = capdoit.load("deploy.yml")\nDOIT_CONFIG = {"reporter": "capdoit"}\n'
# Adds up the CPU time in the outermost call of each thread.
CLOCK = """
import atexit, threading, time
from capdoit.event_bus import EventBus
from capdoit.output import live_view
inside, spent = threading.local(), []
def timed(function):
    def call(*args):
        if getattr(inside, 'it', False):
            return function(*args)
        inside.it, began = True, time.thread_time()
        try:
            return function(*args)
        finally:
            inside.it = False
            spent.append(time.thread_time() - began)
    return call
EventBus.emit = timed(EventBus.emit)
live_view.LiveView._tick = timed(live_view.LiveView._tick)
atexit.register(lambda: open('spent', 'w').write(str(sum(spent))))
"""


def main() -> None:
    """Print both tables."""
    with tempfile.TemporaryDirectory() as directory:
        with project_on(Path(directory) / "fleet", HOSTS_OF_A_FLEET) as (project, _):
            print_cost(project)
        with project_on(Path(directory) / "loud", LOUD_HOSTS) as (project, fleet):
            print_floods(project, fleet)


@contextmanager
def project_on(directory: Path, hosts: int) -> Iterator[tuple[Project, SshdFleet]]:
    """Yield a project whose hosts have a release."""
    directory.mkdir()
    fleet = SshdFleet(directory, hosts)
    try:
        fleet.start_all()
        project = made(directory, fleet)
        project.doit("deploy:production", check=True)
        yield project, fleet
    finally:
        fleet.stop_all()


# -- a deploy to many hosts


def print_cost(project: Project) -> None:
    """Print the table of deploys."""
    project.dodo(DODO + CLOCK)
    print(f"deploys to {HOSTS_OF_A_FLEET} hosts {'time':>9} {'of events':>10} {'share':>7}")
    for name, run in VIEWS.items():
        times, spent = [], []
        for _ in range(RUNS):
            began = time.monotonic()
            run(project)
            times.append(time.monotonic() - began)
            spent.append(float((project.path / "spent").read_text()))
        total, of_events = statistics.median(times), statistics.median(spent)
        print(f"{name:19} {total:>8.2f} s {of_events * 1000:>7.0f} ms {of_events / total:>7.1%}", flush=True)


# -- a loud command


def print_floods(project: Project, fleet: SshdFleet) -> None:
    """Print the table of loud commands."""
    print(f"\n{'100,000 lines on 5 hosts':28} {'by ssh':>8} {'time':>8} {'slowdown':>9} {'CPU':>8} {'memory':>8}")
    for name, command in COMMANDS.items():
        write_loud_hook(project, command)
        for view, run in VIEWS.items():
            alone, runs = [], []
            for _ in range(RUNS):
                alone.append(run_alone(fleet, command, project.path / "log" / "alone.log", PLACES[view]))
                runs.append(measure_hook(project, run))
            print(f"{name:12} {view:15} {compare_floods(min(alone), runs)}", flush=True)


def compare_floods(alone: float, runs: Sequence[tuple[float, struct_rusage]]) -> str:
    """Return the columns of a row of the table."""
    taken = min(seconds for seconds, _ in runs)
    cpu = min(usage.ru_utime + usage.ru_stime for _, usage in runs)
    memory = max(usage.ru_maxrss for _, usage in runs) / 1024
    return f"{alone:>6.2f} s {taken:>6.2f} s {taken / alone - 1:>9.0%} {cpu:>6.2f} s {memory:>5.0f} MB"


def run_alone(fleet: SshdFleet, command: str, log: Path, place: str) -> float:
    """Return the seconds of a command by plain ssh on all hosts at once, without the login.

    Args:
        fleet: the hosts.
        command: what they run.
        log: file that gets the output.
        place: what gets the output, too: ``pipe``, ``terminal``, or ``nothing``.
    """
    log.unlink(missing_ok=True)
    ours, theirs = pty.openpty() if place == "terminal" else os.pipe()
    redirection = f">> {log}" if place == "nothing" else f"| tee -a {log}"
    line = f'ssh -F {fleet.ssh_config} "$1" {shlex.quote(f"echo begin >&2; read go; {command}")} {redirection}'
    processes = [
        subprocess.Popen(["sh", "-c", line, "sh", name], stdin=subprocess.PIPE, stdout=theirs, stderr=subprocess.PIPE)
        for name in fleet.hosts
    ]
    os.close(theirs)
    reader = threading.Thread(target=read_until_end, args=[ours])
    reader.start()
    pipes = [(process.stdin, process.stderr) for process in processes if process.stdin and process.stderr]
    for _, err in pipes:
        err.readline()
    began = time.monotonic()
    for go, _ in pipes:
        go.write(b"\n")
        go.flush()
    for process in processes:
        process.communicate()
    reader.join()
    return time.monotonic() - began


def read_until_end(descriptor: int) -> None:
    """Read and forget everything, and close the descriptor."""
    with suppress(OSError):  # nobody has the other end of the terminal any more
        while os.read(descriptor, 1 << 16):
            pass
    os.close(descriptor)


def write_loud_hook(project: Project, command: str) -> None:
    """Let each deploy run the command on every host, and write down when it began and ended there."""
    hook = f"""
import time
@cap.after('updated')
def speak(host):
    began = time.monotonic()
    host.run({command!r})
    with open('moments', 'a') as moments:
        moments.write(f'{{began}} {{time.monotonic()}}\\n')
"""
    project.dodo(DODO + hook)


def measure_hook(project: Project, run: Callable[[Project], struct_rusage]) -> tuple[float, struct_rusage]:
    """Return the seconds from the first beginning to the last end of the hook, and what the controller used."""
    moments = project.path / "moments"
    moments.unlink(missing_ok=True)
    usage = run(project)
    times = [tuple(map(float, line.split())) for line in moments.read_text().splitlines()]
    return max(end for _, end in times) - min(began for began, _ in times), usage


# -- views


def run_in_pipe(project: Project) -> struct_rusage:
    """Deploy with all output in a pipe; return what the controller used."""
    process = project.start("deploy:production")
    assert process.stdout
    read_until_end(os.dup(process.stdout.fileno()))
    return wait(process.pid)


def run_on_terminal(project: Project, *options: str) -> struct_rusage:
    """Deploy on a terminal; return what the controller used."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "doit", *options, "deploy:production"],
        cwd=project.path,
        env={**project._env, "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    read_until_end(ours)
    return wait(process.pid)


def run_on_loud_terminal(project: Project) -> struct_rusage:
    """Deploy on a terminal that shows all output; return what the controller used."""
    return run_on_terminal(project, "-v", "2")


def wait(pid: int) -> struct_rusage:
    """Wait for a process that must succeed, and return what it used."""
    _, status, usage = os.wait4(pid, 0)
    assert status == 0, f"doit ended with {os.waitstatus_to_exitcode(status)}"
    return usage


VIEWS: dict[str, Callable[[Project], struct_rusage]] = {
    "pipe": run_in_pipe,
    "terminal": run_on_terminal,
    "terminal, -v 2": run_on_loud_terminal,
}
PLACES = {"pipe": "pipe", "terminal": "nothing", "terminal, -v 2": "terminal"}

if __name__ == "__main__":
    main()
