"""The archive transfer: each host unpacks a file of the controller while it arrives, and checks its sha256."""

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
            digest, changed = _compute_sha256(file, lambda: context.fleet.is_stopped), int(file.stat().st_mtime)
        except OSError as error:
            raise NotReady(f"archive {file}: {error.strerror}") from None
        if plan and plan.revision != digest:
            raise PlanOutdated(f"archive {file} has changed: its sha256 is now {digest}")
        return ResolvedCode(digest, str(changed))

    def decide_and_make(self, context: FlowContext, make_releases: Callable[[], dict[str, str]]) -> dict[str, str]:
        """Make the releases while the sha256 of the archive is computed, which takes seconds for a large one; compare.

        Raises:
            NotReady: the archive cannot be read.
            PlanOutdated: it differs from that of the plan that is applied.
            HostsFailed: a host did not receive the archive, or received something else.
        """
        from concurrent.futures import ThreadPoolExecutor

        if context.request.plan:  # another archive is refused before a host gets it
            return super().decide_and_make(context, make_releases)
        with _warning_of_changes(context), ThreadPoolExecutor(1) as pool:
            code = pool.submit(self.resolve, context)
            printed = make_releases()
            code.result().decide(context)
            _require_sha256(code.result().revision, printed)
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


@contextmanager
def _warning_of_changes(context: FlowContext) -> Iterator[None]:
    """Warn that the archive was changed if hosts fail meanwhile: what tar says then does not lead to the cause."""
    file = _file(context.request.stage)
    before = _find_last_change(file)
    try:
        yield
    except HostsFailed:
        if _find_last_change(file) != before:
            context.warn(f"archive {file} was changed while it was sent")
        raise


def _find_last_change(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_ctime_ns


def _require_sha256(sent: str, printed: Mapping[str, str]) -> None:
    """Raise an error if the export script of a host printed another checksum. In a dry run, no script prints one."""
    from capdoit.records.fact_lines import find_facts

    outcomes: list[Outcome[str]] = []
    for host, output in printed.items():
        wrong = [arrived for arrived in find_facts(output, "sha256") if arrived != sent]
        why = f"updating: the archive arrived with sha256 {wrong[0]}, but {sent} was sent" if wrong else ""
        outcomes.append(Outcome(host, output, HostError(host, why, "updating") if why else None))
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
