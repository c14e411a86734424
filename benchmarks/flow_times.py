"""Durations of flows on real sshd's of this machine, and the skew of their publishing.

`python benchmarks/flow_times.py 1 5 20`, or `doit benchmark`, prints a line for each number of hosts, with medians of
five runs. The skew is the time between the first and the last switch of `current` in a publish. It is read from the
change times of the symlinks, which the kernel counts in ticks of 4 ms or less. Memory is the maximum of all processes
of the flow, usually that of the controller. Then comes the cost of manifests for 10,000 files of 10 KB: writing one
before a publish, and comparing a release with one, next to sha256sum over the same files. The last line is the time of
`updating` for an archive of 1 GB, next to a copy of the archive by ssh and cat and to tar.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from capdoit.records.manifest import MOST_LINES
from capdoit.script import Value
from capdoit.shell_scripts import render
from capdoit.testing import GitRepo, Project, SshdFleet, clean_env

RUNS = 5
RELEASE = "20260101000000"
ARCHIVE_BYTES = 1 << 30
FILES = {f"src/{number}.txt": f"{number}\n" * 50 for number in range(200)}


def main(sizes: list[int]) -> None:
    """Print the table."""
    print(f"{'hosts':>5} {'deploy':>8} {'rollback':>9} {'skew: median':>13} {'worst':>8} {'memory':>8}")
    with tempfile.TemporaryDirectory() as directory:
        for size in sizes:
            measure(Path(directory) / str(size), size)
        manifests(Path(directory) / "manifests")
        archives(Path(directory) / "archives")


def measure(directory: Path, size: int) -> None:
    """Deploy and roll back in turn, and print the line."""
    directory.mkdir()
    fleet = SshdFleet(directory, size)
    try:
        fleet.start_all()
        project = made(directory, fleet)
        project.doit("deploy:production", check=True)
        deploys, rollbacks, skews = [], [], []
        for _ in range(RUNS):
            deploys.append(seconds(project, "deploy:production"))
            skews.append(skew(project))
            rollbacks.append(seconds(project, "rollback:production"))
            skews.append(skew(project))
    finally:
        fleet.stop_all()
    deploy, rollback, typical = map(statistics.median, (deploys, rollbacks, skews))
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(
        f"{size:>5} {deploy:>6.2f} s {rollback:>7.2f} s {typical:>10.1f} ms {max(skews):>5.1f} ms {memory:>5.0f} MB",
        flush=True,
    )


def manifests(directory: Path) -> None:
    """Print the line about manifests."""
    release = directory / "releases" / RELEASE
    for number in range(10_000):
        file = release / f"node_modules/package-{number // 40}/lib/module-{number}.js"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(os.urandom(10_240))
    (release / "REVISION").write_text("abc\n")
    (directory / ".capdoit").mkdir()
    (directory / ".capdoit/lock").write_text('{"run": "x"}')
    common: dict[str, Value] = {"deploy_to": str(directory), "release": RELEASE, "run": "x", "revision": "abc"}
    common |= {"entry": "", "release_dir": f"releases/{RELEASE}", "is_new": True, "linked_files": []}
    common |= {"max_lines": MOST_LINES}

    def text(file: str, **values: Value) -> str:
        return render(file, file, values, common=common).text

    work = {
        "sha256sum": f"cd {release} && find . -type f -exec sha256sum {{}} +",
        "written": text("steps/publishing_prepare", hooks_ran=False),
        "renewed": text("steps/finished_late", hooks_ran=True),
        "quick": text("operations/integrity_compare", verify="quick"),
        "full": text("operations/integrity_compare", verify="full"),
    }
    taken: dict[str, list[float]] = {what: [] for what in work}
    for _ in range(RUNS):  # in turn, so that what else this machine does falls on all
        for what, script in work.items():
            began = time.monotonic()
            subprocess.run(["sh", "-c", script], check=True, stdout=subprocess.DEVNULL)
            taken[what].append(time.monotonic() - began)
    medians = ", ".join(f"{what} {statistics.median(seconds):.2f} s" for what, seconds in taken.items())
    print(f"manifest of 10,000 files, 100 MB: {medians}", flush=True)


def archives(directory: Path) -> None:
    """Print the line about archives."""
    directory.mkdir()
    fleet = SshdFleet(directory, 1)
    try:
        fleet.start_all()
        project = made(directory, fleet, archive="shop.tar", repo_url=None, branch=None)
        archive, copy, unpacked = project.path / "shop.tar", directory / "copy", directory / "unpacked"
        (directory / "blob").write_bytes(os.urandom(1 << 20) * (ARCHIVE_BYTES >> 20))
        unpacked.mkdir()
        subprocess.run(["tar", "-cf", archive, "blob"], cwd=directory, check=True)
        taken: dict[str, list[float]] = {"ssh cat": [], "tar": [], "updating": []}
        for _ in range(RUNS):
            began = time.monotonic()
            with archive.open("rb") as source:
                command = ["ssh", "-F", str(fleet.ssh_config), "web1", f"cat >{copy}"]
                subprocess.run(command, stdin=source, check=True)
            taken["ssh cat"].append(time.monotonic() - began)
            began = time.monotonic()
            subprocess.run(["tar", "-xf", copy, "-C", unpacked], check=True)
            taken["tar"].append(time.monotonic() - began)
            copy.unlink()
            taken["updating"].append(updating_seconds(project))
    finally:
        fleet.stop_all()
    medians = ", ".join(f"{what} {statistics.median(seconds):.2f} s" for what, seconds in taken.items())
    print(f"archive of {ARCHIVE_BYTES >> 20} MB: {medians}", flush=True)


def updating_seconds(project: Project) -> float:
    """Deploy, and return how long the step updating takes: it ends when the next step is shown."""
    began = 0.0
    with project.start("deploy:production", env={"PYTHONUNBUFFERED": "1"}) as process:
        assert process.stdout
        for line in process.stdout:
            if line.startswith(".  deploy:production:updating"):
                began = time.monotonic()
            if line.startswith(".  deploy:production:publishing"):
                taken = time.monotonic() - began
        assert process.wait() == 0
    return taken


def made(directory: Path, fleet: SshdFleet, **settings: object) -> Project:
    """Return a project of 200 files for all hosts of the fleet."""
    env = clean_env(directory / "home")
    repo = GitRepo(directory / "repo", env)
    repo.commit(FILES)
    hosts = {name: {"roles": ["app"], "deploy_to": str(host.root / "app")} for name, host in fleet.hosts.items()}
    project = Project(directory / "project", repo, env, hosts, {"ssh_config": str(fleet.ssh_config), **settings})
    project.link_files()
    return project


def seconds(project: Project, task: str) -> float:
    """Return how long a flow takes, from the command to the prompt."""
    began = time.monotonic()
    project.doit(task, check=True)
    return time.monotonic() - began


def skew(project: Project) -> float:
    """Return the milliseconds between the first and the last switch of `current`, which is a change of the symlink."""
    flips = [(project.deploy_to(name) / "current").lstat().st_ctime_ns for name in project.hosts]
    return (max(flips) - min(flips)) / 1e6


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [1, 5, 20])
