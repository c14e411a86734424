"""Functions that tests of several folders use. conftest.py has the fixtures."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from capdoit.testing import DODO, Completed, Project, processes

MakeProject = Callable[..., Project]
WriteScript = Callable[..., str]

WITHOUT_ROOT_RIGHTS = (  # for programs that must respect the modes of files, also when root runs the tests
    [str(shutil.which("setpriv")), "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
)


def further(*cases: object) -> list[object]:
    """Mark cases of a test as variants, which only the extended set runs; a tuple holds several arguments."""
    mark = pytest.mark.extended("variant")
    return [pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=mark) for case in cases]


def choose_ordinary(cases: Iterable[object], *ordinary: object) -> list[object]:
    """Return all cases, of which all but the ordinary ones are marked as variants."""
    return [each for case in cases for each in ([case] if case in ordinary else further((case,)))]


def pair(some: Sequence[object], others: Sequence[object]) -> list[tuple[object, object]]:
    """Return pairs in which each value of both occurs, for variants of which a combination shows nothing more."""
    return [(some[n % len(some)], others[n % len(others)]) for n in range(max(len(some), len(others)))]


@contextmanager
def largest_file(size_bytes: int) -> Iterator[None]:
    """Let no file of this process become larger, as if the disk was full then."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))  # Python ignores the signal, so a write fails
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def deploy(project: Project, *variables: str) -> str:
    """Deploy, and return the release that is then live on every host."""
    project.doit("deploy:production", *variables, check=True)
    (release,) = {project.current(host) for host in project.hosts}
    assert release
    return release


def reported_state(said: str, host: str) -> str:
    """Return what the last report of a failure says of a host: the live release, and a remark if there is one."""
    for row in said.rpartition("live releases now:\n")[2].splitlines()[1:]:
        hosts, _, state = row.strip().partition("  ")
        if host in hosts.split(", "):
            return " ".join(state.split())
    raise AssertionError(f"no report has a row of {host}:\n{said}")


def write_hooks(project: Project, text: str) -> None:
    """Write a dodo.py that has these hooks; the text may be indented."""
    project.dodo(DODO + dedent(text).lstrip("\n"))


def unwrap(text: str) -> str:
    """Return a text without the line breaks and the indentation that make it fit a screen."""
    return " ".join(text.split())


def wait_for(seconds: float, condition: Callable[[], object]) -> None:
    """Wait until a condition holds, and fail after these seconds."""
    assert processes.wait_until(seconds, condition), f"the condition did not hold within {seconds:g} s"


def replace_programs(project: Project, host: str, **scripts: str) -> None:
    """Replace programs on a host with these scripts, as a broken host would have them."""
    folder = project.path / f"tools-{host}"
    folder.mkdir()
    for name, text in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    project.hosts[host]["default_env"] = {"PATH": f"{folder}:{os.environ['PATH']}"}
    project.config()


def hold_up_flip(project: Project, host: str) -> Path:
    """Let the flip of a host hang, and return the file that exists from then on."""
    mark = project.path / f"held-up-{host}"
    replace_programs(project, host, mv=f'case $* in *next/current*) : >{mark}; exec sleep 60;; esac; exec /bin/mv "$@"')
    return mark


def let_flip(project: Project, host: str) -> None:
    """Let a host flip again after `hold_up_flip`."""
    (project.path / f"tools-{host}/mv").unlink()


def is_free(project: Project, host: str) -> bool:
    """Return True if no process holds the lock of a host."""
    lock = project.deploy_to(host) / ".capdoit/lock"
    return subprocess.run(["flock", "-n", lock, "true"], check=False).returncode == 0


def remove_programs(project: Project, host: str, *missing: str) -> None:
    """Remove programs from the PATH of hooks' commands on a host; capdoit's scripts have the login's, too."""
    project.hosts[host]["default_env"] = {"PATH": make_path_without(project.path / f"tools-{host}", *missing)}
    project.config()


def make_path_without(folder: Path, *missing: str) -> str:
    """Make a directory with all programs of this machine except some, and return it as a PATH."""
    folder.mkdir()
    for directory in os.environ["PATH"].split(os.pathsep):
        for program in Path(directory).glob("*"):
            if program.name not in missing and program.is_file() and not os.path.lexists(folder / program.name):
                (folder / program.name).symlink_to(program)
    return str(folder)


