"""Hosts on which everything runs as another user than that of the login (``become``), with real sshd's and sudo."""

from __future__ import annotations

import os
import pwd
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from capdoit.errors import Unreachable
from capdoit.hosts.session import LOOP, Session
from capdoit.hosts.session_opening import BECOME
from capdoit.testing import Project, SshdFleet
from tests.integration.hosts.sessions import Sleeper, ask, request, started, wait_until
from tests.nobody import make_project_of_nobody, run_sshds_of_nobody
from tests.support import choose_ordinary, unwrap, wait_for, write_hooks
from tests.typist import Typist

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="it makes a user with a password, which needs root")

USER, PASSWORD = f"capdoit-{os.getpid()}", "right horse"  # tests that run in parallel have a user each
SHELLS = {"dash": ["dash"], "bash": ["bash", "--posix"], "busybox": ["busybox", "ash"]}
RULES = {
    "password": f"{USER} ALL=(nobody) ALL",
    "no password": f"{USER} ALL=(nobody) NOPASSWD: ALL",
    "one command": f"{USER} ALL=(nobody) NOPASSWD: /usr/bin/id -un",
}
SetRule = Callable[[str], None]


@pytest.fixture(scope="module")
def rules() -> Iterator[Path]:
    """Yield the file with the rules of sudo for a user with a password, who may become nobody."""
    subprocess.run(["useradd", "--no-create-home", USER], check=True)
    subprocess.run(["chpasswd"], input=f"{USER}:{PASSWORD}", text=True, check=True)
    file = Path("/etc/sudoers.d") / USER
    try:
        yield file
    finally:
        file.unlink(missing_ok=True)
        wait_for(60, lambda: subprocess.run(["userdel", USER], check=False).returncode == 0)  # once no process is left


@pytest.fixture
def sudo(rules: Path) -> SetRule:
    """Return a function that chooses one of `RULES`."""

    def set_rule(name: str) -> None:
        rules.write_text(f"{RULES[name]}\n")
        rules.chmod(0o440)

    return set_rule


def open_session(shell: str, password: str) -> Session:
    """Return a session of the user with a password as nobody; without a password, sudo gets none."""
    login = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", *SHELLS[shell]]
    command = [*login, "-c", BECOME, "sh", "nobody", LOOP, "password" if password else ""]
    return Session("web1", started(*command), preface=f"{password}\n" * 2 if password else "")  # type: ignore[arg-type]


@pytest.mark.parametrize("shell", choose_ordinary(SHELLS, "dash"))
@pytest.mark.parametrize(
    ("rule", "password"), [("password", PASSWORD), ("no password", PASSWORD), ("no password", "")], ids=str
)
def test_a_session_runs_as_the_other_user_and_sudo_gets_the_password_if_it_asks(
    sudo: SetRule, shell: str, rule: str, password: str
) -> None:
    sudo(rule)
    with closing(open_session(shell, password)) as session:
        assert ask(session, "id -un; cat").output == b"nobody\n"


@pytest.mark.parametrize("shell", choose_ordinary(SHELLS, "dash"))
def test_a_wrong_password_is_tried_once_and_told_in_one_line(sudo: SetRule, shell: str) -> None:
    sudo("password")
    with pytest.raises(Unreachable) as error:
        ask(open_session(shell, "wrong"), "true")
    assert error.value.reason == "cannot connect: sudo: 1 incorrect password attempt"


def test_without_a_password_sudo_that_wants_one_is_told(sudo: SetRule) -> None:
    sudo("password")
    with pytest.raises(Unreachable, match="sudo: a password is required"):
        ask(open_session("dash", ""), "true")


@pytest.mark.parametrize("shell", choose_ordinary(SHELLS, "dash"))
def test_processes_of_the_other_user_end_with_a_lost_session(sudo: SetRule, shell: str) -> None:
    sudo("password")
    sleeper = Sleeper()
    session = open_session(shell, PASSWORD)
    session.tell(request(f"{sleeper.command} & timeout 1000 {sleeper.command}"))
    sleeper.wait_until_it_runs()
    session._pipes._close_stdin()  # as sshd does when the connection is lost
    assert wait_until(lambda: not sleeper.runs(), 60)
    session.give_up()


@pytest.fixture
def sshds(rules: Path) -> Iterator[SshdFleet]:
    del rules
    with run_sshds_of_nobody(2, pwd.getpwnam(USER).pw_uid) as fleet:
        yield fleet


@pytest.mark.ssh
def test_a_deploy_and_a_rollback_run_as_the_other_user_and_the_password_is_nowhere(
    sudo: SetRule, sshds: SshdFleet, env: Mapping[str, str], tmp_path: Path
) -> None:
    sudo("password")
    project = make_project_of_nobody(sshds, env, tmp_path)
    project.config(become="nobody")
    config = project.path / "deploy.yml"
    config.write_text("{become_password: !env SUDO_PASSWORD," + config.read_text().strip()[1:])
    write_hooks(
        project,
        """
        @cap.after('published')
        def tell(host):
            host.run('echo as $(id -un); ! grep -rs "right horse" /proc/[0-9]*/cmdline /proc/[0-9]*/environ')
        """,
    )
    secret = {"SUDO_PASSWORD": PASSWORD}
    first = project.doit("deploy:production", env=secret).ok()
    assert "as nobody" in first.out
    project.doit("deploy:production", env=secret).ok()
    project.doit("rollback:production", env=secret).ok()
    status = project.doit("cap", "status", env=secret).ok()
    assert "on 2 hosts" in status.out or "web1, web2" in status.out
    owners = {path.owner() for host in project.hosts for path in project.deploy_to(host).rglob("*")}
    assert owners == {"nobody"}
    assert PASSWORD not in first.out + (project.path / "log/capdoit.log").read_text()
    refused = project.doit("deploy:production").failed()
    assert "SUDO_PASSWORD" in refused.out


