"""Faults at a chosen point of a flow, injected by a hook at the end of dodo.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from capdoit.sequence import FLOWS, step_names
from capdoit.testing.project import Project

FAIL = """
@cap.{when}({step!r})
def fail_here(host):
    if host.name in {hosts!r}:
        open({marker!r}, "a").close()
        host.run("echo 'this failure was injected' >&2; exit 1")
"""
KILL = """
@cap.{when}({step!r}, once=True)
def kill_here(hosts):
    import os, signal
    open({marker!r}, "a").close()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@contextmanager
def inject_fault(project: Project, hook: str, when: str, step: str, hosts: list[str]) -> Iterator[None]:
    """Add a hook with a fault to dodo.py inside the ``with``.

    Args:
        project: the project.
        hook: `FAIL` or `KILL`.
        when: ``before`` or ``after``.
        step: name of a step of either flow.
        hosts: names of the hosts that fail.

    Raises:
        AssertionError: the point or a host does not exist; or no flow reached the point, so nothing was tested.
    """
    _check_point(project, when, step, hosts)
    dodo, marker = project.path / "dodo.py", project.path / "fault-injected"
    original = dodo.read_text()
    marker.unlink(missing_ok=True)
    project.dodo(original + hook.format(when=when, step=step, hosts=hosts, marker=str(marker)))
    try:
        yield
    finally:
        project.dodo(original)
    assert marker.exists(), f"no flow reached the point {when} {step}, so the fault was not tested"


def _check_point(project: Project, when: str, step: str, hosts: list[str]) -> None:
    steps = {name for flow in FLOWS for name in step_names(flow)}
    assert step in steps, f"no flow has a step {step}; there are {', '.join(sorted(steps))}"
    assert when in ("before", "after"), f"when= must be before or after, not {when}"
    for host in hosts:
        assert host in project.hosts, f"there is no host {host}; there are {', '.join(project.hosts)}"
