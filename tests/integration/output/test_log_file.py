"""The log file of real flows: log/capdoit.log of the project."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from capdoit.testing import Project
from tests.support import WITHOUT_ROOT_RIGHTS, deploy, further, write_command_hook, write_hooks

TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}[+-][0-9]{2}:[0-9]{2} ")
WRITE = """
import sys
from pathlib import Path
from capdoit.output.rotating_file import RotatingFile
file = RotatingFile(Path(sys.argv[1]), most_bytes=40_000)
for number in range(500):
    file.append(f"{sys.argv[2]} {number} {'x' * 50}\\n{sys.argv[2]} | {number}\\n".encode())
"""


def log_of(project: Project) -> Path:
    return project.path / "log/capdoit.log"


def log_lines(project: Project) -> list[str]:
    return log_of(project).read_text().splitlines()


def named_line(project: Project, said: str) -> str:
    """Return the line of the log that the report of a failure names."""
    (number,) = re.findall(r"^Log: log/capdoit\.log:([0-9]+)$", said, re.MULTILINE)
    return log_lines(project)[int(number) - 1]


def test_a_deploy_logs_what_hosts_were_sent_and_what_they_answered(project: Project) -> None:
    project.doit("list", check=True)
    assert not (project.path / "log").exists()
    write_command_hook(project, "after('updated')", "echo hello; echo careful >&2")
    release = deploy(project)
    found = log_lines(project)
    assert stat.S_IMODE(log_of(project).stat().st_mode) == 0o600
    heads = [line for line in found if TIME.match(line)]
    runs = {line.split()[1] for line in heads}
    assert len(runs) == 1
    assert all(line.split()[0] in runs for line in found if line not in heads)
    for host in project.hosts:
        on_host = [TIME.sub("", line).split(" ", 1)[1] for line in heads if f" {host} " in line]
        assert f"work {host} sent: echo hello; echo careful >&2" in on_host
        assert f"work {host} output: careful" in on_host or f"{min(runs)} {host} | careful" in found  # hello came first
        assert any(
            line.startswith(f"publishing {host} answered: publishing: exit status 0 after 0.") for line in on_host
        )
    assert [line for line in found if line.count(f"release='{release}'")]
    assert sum("find_existing() {" in line for line in found) == 2  # in the lock and in the survey, for all hosts


def test_a_failure_names_the_line_of_the_log_in_which_the_host_failed(project: Project) -> None:
    write_command_hook(project, "after('updated')", "echo building; exit 3")
    said = project.doit("deploy:production").failed().out
    assert re.search(
        r" work web[12] failed after .* s: echo building; exit 3: exit status 3$", named_line(project, said)
    )
    assert "What is live was not changed." in "\n".join(log_lines(project))  # the report is in the log


@pytest.mark.extended("detail")
def test_a_check_and_a_drill_that_fail_name_the_line_of_the_log(project: Project) -> None:
    said = project.doit("drill:production").failed().out
    assert named_line(project, said).endswith("the drill failed")
    project.config(linked_files=["missing.yml"])
    said = project.doit("check:production").failed().out
    assert named_line(project, said).endswith("the check failed")
    project.config(repo_url=str(project.path / "nowhere"))
    said = project.doit("check:production").failed().out
    assert re.search(" check web[12] failed after ", named_line(project, said))


@pytest.mark.extended("variant")
def test_a_command_that_was_typed_elsewhere_names_paths_from_there(project: Project, env: dict[str, str]) -> None:
    write_command_hook(project, "after('updated')", "exit 3")
    folder, dodo = project.path / "config", str(project.path / "dodo.py")
    folder.mkdir()

    def run(*words: str) -> str:
        command = [sys.executable, "-m", "doit", *words]
        return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False).stdout

    assert re.search(r"^Log: \.\./log/capdoit\.log:[0-9]+$", run("-f", dodo, "deploy:production"), re.MULTILINE)
    said = run("cap", "-f", dodo, "report", "2")
    assert (folder / said.strip()).is_file()


@pytest.mark.extended("detail")
def test_a_refused_command_names_no_line_of_the_log(project: Project) -> None:
    project.doit("deploy:production", check=True)
    said = project.doit("deploy:production", "hosts=web7").failed().out
    assert "Log:" not in said


def test_a_log_that_cannot_be_written_is_one_warning_and_no_failure(project: Project) -> None:
    log_of(project).mkdir(parents=True)
    said = project.doit("deploy:production", check=True).out
    assert said.count("cannot be written") == 1
    assert "log/capdoit.log cannot be written: Is a directory" in said


@pytest.mark.extended("variant")
def test_a_full_disk_or_a_read_only_project_stops_only_the_log(project: Project, env: dict[str, str]) -> None:
    project.config(log="/dev/full")
    assert "cannot be written: No space left on device" in project.doit("deploy:production", check=True).out
    (project.path / "private").mkdir(mode=0o500)
    project.config(log="private/capdoit.log")
    command = [*WITHOUT_ROOT_RIGHTS, sys.executable, "-m", "doit", "deploy:production"]
    done = subprocess.run(command, cwd=project.path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.count("private/capdoit.log cannot be written: Permission denied") == 1


def test_the_log_can_be_turned_off_and_can_be_elsewhere(project: Project, tmp_path: Path) -> None:
    project.config(log=False)
    deploy(project)
    assert not (project.path / "log").exists()
    project.config(log=str(tmp_path / "other/deploys.log"))
    deploy(project)
    assert (tmp_path / "other/deploys.log").exists()
    assert not (project.path / "log").exists()


@pytest.mark.parametrize("secret", ["s3cr3tvalue", *further("it's\na s3cr3tvalue $x", "7!")])
def test_no_secret_is_in_the_log_or_on_a_report_page(project: Project, secret: str) -> None:
    file = project.path / "deploy.yml"
    file.write_text("{default_env: {TOKEN: !env TOKEN, RAILS_ENV: production}," + file.read_text().strip()[1:])
    write_command_hook(project, "after('updated')", 'echo "it is $TOKEN"; set -x; : "$TOKEN"')
    project.doit("deploy:production", env={"TOKEN": secret}, check=True)
    assert "RAILS_ENV=" in log_of(project).read_text()
    (page,) = (project.path / "log/reports").iterdir()
    assert "it is" in page.read_text()
    assert "s3cr3tvalue" not in log_of(project).read_text() + page.read_text()
    assert not re.search(r"TOKEN=\W*7!", log_of(project).read_text())


@pytest.mark.extended("detail")
def test_a_file_that_is_sent_is_not_copied_into_the_log(project: Project) -> None:
    (project.path / "seed.sql").write_text("insert\n" * 1000)
    write_hooks(
        project,
        """
        @cap.after('updated')
        def seed(host, release):
            host.upload('seed.sql', f'{release.path}/seed.sql')
        """,
    )
    deploy(project)
    assert "with 7000 bytes of seed.sql" in log_of(project).read_text()
    assert "insert" not in log_of(project).read_text()


def test_commands_that_may_change_hosts_are_logged_and_those_that_look_are_not(project: Project) -> None:
    project.doit("cap", "status")
    assert not log_of(project).exists()
    project.doit("cap", "exec", "echo hello $((40 + 2))", check=True)
    project.doit("cap", "unlock", check=True)
    found = [TIME.sub("", line).split(" ", 1)[1] for line in log_lines(project) if TIME.match(line)]
    (executed, unlocked) = (line for line in found if "started" in line)
    assert re.match("exec - cap exec production started: run [0-9a-f]{16}, by .*, on web1, web2$", executed)
    assert unlocked.startswith("unlock - cap unlock production started: ")
    for host in project.hosts:
        assert f"exec {host} sent: echo hello $((40 + 2))" in found
        assert f"exec {host} output: hello 42" in found
        assert any(line.startswith(f"unlock {host} answered: survey: exit status 0") for line in found)


@pytest.mark.extended("detail")
def test_two_flows_at_the_same_time_have_lines_of_their_own(project: Project) -> None:
    other = {name: {**host, "deploy_to": f"hosts/other-{name}"} for name, host in project.hosts.items()}
    project.config(stages={"production": {"hosts": project.hosts}, "other": {"hosts": other}}, linked_files=[])
    write_command_hook(project, "after('updated')", "echo in $PWD")
    project.doit("-n", "4", "-P", "thread", "deploy:production", "deploy:other", check=True)
    starts = [line.split() for line in log_lines(project) if ":production started" in line or ":other started" in line]
    assert len({words[1] for words in starts}) == 2
    for words in starts:
        of_run = [line for line in log_lines(project) if f" {words[1]} " in line]
        steps = [line.split()[2] for line in of_run if line.endswith(" - started")]
        assert steps == ["starting", "updating", "work", "publishing", "finishing", "finished"]


@pytest.mark.extended("detail")
def test_lines_of_several_processes_are_complete_and_none_is_lost(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITE, str(tmp_path / "a.log")]
    writers = [subprocess.Popen([*command, name]) for name in "abcd"]
    assert [writer.wait() for writer in writers] == [0] * 4
    files = [tmp_path / f"a.log{number}" for number in (".5", ".4", ".3", ".2", ".1", "")]
    lines = [line for file in files if file.exists() for line in file.read_text().splitlines()]
    assert (tmp_path / "a.log.1").exists()
    for name in "abcd":
        own = [line for line in lines if line.startswith(f"{name} ")]
        assert own == [line for n in range(500) for line in (f"{name} {n} {'x' * 50}", f"{name} | {n}")]
