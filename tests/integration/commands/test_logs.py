"""`doit cap logs` on real hosts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from capdoit.testing import Project, SshdFleet
from capdoit.testing.processes import find_processes_with_home
from tests.support import further, replace_programs, wait_for
from tests.typist import Typist


def write_log(project: Project, host: str, text: str, name: str = "production.log") -> Path:
    """Add text to a log in shared/log of a host."""
    log = project.deploy_to(host) / "shared/log" / name
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as file:
        file.write(text)
    return log


@contextmanager
def following(project: Project, env: dict[str, str], *words: str) -> Iterator[Typist]:
    """Follow logs on a terminal; the end of the context types Ctrl-C."""
    with Typist([sys.executable, "-m", "doit", "cap", "logs", *words], project.path, env) as typist:
        yield typist
        typist.type("\x03")
        assert typist.wait_for_end() == 130


@pytest.mark.ssh
def test_the_logs_of_all_hosts_are_followed_until_ctrl_c(
    ssh_project: Project, sshds: SshdFleet, env: dict[str, str]
) -> None:
    for host in ssh_project.hosts:
        write_log(ssh_project, host, "old\n" * 20 + f"begun on {host}\n")
    with following(ssh_project, env, "production") as typist:
        for host in ssh_project.hosts:
            typist.wait_for(f"   {host} | begun on {host}\n")
        assert typist.text.count("web1 | old") == 9
        write_log(ssh_project, "web2", "a new line\n")
        typist.wait_for("   web2 | a new line\n")
    homes = [sshds.hosts[name].home for name in ssh_project.hosts]
    wait_for(60, lambda: not find_processes_with_home(homes))


@pytest.mark.extended("detail")
@pytest.mark.parametrize("tail", ["", *further("exec busybox tail")])
def test_several_files_are_named_and_a_rotated_one_is_followed_on(
    project: Project, env: dict[str, str], tail: str
) -> None:
    replace_programs(project, "web1", **({"tail": f'{tail} "$@"'} if tail else {}))
    log = write_log(project, "web1", "1\n")
    write_log(project, "web1", "2\n\n3\n", "my jobs.log")
    with following(project, env, "--hosts", "web1") as typist:
        typist.wait_for("   web1 production.log | 1\n")
        assert "web1 my jobs.log | 2\n" in typist.text
        log.rename(log.with_suffix(".1"))
        write_log(project, "web1", "after the rotation\n")
        typist.wait_for("production.log | after the rotation\n")
        write_log(project, "web1", "4\n", "my jobs.log")
        typist.wait_for("   web1 my jobs.log    | 4\n")


@pytest.mark.extended("detail")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["jobs.log"], "web1 | from jobs"),
        (["production", "shared/log/jobs.log"], "web1 | from jobs"),
        (["j*"], "web1 | from jobs"),
        (["-n", "0", "production.log", "jobs.log"], "web1 jobs.log | later"),
    ],
)
def test_files_and_lines_are_chosen_on_the_command_line(
    project: Project, env: dict[str, str], words: list[str], expected: str
) -> None:
    write_log(project, "web1", "from production\n")
    write_log(project, "web1", "from jobs\n", "jobs.log")
    with following(project, env, "--hosts=web1", *words) as typist:
        if "-n" in words:
            process = f"tail\0-n\0{0}\0-F"
            wait_for(60, lambda: any(process in _read(path) for path in Path("/proc").glob("[0-9]*/cmdline")))
            write_log(project, "web1", "later\n", "jobs.log")
        typist.wait_for(expected)
        assert "from production" not in typist.text


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # it has ended
        return ""


@pytest.mark.extended("detail")
def test_the_setting_logs_chooses_files_for_a_stage_and_a_host(project: Project, env: dict[str, str]) -> None:
    other = project.path / "elsewhere.log"
    other.write_text("from elsewhere\n")
    write_log(project, "web1", "from web1\n", "jobs.txt")
    project.hosts["web2"]["logs"] = [str(other)]
    project.hosts["db1"] = {"transport": "local", "deploy_to": "hosts/db1", "no_release": True}
    project.config(stages={"production": {"hosts": project.hosts, "logs": ["shared/log/*.txt"]}})
    with following(project, env, "hosts=web1,web2") as typist:
        typist.wait_for("web1 | from web1")
        typist.wait_for("web2 | from elsewhere")


@pytest.mark.extended("detail")
def test_a_host_without_such_a_file_is_named_and_hosts_without_code_are_left_out(project: Project) -> None:
    project.hosts["db1"] = {"transport": "local", "deploy_to": "hosts/db1", "no_release": True}
    project.config()
    for host in ("web1", "web2"):
        project.deploy_to(host).mkdir(parents=True, exist_ok=True)
    said = sorted(project.doit("cap", "logs").failed(1).out.splitlines())
    assert [line.partition("no file in ")[0] for line in said] == ["   web1 | ", "   web2 | "]
    assert all(line.endswith("matches shared/log/*.log") for line in said)


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["prodution"], "no stage prodution; deploy.yml has production. Did you mean production?"),
        *further((["-n", "few"], "--lines few: expected a number of lines"), (["x.log", "--json"], "no --json")),
    ],
)
def test_a_mistake_is_refused(project: Project, words: list[str], answer: str) -> None:
    assert answer in project.doit("cap", "logs", *words).failed(3).out


@pytest.mark.extended("detail")
def test_following_ends_when_nobody_reads_it_any_more(project: Project, env: dict[str, str]) -> None:
    write_log(project, "web1", "1\n2\n3\n")
    command = f"{sys.executable} -m doit cap logs --hosts web1 | head -1"
    with subprocess.Popen(["sh", "-c", command], cwd=project.path, env=env, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"   web1 | 1\n"
        wait_for(60, lambda: write_log(project, "web1", "more\n") and process.poll() is not None)
