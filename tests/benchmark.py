"""How long flows take on real sshd's of this machine, and how far apart their hosts flip.

`python tests/benchmark.py 1 5 20`, or `doit benchmark`: a line for each number of hosts, with medians of five runs.
The skew is the time between the first and the last flip of a publish, from the links' change times, which the
kernel counts in ticks of 4 ms or less. Memory is the most that a process of the flow had, the controller's as a rule.
"""

from __future__ import annotations

import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

from capdoit.testing import Fleet, GitRepo, Project, clean_env

RUNS = 5
FILES = {f"src/{number}.txt": f"{number}\n" * 50 for number in range(200)}


def main(sizes: list[int]) -> None:
    """Print the table."""
    print(f"{'hosts':>5} {'deploy':>8} {'rollback':>9} {'skew: median':>13} {'worst':>8} {'memory':>8}")
    with tempfile.TemporaryDirectory() as directory:
        for size in sizes:
            measure(Path(directory) / str(size), size)


def measure(directory: Path, size: int) -> None:
    """Deploy and roll back in turn, and print the line."""
    directory.mkdir()
    fleet = Fleet(directory, size)
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


def made(directory: Path, fleet: Fleet) -> Project:
    """A project of 200 files for all hosts of the fleet."""
    env = clean_env(directory / "home")
    repo = GitRepo(directory / "repo", env)
    repo.commit(FILES)
    hosts = {name: {"roles": ["app"], "deploy_to": str(host.root / "app")} for name, host in fleet.hosts.items()}
    project = Project(directory / "project", repo, env, hosts, {"ssh_config": str(fleet.ssh_config)})
    project.link_files()
    return project


def seconds(project: Project, task: str) -> float:
    """How long a flow takes, from the command to the prompt."""
    began = time.monotonic()
    project.doit(task, check=True)
    return time.monotonic() - began


def skew(project: Project) -> float:
    """Milliseconds between the first and the last flip; a rename is a change of the link."""
    flips = [(project.deploy_to(name) / "current").lstat().st_ctime_ns for name in project.hosts]
    return (max(flips) - min(flips)) / 1e6


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [1, 5, 20])
