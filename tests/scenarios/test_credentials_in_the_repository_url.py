"""The password or token in repo_url opens the repository, and no argument of git and no file of a host has it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from capdoit.testing import GitRepo, Project
from tests.git_http_server import GitHttpServer, serve_git
from tests.support import MakeProject, deploy, further

GITHUB_KEY = "ghp_s3cr3t0123456789abcdef"
LOGINS = {
    "ann:s3cr3t%2Fpass": "ann:s3cr3t/pass",
    "a%40b.example:s3cr3t@p:w'$x": "a@b.example:s3cr3t@p:w'$x",
    f"{GITHUB_KEY}:": f"{GITHUB_KEY}:",
    f"{GITHUB_KEY}:x-oauth-basic": f"{GITHUB_KEY}:x-oauth-basic",
    GITHUB_KEY: f"{GITHUB_KEY}:",
    "a-user-with-a-long-name": "a-user-with-a-long-name:s3cr3t-stored",
}


@pytest.fixture
def server(git_repo: GitRepo) -> Iterator[GitHttpServer]:
    """Return a server that all these logins can read."""
    git_repo.git("config", "uploadpack.allowFilter", "true")
    with serve_git(git_repo.path, *LOGINS.values()) as served:
        yield served


@pytest.fixture
def project(make_project: MakeProject, server: GitHttpServer) -> Project:
    return make_project(repo_url=f"http://ann:s3cr3t%2Fpass@{server.address}/shop")


def git_config(project: Project, host: str = "web1") -> str:
    return (project.deploy_to(host) / "repo/config").read_text()


def assert_no_host_has_it(project: Project) -> None:
    for host in project.hosts:
        files = [file for file in project.deploy_to(host).rglob("*") if file.is_file() and not file.is_symlink()]
        assert [file for file in files if b"s3cr3t" in file.read_bytes()] == []


def assert_only_git_server_saw_it(project: Project, server: GitHttpServer) -> None:
    assert server.arguments
    assert [words for words in server.arguments if "s3cr3t" in words] == []
    assert_no_host_has_it(project)


def use_login(project: Project, server: GitHttpServer, login: str) -> None:
    project.config(repo_url=f"http://{login}@{server.address}/shop")


@pytest.mark.parametrize("login", ["ann:s3cr3t%2Fpass", *further(*list(LOGINS)[1:5])])
def test_every_task_reads_the_repository_and_shows_the_password_to_nobody(
    project: Project, server: GitHttpServer, login: str
) -> None:
    use_login(project, server, login)
    deploy(project)
    project.repo.commit({"app.txt": "next\n", ".gitattributes": "*.bin filter=lfs\n"})
    for task in ("check:production", "deploy:production dry_run=yes", "cap pending", "deploy:production"):
        tried = len(server.tried)
        assert "s3cr3t" not in project.doit(*task.split(), check=True).out
        assert LOGINS[login] in server.tried[tried:], task
    assert_only_git_server_saw_it(project, server)
    assert {*server.tried} <= {LOGINS[login], "", ":"}


@pytest.mark.extended("variant")
def test_a_commit_by_its_sha_is_found_with_the_password(project: Project, server: GitHttpServer) -> None:
    sha = project.repo.git("rev-parse", "HEAD")
    for task in ("check:production", "deploy:production"):
        project.doit(task, f"branch={sha[:10]}", check=True)
    assert_only_git_server_saw_it(project, server)


def test_the_mirror_of_an_earlier_version_loses_the_password_and_stays(
    project: Project, server: GitHttpServer, git_repo: GitRepo
) -> None:
    deploy(project)
    mirror = project.deploy_to("web1") / "repo"
    url = project.settings["repo_url"]
    subprocess.run(["git", "-C", mirror, "config", "remote.origin.url", url], check=True)
    (mirror / "kept").touch()
    git_repo.commit({"app.txt": "next\n"})
    project.doit("deploy:production", check=True)
    assert (mirror / "kept").exists()
    assert f"url = http://ann@{server.address}/shop\n" in git_config(project)
    assert_only_git_server_saw_it(project, server)


@pytest.mark.extended("variant")
def test_the_clone_that_replaces_a_damaged_mirror_has_no_password(project: Project, server: GitHttpServer) -> None:
    deploy(project)
    mirror = project.deploy_to("web1") / "repo"
    subprocess.run(["git", "-C", mirror, "config", "remote.origin.url", project.settings["repo_url"]], check=True)
    for file in (mirror / "objects").rglob("*"):
        if file.is_file():
            file.unlink()
    deploy(project)
    assert_only_git_server_saw_it(project, server)


@pytest.mark.extended("variant")
def test_the_url_can_come_from_the_environment(project: Project, server: GitHttpServer) -> None:
    text = (project.path / "deploy.yml").read_text()
    url = project.settings["repo_url"]
    (project.path / "deploy.yml").write_text(text.replace(f'"{url}"', "!env REPO"))
    for task in ("check:production", "deploy:production", "deploy:production dry_run=yes"):
        said = project.doit(*task.split(), env={"REPO": url}, check=True).out
        assert server.address not in said
    assert_only_git_server_saw_it(project, server)


@pytest.mark.extended("detail")
def test_a_changed_password_is_used_at_once(project: Project, server: GitHttpServer) -> None:
    deploy(project)
    server.logins = ("ann:other",)
    project.doit("deploy:production").failed()
    use_login(project, server, "ann:other")
    deploy(project)


@pytest.mark.extended("detail")
def test_a_redirect_to_another_site_does_not_get_the_password(project: Project, server: GitHttpServer) -> None:
    project.config(repo_url=f"http://ann:s3cr3t%2Fpass@{server.address}/moved/shop")
    said = project.doit("check:production").failed().out
    assert f"Authentication failed for 'http://{server.address}/moved/shop/'" in said
    assert not any(server.tried)


def write_git_settings(project: Project, store: str, netrc: str) -> None:
    """Give every host a store of passwords, and a file with the login of another user."""
    home = project.path / "home-of-hosts"
    home.mkdir()
    (home / ".netrc").write_text(netrc)
    (home / ".git-credentials").write_text(store)
    (home / ".gitconfig").write_text("[credential]\n\thelper = store\n[safe]\n\tdirectory = *\n")
    for host in project.hosts.values():
        host["default_env"] = {"HOME": str(home), "GIT_CONFIG_GLOBAL": str(home / ".gitconfig")}


@pytest.mark.extended("detail")
def test_passwords_that_the_host_knows_are_not_used_and_this_one_is_not_stored(
    project: Project, server: GitHttpServer
) -> None:
    stored = f"http://ann:wrong@{server.address}\n"
    write_git_settings(project, stored, "machine 127.0.0.1 login ann password of-netrc\n")
    use_login(project, server, "ann:s3cr3t%2Fpass")
    deploy(project)
    assert {*server.tried} == {"", "ann:s3cr3t/pass"}
    assert (project.path / "home-of-hosts/.git-credentials").read_text() == stored


@pytest.mark.extended("detail")
def test_a_long_user_name_without_a_password_gets_the_password_that_the_host_knows(
    project: Project, server: GitHttpServer
) -> None:
    write_git_settings(project, f"http://a-user-with-a-long-name:s3cr3t-stored@{server.address}\n", "")
    use_login(project, server, "a-user-with-a-long-name")
    deploy(project)
    assert LOGINS["a-user-with-a-long-name"] in server.tried


@pytest.mark.extended("detail")
def test_a_password_with_a_control_character_is_refused_at_load(project: Project, server: GitHttpServer) -> None:
    use_login(project, server, "ann:s3cr3t%0apass")
    said = project.doit("deploy:production").failed(3).out
    assert "the password in a URL cannot have a line break or a NUL byte" in said
    assert "s3cr3t" not in said
    assert server.tried == []
