"""A web server with a git repository that asks for a user and a password, made of git's own program for that."""

from __future__ import annotations

import base64
import contextlib
import http.server
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path


class GitHttpServer(http.server.ThreadingHTTPServer):
    """A web server with the repository ``/shop``.

    Args:
        folder: directory that has the repository, in a directory ``shop``.
        logins: those that are let in, as ``user:password``.

    Attributes:
        tried: the logins of all requests, in order; empty texts for requests without one.
        arguments: the arguments of all processes that named this server while it was asked.
    """

    def __init__(self, folder: Path, *logins: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder, self.logins = folder, logins
        self.tried: list[str] = []
        self.arguments: set[str] = set()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.server_port}"

    def note_arguments(self) -> None:
        """Note the arguments of the processes that name this server now."""
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):  # it ended meanwhile
                words = file.read_bytes().decode(errors="replace").replace("\0", " ")
                self.arguments |= {words} if str(self.server_port) in words else set()


class Handler(http.server.BaseHTTPRequestHandler):
    """One request."""

    server: GitHttpServer

    def do_GET(self) -> None:
        """Answer with what git's program prints, if the login is right. ``/moved`` is a redirect to another site."""
        login = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
        self.server.tried.append(login)
        self.server.note_arguments()
        if self.path.startswith("/moved/"):
            place = f"http://localhost:{self.server.server_port}{self.path.removeprefix('/moved')}"
            self.answer(302, {"Location": place})
        elif login in self.server.logins:
            self.answer(*self.ask_git())
        else:
            self.answer(401, {"WWW-Authenticate": 'Basic realm="shop"'})

    do_POST = do_GET  # noqa: N815 - the name that http.server looks for

    def ask_git(self) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body of git's answer."""
        path, _, query = self.path.partition("?")
        env = {
            **os.environ,
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "GIT_PROJECT_ROOT": str(self.server.folder),
            "GIT_HTTP_EXPORT_ALL": "yes",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        out = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True, check=False).stdout
        head, _, rest = out.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        return int(headers.pop("Status", "200").split()[0]), headers, rest

    def answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        """Send an answer."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextlib.contextmanager
def serve_git(repository: Path, *logins: str) -> Iterator[GitHttpServer]:
    """Serve a repository to these logins, each ``user:password``, as ``/shop``."""
    folder = repository.parent / "served"
    folder.mkdir()
    (folder / "shop").symlink_to(repository / ".git")
    with GitHttpServer(folder, *logins) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
