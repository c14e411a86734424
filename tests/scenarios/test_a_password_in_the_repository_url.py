"""repo_url has a password or a token, as CI systems write it: nothing shows or saves it."""

from __future__ import annotations

import base64
import contextlib
import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from capdoit.testing import GitRepo, Project
from tests.support import MakeProject, deploy, further

ENCODED = "s3cr3t%2Fpass"
DECODED = "s3cr3t/pass"


class Handler(http.server.SimpleHTTPRequestHandler):
    """A web server that asks for a user and a password."""

    def send_head(self) -> Any:
        wanted = base64.b64encode(f"ann:{DECODED}".encode()).decode()
        if self.headers.get("Authorization") == f"Basic {wanted}":
            return super().send_head()
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="shop"')
        self.end_headers()
        return None

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture
def address(git_repo: GitRepo) -> Iterator[str]:
    """Return the address of a web server that serves the repository."""
    git_repo.git("update-server-info")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(git_repo.path / ".git")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with contextlib.closing(server.socket):
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def project(make_project: MakeProject, address: str) -> Project:
    """Return a project with the password in repo_url."""
    return make_project(repo_url=f"http://ann:{ENCODED}@{address}/")


def assert_nothing_has_it(folder: Path, allowed: tuple[str, ...]) -> None:
    files = [file for file in folder.rglob("*") if file.is_file() and not file.is_symlink()]
    found = [str(file.relative_to(folder)) for file in files if b"s3cr3t" in file.read_bytes()]
    assert [name for name in found if not name.endswith(allowed)] == []


@pytest.mark.parametrize(
    "command",
    [
        ["deploy:production", "dry_run=yes"],
        *further(
            ["check:production"], ["rollback:production", "dry_run=yes"], ["cap", "pending"], ["cap", "doctor"],
            ["cap", "status"], ["cap", "exec", "cat hosts/web1/repo/config"], ["list", "--all"], ["cap", "stages"],
        ),
    ],
    ids=" ".join,
)  # fmt: skip
def test_no_command_prints_the_password(project: Project, command: list[str]) -> None:
    deploy(project)
    deploy(project)
    assert "s3cr3t" not in project.doit(*command, check=True).out
    assert_nothing_has_it(project.path, ("deploy.yml", "repo/config"))


def test_a_branch_that_does_not_exist_is_reported_without_the_password(project: Project, address: str) -> None:
    for task in ("deploy:production", "check:production"):
        said = project.doit(task, "branch=mian").failed().out
        assert "s3cr3t" not in said
        assert f"http://ann@{address}/ has no branch" in said
    assert "s3cr3t" not in project.doit("cap", "pending", "branch=mian").failed(3).out


@pytest.mark.extended("detail")
def test_a_plan_has_no_password_and_can_be_applied(project: Project) -> None:
    project.doit("deploy:production", "plan=p", check=True)
    assert "s3cr3t" not in (project.path / "p").read_text()
    project.doit("deploy:production", "apply=p", check=True)
    assert project.current("web1")


@pytest.mark.extended("detail")
@pytest.mark.parametrize("user", ["ann:wr0ng-s3cr3t", "ann:pw", "wr0ng-s3cr3t-token-of-40-characters"])
def test_a_wrong_password_or_token_is_not_printed_by_a_failing_git(project: Project, address: str, user: str) -> None:
    project.config(repo_url=f"http://{user}@{address}/")
    for task in ("deploy:production", "check:production"):
        said = project.doit(task).failed().out
        assert "s3cr3t" not in said
        assert ":pw" not in said
    assert "s3cr3t" not in project.doit("cap", "pending").failed(3).out


@pytest.mark.extended("detail")
def test_what_a_hook_prints_of_it_is_masked(project: Project) -> None:
    hook = f"@cap.after('updated')\ndef show(host):\n    host.run('echo {DECODED} {ENCODED}; git -C {{}} remote -v')\n"
    place = "$(dirname $PWD)/project/hosts/web1/repo"
    project.dodo((project.path / "dodo.py").read_text() + hook.replace("{}", place))
    said = project.doit("deploy:production").out
    assert "| *** ***\n" in said
    assert "s3cr3t" not in said
