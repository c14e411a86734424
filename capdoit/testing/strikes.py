"""Failures and deaths at a chosen moment of a flow: a hook at the end of dodo.py strikes there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from capdoit.sequence import FLOWS, step_names
from capdoit.testing.project import Project

FAIL = """
@cap.{when}({step!r})
def fail_here(host):
    if host.name in {hosts!r}:
        open({struck!r}, "a").close()
        host.run("echo 'this failure was armed' >&2; exit 1")
"""
KILL = """
@cap.{when}({step!r}, once=True)
def kill_here(hosts):
    import os, signal
    open({struck!r}, "a").close()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@contextmanager
def armed(project: Project, hook: str, when: str, step: str, hosts: list[str]) -> Iterator[None]:
    """While it lasts, every flow that comes to this point is struck.

    Args:
        project: whose dodo.py gets the hook.
        hook: `FAIL` or `KILL`.
        when: ``before`` or ``after``.
        step: of either flow.
        hosts: where a failure strikes.

    Raises:
        AssertionError: no flow came to it, so nothing was tested; or there is no such point or host.
    """
    _check(project, when, step, hosts)
    dodo, struck = project.path / "dodo.py", project.path / "struck"
    whole = dodo.read_text()
    struck.unlink(missing_ok=True)
    project.dodo(whole + hook.format(when=when, step=step, hosts=hosts, struck=str(struck)))
    try:
        yield
    finally:
        project.dodo(whole)
    assert struck.exists(), f"no flow came to the point {when} {step}, so nothing was struck there"


def _check(project: Project, when: str, step: str, hosts: list[str]) -> None:
    known = {name for flow in FLOWS for name in step_names(flow)}
    assert step in known, f"no flow has a step {step}; there are {', '.join(sorted(known))}"
    assert when in ("before", "after"), f"a strike is before or after a step, not {when}"
    for host in hosts:
        assert host in project.hosts, f"there is no host {host}; there are {', '.join(project.hosts)}"
