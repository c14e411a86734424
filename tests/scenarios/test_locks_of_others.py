"""A lock that somebody else holds: another user of the host, another user of the group, or a flow in a container."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from capdoit.script import Value
from capdoit.shell_scripts import render
from capdoit.testing import Project, SshdFleet
from tests.support import MakeProject, deploy, further, replace_programs, start_waiting_deploy, unwrap, wait_for

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="it changes the user, which needs root")


def lock_of(project: Project, host: str) -> Path:
    return project.deploy_to(host) / ".capdoit/lock"


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@contextmanager
def hold(lock: Path) -> Iterator[int]:
    """Hold a lock by a process that needs only the right to read its file, and yield the pid."""
    with subprocess.Popen(["flock", lock, "cat"], stdin=subprocess.PIPE) as process:
        wait_for(60, lambda: subprocess.run(["flock", "-n", lock, "true"], check=False).returncode == 1)
        yield process.pid
        process.communicate(b"")


# -- another user of the host


def test_the_lock_can_be_opened_by_its_user_only(project: Project) -> None:
    deploy(project)
    assert {mode_of(lock_of(project, host)) for host in project.hosts} == {0o600}


@pytest.mark.extended("variant")
def test_the_lock_of_a_group_can_be_opened_by_its_members_only(project: Project) -> None:
    deploy(project)
    for host in project.hosts:
        project.deploy_to(host).chmod(0o775)
        lock_of(project, host).chmod(0o664)
    deploy(project)
    assert {mode_of(lock_of(project, host)) for host in project.hosts} == {0o660}


@pytest.mark.extended("variant")
def test_a_lock_that_everybody_can_open_is_closed_by_the_next_flow(project: Project) -> None:
    deploy(project)
    lock_of(project, "web1").chmod(0o644)
    deploy(project)
    assert mode_of(lock_of(project, "web1")) == 0o600


def test_a_process_that_is_not_a_flow_is_named_and_loses_the_lock_by_force(project: Project) -> None:
    live = deploy(project)
    with hold(lock_of(project, "web1")) as pid:
        holder = rf"process {pid} \(flock\) of \w+, which is not a flow"
        refused = project.doit("rollback:production").failed().out
        status = project.doit("cap", "status").ok().out
        facts = json.loads(project.doit("cap", "status", "--json").ok().out)["hosts"]
        check = project.doit("check:production").ok().out
        doctor = project.doit("cap", "doctor").out
        unlocked = project.doit("cap", "unlock").ok().out
        again = project.doit("cap", "unlock").ok().out
        deploy(project)
    assert re.search(f"^ *web1: {holder}$", refused, re.MULTILINE)
    assert "doit cap unlock production hosts=web1" in refused
    assert re.search(f"^ *web1: locked by {holder}$", status, re.MULTILINE)
    assert [(one["lock"], one["lock_is_held"]) for one in facts] == [(None, True), (None, False)]
    assert re.search(f"web1: locked by {holder}$", check, re.MULTILINE)
    assert re.search(f"web1: locked by {holder}$", doctor, re.MULTILINE)
    assert re.search(f"^web1: freed the lock of {holder}$", unlocked, re.MULTILINE)
    assert "web2: was not locked" in unlocked
    assert again == "web1: was not locked\nweb2: was not locked\n"
    assert project.current("web1") != live


def test_a_flow_is_not_refused_because_a_command_looks_at_its_lock(project: Project) -> None:
    """A command that looks shares the lock for a moment, and the flow tries again."""
    deploy(project)
    first_try = project.path / "first-try"
    first_try.mkdir()
    looks = f'flock -n -s {lock_of(project, "web1")} /usr/bin/flock "$@"'
    replace_programs(
        project,
        "web1",
        flock=f'if rmdir {first_try} 2>/dev/null; then /usr/bin/{looks}; exit; fi\nexec /usr/bin/flock "$@"',
    )
    project.doit("deploy:production", env={"PATH": f"{project.path}/tools-web1:{os.environ['PATH']}"}).ok()
    assert not first_try.exists()


# -- another user of the group


@needs_root
@pytest.mark.extended("variant")
def test_the_lock_of_another_member_of_the_group_is_closed_by_replacing_it(shared_place: Path) -> None:
    lock = shared_place / "shop/.capdoit/lock"
    lock.parent.mkdir(parents=True)
    for path in (lock.parent, lock.parent.parent):
        os.chown(path, 0, NOBODY)
        path.chmod(0o2775)
    lock.write_text('{"flow": "deploy", "by": "ann"}\n')
    lock.chmod(0o664)
    os.chown(lock, 0, NOBODY)
    before = lock.stat().st_ino
    said = take_lock_as_nobody(lock.parent.parent)
    assert said == 'taken {"flow": "deploy", "by": "ann"}'
    assert (lock.stat().st_uid, mode_of(lock)) == (NOBODY, 0o660)
    assert lock.stat().st_ino != before
    assert lock.read_text().startswith('{"run": "1"}\n')


def take_lock_as_nobody(deploy_to: Path) -> str:
    values: dict[str, Value] = {
        "deploy_to": str(deploy_to),
        "create_deploy_to": True,
        "lock_entry": '{"run": "1"}',
        "retake_run": "",
        "shared_to": "",
    }
    script = render("lock", "operations/lock_take", values).text + '\n[ "$hold_status" != 0 ] || echo "taken $found"\n'
    user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    done = subprocess.run([*user, "sh"], input=script, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


@pytest.fixture
def shared_place() -> Iterator[Path]:
    """Yield a directory that every user can enter; those of pytest are closed."""
    with tempfile.TemporaryDirectory(prefix="capdoit") as place:
        Path(place).chmod(0o755)
        yield Path(place)


# -- a flow in a container


@pytest.fixture(scope="module")
def place_of_containers() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="capdoit") as place:
        Path(place).chmod(0o755)
        yield Path(place)


@pytest.fixture(scope="module")
def containers(place_of_containers: Path) -> Iterator[SshdFleet]:
    """Yield two sshd's in PID namespaces of their own, as in containers and WSL 2."""
    in_container = ["unshare", "--pid", "--fork", "--mount-proc"]
    as_nobody = f"setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups"
    choose_user = (
        f'if [ -e {place_of_containers}/nobody ]; then set -- {as_nobody}; fi; exec "$@" sh -c "$SSH_ORIGINAL_COMMAND"'
    )
    containers = SshdFleet(place_of_containers, 2, f"ForceCommand={choose_user}", launcher=in_container)
    with containers.running():
        yield containers


