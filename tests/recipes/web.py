"""A web server that gives the answers of a test and records the requests."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl


@dataclass
class Site:
    """The answers of the server, and the requests that it got.

    Attributes:
        url: address of the server.
        answers: status and body of the next answers; the last one is repeated.
        hangs: seconds before each answer.
        redirects: locations of redirects, by path.
        promises: the Content-Length to announce, if it differs from that of the answer.
        stalls: seconds between the body and the end of the connection.
        asked: path and headers of every request, in order.
        posted: the JSON of every POST that has one, in order.
        forms: path and fields of every POST of a form, in order.
    """

    url: str = ""
    answers: list[tuple[int, str]] = field(default_factory=lambda: [(200, "ok")])
    hangs: float = 0
    redirects: dict[str, str] = field(default_factory=dict)
    promises: int = 0
    stalls: float = 0
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    posted: list[Any] = field(default_factory=list)
    forms: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def answer(self) -> tuple[int, str]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def serving(port: int = 0) -> Iterator[Site]:
    """Serve a site on the loopback interface, on a free port unless one is given."""
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append((self.path, dict(self.headers)))
            time.sleep(site.hangs)
            elsewhere = site.redirects.get(self.path)
            status, body = (302, "") if elsewhere else site.answer()
            self.send_response(status)
            if elsewhere:
                self.send_header("Location", elsewhere)
            if site.promises:
                self.send_header("Content-Length", str(site.promises))
            self.end_headers()
            self.wfile.write(body.encode())
            self.wfile.flush()
            time.sleep(site.stalls)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers["Content-Type"] == "application/json":
                site.posted.append(json.loads(body))
            else:
                site.forms.append((self.path, dict(parse_qsl(body.decode(), strict_parsing=True))))
            self.do_GET()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def answering(raw: bytes) -> Iterator[str]:
    """Serve the same bytes for every request, HTTP or not, and yield the address."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):  # the end of the test
                while True:
                    client, _ = server.accept()
                    with client, suppress(OSError):
                        client.recv(65536)
                        client.sendall(raw)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
