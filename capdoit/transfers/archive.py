"""The archive transfer: the controller sends one local file to every host, and each host checks its sha256."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from capdoit.config.readers import read_string
from capdoit.config.settings import SettingRule
from capdoit.errors import NotReady
from capdoit.transfers.protocol import ResolvedCode, Transfer

if TYPE_CHECKING:
    from capdoit.config.stages import Stage
    from capdoit.hosts.connection import Connection
    from capdoit.state.context import FlowContext

CHUNK_BYTES = 1 << 20


class ArchiveTransfer(Transfer):
    """The transfer that deploys a tar file, usually built by a task of dodo.py."""

    name = "archive"
    settings: Mapping[str, SettingRule] = {"archive": SettingRule(read_string, is_required=True)}
    implied_by = "archive"
    tools = ("tar", "dd", "sha256sum")
    export = ("transfers/archive_unpack",)

    def source(self, stage: Stage, branch: str | None) -> str:  # noqa: ARG002
        """Return the path of the archive."""
        return str(stage.transfer_settings["archive"])

    def file_dependencies(self, stage: Stage) -> list[str]:
        """Return the archive, so that doit builds it first if it is the target of a task."""
        return [str(stage.transfer_settings["archive"])]

    def prepare(self, stage: Stage) -> None:
        """Check that the archive can be read.

        Raises:
            NotReady: it cannot.
        """
        try:
            _file(stage).open("rb").close()
        except OSError as error:
            advice = "a doit task that has it as a target would build it first"
            raise NotReady(f"archive {_file(stage)}: {error.strerror}; {advice}") from None

    def resolve(self, context: FlowContext) -> ResolvedCode:
        """Return the sha256 of the archive as the revision, and the time when the file was last changed.

        Raises:
            NotReady: the archive differs from that of the plan that is applied.
        """
        file, plan = _file(context.request.stage), context.request.plan
        revision = _sha256(file)
        if plan and plan.revision != revision:
            raise NotReady(f"archive {file} differs from that of the plan: its sha256 is now {revision}")
        return ResolvedCode(revision, str(int(file.stat().st_mtime)))

    def send(self, context: FlowContext) -> None:
        """Send the archive to all hosts.

        Raises:
            HostsFailed: a host did not receive it, or received something else.
        """
        context.fleet.all(partial(_send, context, _file(context.request.stage)))


TRANSFER = ArchiveTransfer()


def _file(stage: Stage) -> Path:
    return Path(stage.transfer_settings["archive"])


def _send(context: FlowContext, file: Path, connection: Connection) -> None:
    with file.open("rb") as source:
        context.feed(connection, "receive the archive", "transfers/archive_receive", source)


def _sha256(file: Path) -> str:
    import hashlib

    digest = hashlib.sha256()
    with file.open("rb") as source:
        while chunk := source.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
