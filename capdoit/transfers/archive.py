"""The archive transfer: the controller sends one local file to every host, and each host checks its sha256."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from capdoit.config.readers import accepting, read_string
from capdoit.config.rules import SettingRule
from capdoit.errors import NotReady
from capdoit.text import make_printable
from capdoit.transfers.protocol import ResolvedCode, Transfer

if TYPE_CHECKING:
    from capdoit.config.stages import Stage
    from capdoit.config.yaml_nodes import YamlValue
    from capdoit.hosts.connection import Connection
    from capdoit.state.context import FlowContext

CHUNK_BYTES = 1 << 20
MOST_STRIPPED = 9


@accepting({"anyOf": [{"type": "integer", "minimum": 0, "maximum": MOST_STRIPPED}, {"const": "auto"}]})
def read_strip(value: YamlValue) -> str:
    """Read the number of directories at the top of the archive to leave out, or ``auto``; return it as text."""
    if value.kind == "int":
        return str(value.as_whole_number(0, MOST_STRIPPED))
    if value.as_string() != "auto":
        value.add_mismatch(f"auto, or a whole number from 0 to {MOST_STRIPPED}")
    return "auto"


class ArchiveTransfer(Transfer):
    """The transfer that deploys a tar file, usually built by a task of dodo.py."""

    name = "archive"
    settings: Mapping[str, SettingRule] = {
        "archive": SettingRule(read_string, "The file to send instead of using git.", is_required=True),
        "strip": SettingRule(read_strip, "The number of directories at the top of the archive to leave out, or auto."),
    }
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
        """Check that the archive can be read and is not empty.

        Raises:
            NotReady: it cannot be read, or it is empty.
        """
        from capdoit.transfers.archive_content import is_empty

        try:
            found_empty = is_empty(_file(stage))
        except OSError as error:
            advice = "a doit task that has it as a target would build it first"
            raise NotReady(f"archive {_file(stage)}: {error.strerror}; {advice}") from None
        if found_empty:
            raise NotReady(f"archive {_file(stage)}: it is empty, so the release would have no files")

    def find_sent_kib(self, stage: Stage) -> int:
        """Return the size of the archive in KiB; 0 if it does not exist yet."""
        try:
            return -(-_file(stage).stat().st_size // 1024)
        except OSError:
            return 0

    def resolve(self, context: FlowContext) -> ResolvedCode:
        """Send the archive to all hosts; return its sha256 as the revision, and the time when it was last changed.

        Raises:
            NotReady: the archive differs from that of the plan that is applied.
            HostsFailed: a host did not receive it.
        """
        from concurrent.futures import ThreadPoolExecutor

        file, plan = _file(context.request.stage), context.request.plan
        with ThreadPoolExecutor(1) as pool:  # both take seconds for a large file
            digest = pool.submit(_sha256, file)
            if plan and plan.revision != digest.result():
                raise NotReady(f"archive {file} differs from that of the plan: its sha256 is now {digest.result()}")
            context.fleet.all(partial(_send, context, file))
        return ResolvedCode(digest.result(), str(int(file.stat().st_mtime)))

    def export_values(self, stage: Stage) -> Mapping[str, Any]:
        """Return how many directories at the top of the archive are left out: a number, ``auto``, or nothing."""
        return {"strip": stage.transfer_settings.get("strip", "")}

    def find_remarks(self, stage: Stage, output: str) -> list[str]:
        """Return a warning if all files of the archive are in one directory and ``strip`` is not set."""
        from capdoit.records.fact_lines import find_facts

        return [
            f"{_file(stage)} has only the directory {make_printable(name)} at its top, and the release has it, too; "
            "set strip: 1 to leave it out, or strip: 0 if it belongs there"
            for name in find_facts(output, "top_directory")
        ]


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
