"""The lock again, on a host whose session was lost: it went with the session."""

from __future__ import annotations

from capdoit.errors import HostError
from capdoit.host import Host
from capdoit.run import Run
from capdoit.steps.starting import hold_request


def regain(run: Run, host: Host) -> None:
    """Take the host's lock again if its session is not the one that took it.

    Raises:
        HostError: the host cannot be reached, or another flow has taken the lock meanwhile.
    """
    if host.is_connected:
        return
    answer = host.ask([hold_request(run, host)])[0]
    if answer.status != 0:
        raise HostError(host.name, "its lock was lost with its session and cannot be taken again", status=answer.status)