@pytest.fixture
def project_of_login(sshds: SshdFleet, env: Mapping[str, str], tmp_path: Path) -> Project:
    """Return a project whose hosts log in as the user with a password."""
    return make_project_of_nobody(sshds, env, tmp_path)


@pytest.mark.ssh
def test_a_wrong_password_names_its_line(sudo: SetRule, project_of_login: Project) -> None:
    sudo("password")
    project_of_login.config(become="nobody")
    config = project_of_login.path / "deploy.yml"
    config.write_text("{become_password: !env SUDO_PASSWORD," + config.read_text().strip()[1:])
    said = unwrap(project_of_login.doit("deploy:production", env={"SUDO_PASSWORD": "wrong"}).failed().out)
    assert "cannot connect: sudo: 1 incorrect password attempt" in said
    assert re.search(r"Hint: deploy.yml:1\S* become_password must be the password of the user that ssh", said)


@pytest.mark.ssh
def test_a_missing_password_is_explained_with_the_rule_that_works(sudo: SetRule, project_of_login: Project) -> None:
    sudo("password")
    project_of_login.config(become="nobody")
    said = unwrap(project_of_login.doit("deploy:production").failed().out)
    assert "Set become_password in deploy.yml, or allow it without" in said
    assert apply_rule(said, sudo) == f"{USER} ALL=(nobody) NOPASSWD: ALL"
    project_of_login.doit("deploy:production", check=True)


@pytest.mark.ssh
@pytest.mark.parametrize("rule", ["password", "one command"])
def test_a_hook_as_another_user_is_explained_with_the_rule_that_works(
    sudo: SetRule, project_of_login: Project, rule: str
) -> None:
    sudo(rule)
    give_to_login(project_of_login)
    write_hooks(project_of_login, "@cap.before('starting')\ndef who(host):\n    host.run('id -un', user='nobody')\n")
    said = unwrap(project_of_login.doit("deploy:production").failed().out)
    assert "sudo: a password is required" in said
    assert apply_rule(said, sudo) == f"{USER} ALL=(nobody) NOPASSWD: ALL"
    assert "| nobody" in project_of_login.doit("run", "-s", "deploy:production:who").out


@pytest.mark.ssh
@pytest.mark.parametrize(
    ("rule", "code", "may"), [("one command", 1, "may not"), ("password", 0, "may not be allowed to")]
)
def test_a_hook_without_its_right_of_sudo_is_told_with_the_rule_that_works(
    sudo: SetRule, project_of_login: Project, rule: str, code: int, may: str
) -> None:
    sudo(rule)
    give_to_login(project_of_login)
    write_hooks(
        project_of_login,
        """
        @cap.after('published', tools=[capdoit.Tool('id -u', places=('sudo:id -u a:b=c,d',))])
        def who(host):
            host.run('sudo -n id -u a:b=c,d || echo ran')
        """,
    )
    done = project_of_login.doit("check:production")
    said = unwrap(done.out)
    assert done.code == code, said
    assert f"web1, web2: {USER} {may} run id -u a:b=c,d through sudo without a password; who (dodo.py:" in said
    RULES["hint"] = re.findall(r"\(visudo\) allows it: (.* /usr/bin/id -u \S+)", said)[0]
    sudo("hint")
    assert "sudo" not in project_of_login.doit("check:production", check=True).out
    done = project_of_login.doit("deploy:production", check=True)
    assert "a password is required" not in done.out


def give_to_login(project: Project) -> None:
    """Make the user of the login the owner of everything that a deploy uses."""
    trees = [project.repo.path, *(project.deploy_to(host) for host in project.hosts)]
    subprocess.run(["chown", "-R", USER, *trees], check=True)


def apply_rule(said: str, sudo: SetRule) -> str:
    """Set the last rule that a hint names, with the names of this test, and return it."""
    rule = re.findall(r"LOGIN ALL=\(USER\) NOPASSWD: ALL", said)[-1]
    RULES["hint"] = rule.replace("LOGIN", USER).replace("(USER)", "(nobody)")
    sudo("hint")
    return RULES["hint"]


def test_a_terminal_runs_as_the_other_user(project: Project, env: dict[str, str]) -> None:
    project.config(become="nobody")
    command = [sys.executable, "-m", "doit", "cap", "ssh", "production", "web1"]
    with Typist(command, project.path, {"SHELL": "/bin/sh", "PS1": "$ ", **env}, (30, 100)) as typist:
        typist.wait_for("web1: nothing is live in")
        typist.type("echo I am $(id -un)\n")
        typist.wait_for("I am nobody")
        typist.type("exit 3\n")
        assert typist.wait_for_end() == 3


def test_a_password_in_deploy_yml_is_refused(project: Project) -> None:
    project.config(become_password=PASSWORD)
    done = project.doit("list").failed(3)
    assert "become_password: expected !env NAME or !cmd COMMAND: a password does not belong in deploy.yml" in done.out
    assert PASSWORD not in done.out
