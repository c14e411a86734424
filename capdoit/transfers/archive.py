"""The archive transfer: each host unpacks a file of the controller while it arrives, and computes its sha256."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from capdoit.config.readers import accepting, read_string
from capdoit.config.rules import SettingRule
from capdoit.errors import CapdoitError, HostError, HostsFailed, NotReady, Outcome, PlanOutdated
from capdoit.text import make_printable
from capdoit.transfers.protocol import ResolvedCode, Transfer

if TYPE_CHECKING:
    from capdoit.config.stages import Stage
    from capdoit.config.yaml_nodes import YamlValue
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
    tools = ("tar", "dd", "tee", "sha256sum")
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
        """Return the sha256 of the archive as the revision, and the time when it was last changed.

        Raises:
            NotReady: the archive cannot be read.
            PlanOutdated: it differs from that of the plan that is applied.
            CapdoitError: a signal has stopped the flow.
        """
        file, plan = _file(context.request.stage), context.request.plan
        try:
            digest = _compute_sha256(file, lambda: context.fleet.is_stopped)
        except OSError as error:
            raise _unreadable(file, error) from None
        if plan and plan.revision != digest:
            raise PlanOutdated(f"archive {file} has changed: its sha256 is now {digest}")
        return ResolvedCode(digest, _find_time(file))

    def decide_and_make(self, context: FlowContext, make_releases: Callable[[], dict[str, str]]) -> dict[str, str]:
        """Make the releases. The revision is the sha256 that the hosts compute while the archive arrives.

        Raises:
            NotReady: the archive cannot be read.
            PlanOutdated: it differs from that of the plan that is applied; no host has received anything.
            HostsFailed: a host did not receive the archive, or received something else.
        """
        if context.request.is_dry_run:
            return super().decide_and_make(context, make_releases)
        file = _file(context.request.stage)
        context.decide(revision_time=_find_time(file))
        planned = self.resolve(context).revision if context.request.plan else ""
        with _noticing_changes(context, file) as was_changed:
            printed = make_releases()
            arrived = {host: _find_sha256(output) for host, output in printed.items()}
            is_doubtful = was_changed() or len(set(arrived.values())) > 1
            # For a large archive this takes seconds, so it is left to the hosts where nothing else can have arrived.
            sent = planned or (self.resolve(context).revision if is_doubtful else next(iter(arrived.values())))
            _require_sha256(sent, arrived)
        context.decide(revision=sent)
        return printed

    def open_source(self, stage: Stage) -> AbstractContextManager[IO[bytes]]:
        """Return the archive."""
        return _file(stage).open("rb")

    def export_values(self, stage: Stage) -> Mapping[str, Any]:
        """Return how to unpack the archive, and how many directories at its top to leave out.

        That is a number, ``auto``, or nothing.
        """
        from capdoit.transfers.archive_content import find_tar_option

        return {"strip": stage.transfer_settings.get("strip", ""), "tar_option": find_tar_option(_file(stage))}

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


def _find_time(file: Path) -> str:
    """Return the time when an archive was last changed, in Unix seconds."""
    try:
        return str(int(file.stat().st_mtime))
    except OSError as error:
        raise _unreadable(file, error) from None


def _unreadable(file: Path, error: OSError) -> NotReady:
    return NotReady(f"archive {file}: {error.strerror}")


@contextmanager
def _noticing_changes(context: FlowContext, file: Path) -> Iterator[Callable[[], bool]]:
    """Provide a function that tells whether the archive was changed meanwhile.

    If hosts fail then, warn of it: what tar says does not lead to the cause.
    """
    before = _find_last_change(file)

    def was_changed() -> bool:
        return _find_last_change(file) != before

    try:
        yield was_changed
    except HostsFailed:
        if was_changed():
            context.warn(f"archive {file} was changed while it was sent")
        raise


def _find_last_change(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_ctime_ns


def _find_sha256(output: str) -> str:
    """Return the checksum that the export script of a host printed."""
    from capdoit.records.fact_lines import find_facts

    return "".join(find_facts(output, "sha256"))


def _require_sha256(sent: str, arrived: Mapping[str, str]) -> None:
    """Raise an error if another archive than the one that was sent arrived on a host."""
    outcomes: list[Outcome[str]] = []
    for host, checksum in arrived.items():
        why = f"updating: the archive arrived with sha256 {checksum}, but {sent} was sent"
        outcomes.append(Outcome(host, checksum, None if checksum == sent else HostError(host, why, "updating")))
    if not all(outcomes):
        raise HostsFailed(outcomes)


def _compute_sha256(file: Path, is_stopped: Callable[[], bool]) -> str:
    """Return the sha256 of a file; raise CapdoitError as soon as the flow is stopped."""
    import hashlib

    digest = hashlib.sha256()
    with file.open("rb") as source:
        while chunk := source.read(CHUNK_BYTES):
            if is_stopped():
                raise CapdoitError(f"the sha256 of {file} was not computed to its end")
            digest.update(chunk)
    return digest.hexdigest()