@pytest.fixture
def contained(containers: SshdFleet, make_project: MakeProject, tmp_path: Path) -> Project:
    """Return a project whose hosts are containers."""
    project = make_project()
    for name, sshd in containers.hosts.items():
        project.hosts[name] = {"roles": ["app"], "deploy_to": str(sshd.root / tmp_path.name)}
    project.config(ssh_config=str(containers.ssh_config))
    project.link_files()
    return project


def look(project: Project) -> dict[str, str]:
    """Return what commands say while a flow is at work."""
    commands = {
        "status": ("cap", "status"),
        "history": ("cap", "history"),
        "check": ("check:production",),
        "dry run": ("deploy:production", "dry_run=yes"),
        "deploy": ("deploy:production",),
    }
    return {name: project.doit(*command).out for name, command in commands.items()}


@pytest.mark.extended("variant")
@pytest.mark.ssh
@needs_root
def test_commands_tell_the_truth_about_a_flow_in_a_container(contained: Project) -> None:
    deploy(contained)
    with start_waiting_deploy(contained) as flow:
        said = look(contained)
        (contained.path / "go").touch()
        flow.communicate(timeout=60)
    holder = "deploy by tester from"
    assert flow.returncode == 0
    assert not [text for text in said.values() if "died" in text or "interrupted" in text]
    assert f"locked by {holder}" in said["status"]
    assert "is at work" in said["history"]
    assert f"locked by {holder}" in said["check"]
    assert f"locked by {holder}" in unwrap(said["dry run"])
    assert f"web1, web2: {holder}" in said["deploy"]


@pytest.mark.ssh
@needs_root
@pytest.mark.extended("variant")
def test_commands_tell_the_truth_about_a_flow_that_died_in_a_container(contained: Project) -> None:
    deploy(contained)
    with start_waiting_deploy(contained) as flow:
        flow.kill()
        flow.communicate()
    locks = [lock_of(contained, host) for host in contained.hosts]
    wait_for(
        60, lambda: not any(subprocess.run(["flock", "-n", lock, "true"], check=False).returncode for lock in locks)
    )
    status = contained.doit("cap", "status").out
    assert "stale: that flow died" in status
    assert "The last deploy was interrupted (died)" in status
    unlocked = contained.doit("cap", "unlock").ok().out
    assert re.search("^web1: freed the lock of deploy by tester .*; stale: that flow died$", unlocked, re.MULTILINE)


@pytest.mark.extended("variant")
@pytest.mark.ssh
@needs_root
@pytest.mark.parametrize("can_read", [False, *further(True)])
def test_another_user_in_a_container_never_calls_a_flow_dead(
    contained: Project, place_of_containers: Path, can_read: bool
) -> None:
    """Its user may not look into the processes of the flow; a member of the group may look at the lock."""
    for host in contained.hosts if can_read else ():
        tree = contained.deploy_to(host)
        os.chown(tree, 0, NOBODY)
        tree.chmod(0o2775)
    deploy(contained)
    with start_waiting_deploy(contained) as flow:
        (place_of_containers / "nobody").touch()
        said = look(contained)
        (place_of_containers / "nobody").unlink()
        (contained.path / "go").touch()
        flow.communicate(timeout=60)
    assert flow.returncode == 0
    assert not [text for text in said.values() if "died" in text.replace("or died", "") or "interrupted" in text]
    if can_read:
        assert "web1, web2: locked by deploy by tester from" in said["status"]
        assert re.search("^ *is at work$", said["history"], re.MULTILINE)
    else:
        assert "web1, web2: it is not known whether the lock is held" in said["status"]
