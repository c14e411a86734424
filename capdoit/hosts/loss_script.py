"""The script that a host runs if its session is lost."""

from __future__ import annotations

from collections.abc import Callable

from capdoit.hosts.request import Request
from capdoit.hosts.request_log import RequestLog
from capdoit.hosts.session import Session
from capdoit.script import Script

NOTHING = Script("nothing", "")


class LossScript:
    """The loss script of one host, through all its sessions. At first there is none.

    Args:
        log: tells of each script that is sent.
    """

    def __init__(self, log: RequestLog) -> None:
        self._log = log
        self._script: Script | None = None
        self._restore: Callable[[], None] | None = None
        self._revocation: tuple[Session, str] | None = None  # the session and the tag of its frame

    @property
    def is_settled(self) -> bool:
        """False while the host may have run the script, because it has not acknowledged that it was revoked."""
        return self._revocation is None or self._revocation[0].has_answered(self._revocation[1])

    def give(self, session: Session, script: Script) -> None:
        """Let the host run a script if the session is lost, until `revoke`. The answer is not awaited."""
        self._script = script
        self._tell(session, script)

    def revoke(self, session: Session | None, restore: Callable[[], None] | None) -> None:
        """Tell the host that nothing runs any more if the session is lost. The answer is not awaited.

        Args:
            session: the session; None if there was none yet.
            restore: called by `catch_up` if this session is lost and the host has not acknowledged the revocation.
        """
        self._script, self._restore, self._revocation = None, restore, None
        if session:
            tag = self._tell(session, NOTHING)
            self._revocation = (session, tag) if restore else None

    def give_again(self, session: Session) -> None:
        """Give the script, if there is one, to a session that replaces a lost one."""
        if self._script:
            self._tell(session, self._script)

    def catch_up(self, run: Callable[[Script], object]) -> None:
        """Do what the loss of a session left to its successor.

        A host that did not notice the loss has not run the script, so the script runs now. If the host had not
        acknowledged the revocation, the script may have run, so what it undid is restored.

        Args:
            run: runs a script on the new session.
        """
        if self._script:
            run(self._script)
        if self._restore and not self.is_settled:
            self._restore()
            self._revocation = None

    def _tell(self, session: Session, script: Script) -> str:
        """Send the script that runs on the host if the session is lost, and return the tag of that frame."""
        request = Request(script, "on_loss")
        self._log.sent(request)
        return session.tell(request)
