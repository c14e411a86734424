"""The programs that hosts need for flows."""

from __future__ import annotations

from capdoit.config.stages import Stage
from capdoit.transfers import transfer_of

BOTH_FLOWS = ("cat", "ln", "mkdir", "mv", "rm", "rmdir", "sync", "touch")
SURVEY = ("cut", "dd", "find", "readlink", "sed", "tail", "tr")  # also needed at the end of a flow
MANIFEST = ("awk", "od", "sha256sum", "sort", "stat")
ROLLBACK = ("tar",)


def tools_for_flow(flow: str, stage: Stage) -> tuple[str, ...]:
    """Return the programs whose absence a survey reports. Without those of a survey it cannot answer at all."""
    return BOTH_FLOWS + (_tools_for_deploy(stage) if flow == "deploy" else ROLLBACK)


def tools_for_both_flows(stage: Stage) -> tuple[str, ...]:
    """Return all programs that deploys and rollbacks of a stage need."""
    return tuple(dict.fromkeys([*_tools_for_deploy(stage), *ROLLBACK, *SURVEY, *BOTH_FLOWS]))


def _tools_for_deploy(stage: Stage) -> tuple[str, ...]:
    return (*transfer_of(stage).tools, *MANIFEST)
