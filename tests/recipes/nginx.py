"""A real nginx on the loopback interface."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONF = """
{user}
daemon off;
pid {place}/nginx.pid;
error_log {place}/error.log;
events {{}}
http {{
    access_log {place}/access.log;
    client_body_temp_path {place}/body; proxy_temp_path {place}/proxy; fastcgi_temp_path {place}/fastcgi;
    uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;
    server {{ listen 127.0.0.1:{port} default_server; return 421; }}
    server {{ listen 127.0.0.1:{port}; server_name shop.example.com; {server} }}
}}
"""


class Nginx:
    """An nginx that serves one site, shop.example.com.

    Args:
        place: a new directory for all that it writes.
    """

    def __init__(self, place: Path) -> None:
        self.program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
        assert self.program, "these tests need nginx (Debian's package nginx-light)"
        place.mkdir()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.place = place

    def serve(self, server: str) -> None:
        """Write the configuration of nginx, with this part for the site."""
        user = "user root;" if os.geteuid() == 0 else ""
        conf = CONF.format(user=user, place=self.place, port=self.port, server=server)
        (self.place / "nginx.conf").write_text(conf)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    @property
    def answered(self) -> list[str]:
        """Return path and status of every answer, in order."""
        log = self.place / "access.log"
        words = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
        return [f"{line[6]} {line[8]}" for line in words]

    @contextmanager
    def running(self, once: Path | None = None) -> Iterator[None]:
        """Run nginx; with a file, start when that file exists."""
        assert self.program
        waiting = 'until [ -e "$0" ]; do sleep 0.1; done; exec "$@"'
        nginx = [self.program, "-p", str(self.place), "-c", "nginx.conf", "-e", str(self.place / "error.log")]
        process = subprocess.Popen(["sh", "-c", waiting, str(once or self.place), *nginx])
        try:
            if not once:
                self._wait()
            yield
        finally:
            process.terminate()
            process.wait(10)

    def _wait(self) -> None:
        for _ in range(100):
            with socket.socket() as asking:
                if asking.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError((self.place / "error.log").read_text())
