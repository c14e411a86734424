"""Hints for known causes. Each program really says its message: sshd, ssh, ssh-agent, sudo, git, tar and the kernel."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from capdoit.testing import Project, SshdFleet
from tests.support import MakeProject, further, make_path_without, wait_for, write_command_hook

NOBODY = 65534
# ssh of git on a host: it knows no host key, or trusts any.
GIT_SSH = "ssh -o BatchMode=yes -o GlobalKnownHostsFile=/dev/null -o UserKnownHostsFile=/dev/null"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system, or gives a file away")


@pytest.fixture
def shop(make_project: MakeProject) -> Project:
    """Return a project with one local host."""
    return make_project(1)


@pytest.fixture
def ssh_shop(make_project: MakeProject) -> Project:
    """Return a project with two ssh hosts."""
    return make_project(2, ssh=True)


def said_of_failure(project: Project, **environment: str) -> str:
    """Return what a deploy says that fails, its words with one space between them."""
    return " ".join(project.doit("deploy:production", env=environment).failed().out.split())


def change_ssh(project: Project, sshds: SshdFleet, old: str, new: str) -> None:
    """Change a text in the configuration of ssh."""
    text = sshds.ssh_config.read_text()
    assert old in text
    file = project.path / "ssh_config"
    file.write_text(text.replace(old, new))
    project.config(ssh_config=str(file))


def keys_of(sshds: SshdFleet) -> Path:
    return sshds.ssh_config.parent / "keys"


# -- ssh


@pytest.mark.ssh
def test_hosts_with_an_unknown_host_key_are_logged_in_to_by_hand(ssh_shop: Project, sshds: SshdFleet) -> None:
    change_ssh(ssh_shop, sshds, str(keys_of(sshds) / "known_hosts"), "/dev/null")
    said = said_of_failure(ssh_shop)
    assert said.count("Host key verification failed.") == 1
    assert "web1, web2: cannot connect: Host key verification failed." in said
    assert "ssh on this machine does not know the host key of web1, web2" in said
    assert f"compare the fingerprint: ssh -F {ssh_shop.path}/ssh_config web1 " in said


@pytest.mark.ssh
@pytest.mark.extended("variant")
def test_a_changed_host_key_is_not_called_unknown(ssh_shop: Project, sshds: SshdFleet) -> None:
    known = ssh_shop.path / "known_hosts"
    keys = {name: (keys_of(sshds) / f"{name}.pub").read_text() for name in ("web2", "web1")}
    ports = [sshds.hosts[name].port for name in ("web1", "web2")]
    known.write_text("".join(f"[127.0.0.1]:{port} {key}" for port, key in zip(ports, keys.values(), strict=True)))
    change_ssh(ssh_shop, sshds, str(keys_of(sshds) / "known_hosts"), str(known))
    said = said_of_failure(ssh_shop)
    assert said.count("IDENTIFICATION HAS CHANGED") == 1
    assert "Hint: The host key of web1, web2 is not the one that this machine knows" in said
    remove = f"ssh-keygen -R '[127.0.0.1]:{ports[0]}' -f {known}"
    assert f"before you accept it: {remove} && ssh -F {ssh_shop.path}/ssh_config web1 " in said
    subprocess.run(["sh", "-c", remove], check=True)
    assert str(ports[0]) not in known.read_text()


@pytest.mark.ssh
@pytest.mark.extended("variant")
def test_a_key_that_no_host_accepts(ssh_shop: Project, sshds: SshdFleet) -> None:
    other = ssh_shop.path / "other_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
    change_ssh(ssh_shop, sshds, f"IdentityFile {keys_of(sshds)}/user", f"IdentityFile {other}")
    said = said_of_failure(ssh_shop)
    assert "Permission denied (publickey)" in said
    assert "None of the keys that ssh offers lets you in as" in said


@pytest.fixture
def empty_agent() -> Iterator[Path]:
    """Yield the socket of an ssh agent without keys."""
    socket = Path(f"/tmp/capdoit-agent-{os.getpid()}")
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL) as agent:
        wait_for(10, socket.exists)
        yield socket
        agent.terminate()


@pytest.mark.ssh
@pytest.mark.extended("variant")
def test_an_agent_without_keys(ssh_shop: Project, sshds: SshdFleet, empty_agent: Path) -> None:
    change_ssh(ssh_shop, sshds, f"IdentityFile {keys_of(sshds)}/user", f"IdentityFile {ssh_shop.path}/missing")
    said = said_of_failure(ssh_shop, SSH_AUTH_SOCK=str(empty_agent))
    assert "ssh-add -l: The agent has no identities." in said
    assert "Hint: The ssh agent of this machine holds no key. Add yours: ssh-add " in said


@pytest.mark.ssh
@pytest.mark.extended("variant")
def test_a_quiet_ssh(ssh_shop: Project, sshds: SshdFleet) -> None:
    change_ssh(ssh_shop, sshds, str(keys_of(sshds) / "known_hosts"), "/dev/null")
    ssh_shop.config(ssh_config=str(ssh_shop.path / "ssh_config"), ssh_options=["LogLevel=QUIET"])
    assert "Remove LogLevel=QUIET from ssh_options in deploy.yml" in said_of_failure(ssh_shop)


@pytest.mark.ssh
@pytest.mark.extended("variant")
def test_a_host_that_refuses_connections(ssh_shop: Project, sshds: SshdFleet) -> None:
    change_ssh(ssh_shop, sshds, f"Port {sshds.hosts['web2'].port}", "Port 1")
    assert "Is web2 up, is port: right in deploy.yml" in said_of_failure(ssh_shop)


@pytest.mark.ssh
@pytest.mark.extended("variant")
def test_a_hostname_that_does_not_exist(ssh_shop: Project) -> None:
    ssh_shop.hosts["web2"]["hostname"] = "no..name"
    ssh_shop.config()
    assert "Hint: no..name is neither a name in DNS nor in the configuration of ssh" in said_of_failure(ssh_shop)


# -- git on the hosts


@pytest.mark.parametrize(
    ("repo_url", "hint"),
    [
        ("/nowhere/shop.git", "Is repo_url right in deploy.yml?"),
        *further(
            ("ssh://git@127.0.0.1:1/shop.git", "The git server is not reachable from web1."),
            ("http://127.0.0.1:1/shop.git", "The git server is not reachable from web1."),
            ("ssh://git@no..name/shop.git", "The name no..name is not known on web1."),
        ),
    ],
)
def test_a_repository_that_hosts_cannot_reach(shop: Project, repo_url: str, hint: str) -> None:
    shop.config(repo_url=repo_url, default_env={"GIT_SSH_COMMAND": GIT_SSH})
    assert f"Hint: {hint}" in said_of_failure(shop)


@pytest.mark.ssh
@pytest.mark.extended("variant")
@pytest.mark.parametrize(
    ("ssh", "hint"),
    [
        (GIT_SSH, "The host key of the git server in repo_url is not known to the user of deploys on web1"),
        (f"{GIT_SSH} -o StrictHostKeyChecking=no", "The git server accepts no key of the user of deploys on web1"),
    ],
)
def test_a_git_server_that_does_not_let_hosts_in(shop: Project, sshds: SshdFleet, ssh: str, hint: str) -> None:
    url = f"ssh://root@127.0.0.1:{sshds.hosts['web1'].port}{shop.repo.path}"
    shop.config(repo_url=url, default_env={"GIT_SSH_COMMAND": f"{ssh} -o IdentityFile=/dev/null"})
    assert f"Hint: {hint}" in said_of_failure(shop)


@needs_root
@pytest.mark.extended("variant")
def test_a_repository_of_another_user(shop: Project) -> None:
    subprocess.run(["chown", "-R", str(NOBODY), str(shop.repo.path)], check=True)
    shop.config(default_env={"GIT_CONFIG_GLOBAL": "/dev/null"})
    said = said_of_failure(shop)
    assert f"as the user of deploys: git config --global --add safe.directory {shop.repo.path}/.git " in said


@pytest.mark.extended("variant")
def test_git_lfs_that_is_set_up_but_not_installed(shop: Project) -> None:
    filters = '[filter "lfs"]\nprocess = git-lfs filter-process\nsmudge = git-lfs smudge -- %f\nrequired = true\n'
    (shop.path / "lfs").write_text(f"[safe]\ndirectory = *\n{filters}")
    shop.repo.commit({".gitattributes": "*.bin filter=lfs\n", "a.bin": "version https://git-lfs.github.com/spec/v1\n"})
    shop.config(default_env={"GIT_CONFIG_GLOBAL": str(shop.path / "lfs")})
    assert "Hint: git on web1 is set up for Git LFS, but cannot get the contents" in said_of_failure(shop)


@pytest.mark.extended("variant")
def test_a_hook_that_fetches_submodules_in_the_release(shop: Project) -> None:
    write_command_hook(shop, "after('updated')", "GIT_DIR=.git git submodule update --init", in_release=True)
    assert "Hint: A release has no .git: git commands, such as git submodule update, do not work in it" in (
        said_of_failure(shop)
    )


@pytest.mark.extended("detail")
def test_a_hook_that_fails_without_its_submodule_is_reported_with_the_warning_before(shop: Project) -> None:
    head = shop.repo.git("rev-parse", "HEAD")
    (shop.repo.path / ".gitmodules").write_text('[submodule "lib"]\npath = lib\nurl = https://example.com/lib\n')
    shop.repo.git("add", ".gitmodules")
    shop.repo.git("update-index", "--add", "--cacheinfo", f"160000,{head},lib")
    shop.repo.git("commit", "--quiet", "-m", "use lib")
    write_command_hook(shop, "after('updated')", "cat lib/version", in_release=True)
    assert "warned before: web1: main has submodules, which are deployed as empty directories" in said_of_failure(shop)


# -- programs and disks of the hosts


@pytest.mark.extended("variant")
def test_a_linked_file_that_is_removed_during_a_deploy(shop: Project) -> None:
    write_command_hook(shop, "after('updated')", f"rm '{shop.shared('web1')}/config/database.yml'")
    said = said_of_failure(shop)
    assert "Hint: A file in shared was removed on web1 after the deploy had looked for it" in said
    assert "this puts it there again: doit setup:STAGE " in said


@needs_root
def test_sudo_that_wants_a_password(shop: Project) -> None:
    write_command_hook(shop, "after('published')", f"setpriv --reuid={NOBODY} --clear-groups sudo -n true")
    said = said_of_failure(shop)
    assert "sudo: a password is required" in said
    assert "Hint: Nobody can type a password during a flow." in said


@needs_root
@pytest.mark.ssh
def test_a_host_without_the_user_that_everything_runs_as(ssh_shop: Project) -> None:
    ssh_shop.config(become="nobdy")
    said = said_of_failure(ssh_shop)
    assert "Hint: There is no user nobdy on web1, web2. Is the name right: become: in deploy.yml" in said


@pytest.mark.parametrize(
    "command",
    [
        "no-such-bundle install",
        *further(
            "bash -c 'no-such-bundle install'",
            "busybox sh -c 'no-such-bundle install'",
            "env no-such-bundle install",
            "LC_ALL=C.UTF-8 sudo -n no-such-bundle install",
        ),
    ],
)
def test_a_command_that_is_not_in_the_path(shop: Project, command: str) -> None:
    write_command_hook(shop, "after('updated')", command)
    said = said_of_failure(shop)
    assert "Hint: no-such-bundle is not on the PATH of web1: a flow uses no login shell" in said
    assert "there: bash -lic 'command -v no-such-bundle' " in said


@pytest.mark.parametrize(("program", "option"), [("zstd", "--zstd"), *further(("xz", "-J"), ("bzip2", "-j"))])
def test_an_archive_whose_compression_program_is_missing(make_project: MakeProject, program: str, option: str) -> None:
    shop = make_project(1, repo_url=None, branch=None, archive="shop.tar")
    subprocess.run(["tar", option, "-cf", "shop.tar", "dodo.py"], cwd=shop.path, check=True)
    said = said_of_failure(shop, PATH=make_path_without(shop.path / "programs", program))
    assert f"Hint: tar on web1 needs {program}, which is not on the PATH. Install it there, or compress" in said


@pytest.fixture
def mount(shop: Project) -> Iterator[Callable[[str], None]]:
    """Yield a function that mounts a new file system on deploy_to, or changes the options of the mounted one."""
    place = str(shop.deploy_to("web1"))

    def mount(options: str) -> None:
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "known-causes", place], check=True)
        shop.link_files()

    yield mount
    subprocess.run(["umount", place], check=True)


@needs_root
@pytest.mark.extended("variant")
@pytest.mark.parametrize(
    ("options", "free"), [("size=1m", "1004 KiB and "), ("size=8m,nr_inodes=60", "MiB and 50 inodes were free")]
)
def test_a_disk_that_becomes_full(shop: Project, mount: Callable[[str], None], options: str, free: str) -> None:
    shop.repo.commit({f"big/{number}": os.urandom(30_000) for number in range(80)})
    mount(options)
    said = said_of_failure(shop)
    assert "No space left on device" in said
    assert "Hint: Space or inodes are used up on web1: df -h and df -i show which." in said
    assert free in said


@needs_root
@pytest.mark.extended("variant")
def test_a_file_system_without_inodes(shop: Project, mount: Callable[[str], None]) -> None:
    mount("size=8m,nr_inodes=100")
    shop.doit("deploy:production", check=True)
    with suppress(OSError):
        for number in range(100):
            (shop.shared("web1") / f"log/{number}").touch()
    assert "Hint: The file system on web1 has room, but no inodes" in said_of_failure(shop)


@needs_root
@pytest.mark.extended("variant")
def test_a_file_system_that_became_read_only(shop: Project, mount: Callable[[str], None]) -> None:
    mount("size=20m")
    shop.doit("deploy:production", check=True)
    subprocess.run(["mount", "-o", "remount,ro", str(shop.deploy_to("web1"))], check=True)
    said = said_of_failure(shop)
    assert "Hint: A kernel makes a file system read-only after errors of its disk" in said