def find_sleeping(seconds: str) -> list[int]:
    """Return the pids of the processes that sleep for this duration."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:  # it ended meanwhile
            continue
        if words[:2] == [b"sleep", seconds.encode()]:
            found.append(int(path.parent.name))
    return found


def unique_seconds(project: Project) -> str:
    """Return a duration in seconds that no other test sleeps."""
    return f"3{abs(hash(project.path)) % 10**8}"


def start_until_sleeping(project: Project, seconds: str, hosts: int, *args: str) -> subprocess.Popen[str]:
    """Start doit, and wait until N hosts sleep."""
    process = project.start(*args)
    wait_for(60, lambda: process.poll() is not None or len(find_sleeping(seconds)) == hosts)
    assert process.poll() is None, process.communicate()[0]
    return process


def snapshot_tree(folder: Path) -> dict[str, tuple[Any, ...]]:
    """Return everything below a directory: kinds, modes, sizes, times, contents and targets of symlinks."""
    found = {}
    for path in [folder, *folder.rglob("*")]:
        stat = path.lstat()
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        found[str(path)] = (stat.st_mode, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, content)
    return found


def snapshot_hosts(project: Project) -> dict[str, Any]:
    return {name: snapshot_tree(project.deploy_to(name)) for name in project.hosts}


def write_command_hook(
    project: Project, point: str, command: str, name: str = "work", *, in_release: bool = False
) -> None:
    """Write a dodo.py with one hook, which runs a command on every host.

    Args:
        project: the project.
        point: the hook's declaration, such as ``after('updated')``.
        command: a line for sh.
        name: the hook's name.
        in_release: run it in the directory of the release instead of the home directory.
    """
    options = ", cwd=release.path" if in_release else ""
    write_hooks(
        project,
        f"""
        @cap.{point}
        def {name}(host, release):
            host.run({command!r}{options})
        """,
    )


def write_sleeping_hook(project: Project, seconds: str, step: str = "updated") -> None:
    write_command_hook(project, f"after('{step}')", f"sleep {seconds}", name="wait")


def assert_no_incomplete_release(project: Project, releases: Iterable[str], hosts: Iterable[str] | None = None) -> None:
    """Check that the hosts have exactly these releases, no scratch files and a free lock."""
    for host in hosts or project.hosts:
        assert project.releases(host) == list(releases)
        own = project.deploy_to(host) / ".capdoit"
        assert {path.name for path in own.iterdir()} <= {"journal", "lock", "manifests", "next", "reserve"}
        assert not list(own.glob("next/*"))
        assert (own / "lock").read_text().strip() == ""


def write_recipe(project: Project, name: str, text: str) -> None:
    """Write a recipe of the project, and use it."""
    (project.path / "recipes").mkdir()
    imports = dedent("""
        from dataclasses import dataclass
        from capdoit import Recipe
        """)
    (project.path / f"recipes/{name}.py").write_text(imports + text)
    project.config(recipes={name: {}})


def deploy_text(project: Project, text: str) -> str:
    """Deploy a new commit with this text, and return the release that is then live."""
    project.repo.commit({"app.txt": text})
    project.doit("deploy:production", check=True)
    return str(project.current("web1"))


def run_doit(folder: Path, *args: str) -> Completed:
    """Run doit in a folder, with stderr in its output; a traceback fails the test."""
    done = subprocess.run(
        [sys.executable, "-m", "doit", *args],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stdout, done.stdout
    return Completed(args, done.returncode, done.stdout)


def release_dir(project: Project, name: str, host: str = "web1") -> Path:
    """Return the directory of a release on a host."""
    return project.deploy_to(host) / "releases" / name


def manifest_file(project: Project, name: str, host: str = "web1") -> Path:
    """Return the manifest of a release on a host."""
    return project.deploy_to(host) / ".capdoit/manifests" / name


def verify_release(project: Project, *words: str, code: int = 0) -> Any:
    """Return the JSON of `doit cap verify`, which ends with this exit code."""
    return json.loads(project.doit("cap", "verify", *words, "--json").failed(code).out)


def start_waiting_deploy(project: Project) -> subprocess.Popen[str]:
    """Start a deploy, which waits in a hook until the project has a file named go."""
    write_hooks(
        project,
        """
        import os, time
        @cap.after('updated', once=True)
        def wait(hosts):
            open('begun', 'w')
            while not os.path.exists('go'):
                time.sleep(0.02)
        """,
    )
    process = project.start("deploy:production")
    wait_for(60, (project.path / "begun").exists)
    return process


def printed_words(out: str, host: str) -> list[str]:
    """Return the <words> that commands printed on a host, in order."""
    return re.findall(rf"(?:^| ){host} *\| <(.*?)>", out, re.MULTILINE)


def printed_warnings(out: str) -> list[str]:
    """Return the warnings that a flow printed when they happened; its summary repeats them."""
    return re.findall(r"^(?:\d+:\d\d \S+)? *warning: (.*)$", out, re.MULTILINE)
