"""A guard for unit tests, which must not use hosts, processes or the network."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Generator
from typing import NoReturn

import pytest


def refuse(*_: object, **__: object) -> NoReturn:
    """Fail the unit test that starts a process or opens a connection."""
    pytest.fail("a unit test must not start a process or open a connection; move it to tests/integration")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """Run a unit test without processes and network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess, "Popen", refuse)
        patch.setattr(socket.socket, "connect", refuse)
        return (yield)
