"""The registry of transfers: all ways for code to reach hosts, by the value of ``transfer:`` in deploy.yml."""

from __future__ import annotations

from typing import TYPE_CHECKING

from capdoit.transfers import archive, git

if TYPE_CHECKING:
    from capdoit.config.stages import Stage
    from capdoit.transfers.protocol import Transfer

TRANSFERS: dict[str, Transfer] = {
    transfer.name: transfer
    for transfer in (
        git.TRANSFER,  # the default
        archive.TRANSFER,
    )
}


def transfer_of(stage: Stage) -> Transfer:
    """Return the transfer of a stage."""
    return TRANSFERS[stage.transfer]
