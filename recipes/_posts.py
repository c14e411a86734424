"""POSTs to servers that must not hold up a flow, whose errors are texts without URL and token."""

from __future__ import annotations

import json
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from capdoit import ConfigError


@dataclass(frozen=True)
class Request:
    """A POST.

    Attributes:
        url: its URL, which may be a secret.
        body: its body.
        headers: its headers, which may have a secret.
    """

    url: str = field(repr=False)
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A refusal of redirects: another server must not get the token."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow no redirect, so that it is an error."""


LOCAL_ADDRESS = re.compile(r"http://(localhost|127(\.\d{1,3}){3}|\[::1\])(:[^/@]*)?(/|$)")
OPENER = urllib.request.build_opener(NoRedirect)


def is_web_address(url: str) -> bool:
    """Return True if a URL is one of HTTPS, or one of HTTP on this machine: a token must not travel in clear."""
    return url.startswith("https://") or bool(LOCAL_ADDRESS.match(url))


def post_json(url: str, content: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Request:
    """Return a request with a JSON object as its body."""
    return Request(url, json.dumps(content).encode(), {"Content-Type": "application/json", **(headers or {})})


def post(request: Request, timeout: float) -> None:
    """Send a request.

    Raises:
        Exception: any error of urllib, whose text may contain the URL and the headers.
    """
    sent = urllib.request.Request(request.url, request.body, dict(request.headers))  # noqa: S310 - the URL was checked
    with OPENER.open(sent, timeout=timeout):
        pass


def run_with_timeout(timeout: float, calls: Sequence[Callable[[], None]]) -> list[str]:
    """Make calls at the same time, and return their errors in order, an empty text for none.

    The threads limit the time that urllib's own timeout does not, such as that of a slow name server.
    """
    errors = [f"no answer within {timeout:g} s"] * len(calls)

    def run(number: int, call: Callable[[], None]) -> None:
        errors[number] = _catch_error(call)

    threads = [threading.Thread(target=run, args=numbered, daemon=True) for numbered in enumerate(calls)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + timeout
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return [*errors]


def _catch_error(call: Callable[[], None]) -> str:
    try:
        call()
    except ConfigError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - no error of a server may fail a deploy
        return _describe_without_url(error)
    return ""


def _describe_without_url(error: Exception) -> str:
    """Describe an error without its text, because texts of urllib and http.client may contain the URL."""
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code}"
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    return (isinstance(cause, OSError) and cause.strerror) or type(cause).__name__
