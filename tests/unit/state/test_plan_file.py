"""The content of a plan file."""

from __future__ import annotations

from capdoit.config.variables import VARIABLES
from capdoit.state.plan_file import SAVED_VARIABLES

NOT_PART_OF_A_PLAN = {"overwrite", "stage", "wait", "dry_run", "plan", "apply", "report", "yes"}


def test_a_plan_saves_every_variable_that_changes_what_a_flow_does() -> None:
    assert {*VARIABLES} - {*SAVED_VARIABLES} == NOT_PART_OF_A_PLAN
