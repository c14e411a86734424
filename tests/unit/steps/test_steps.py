"""The functions of the steps."""

from __future__ import annotations

from capdoit.flow.dry_run import EFFECTS
from capdoit.sequence import EMPTY_POINTS, FLOWS, step_names
from capdoit.steps import STEPS


def test_every_step_has_a_function_of_its_name_and_empty_points_have_none() -> None:
    names = {name for flow in FLOWS for name in step_names(flow)}
    assert {*STEPS} == names - {*EMPTY_POINTS}
    assert all(function.__name__ == name for name, function in STEPS.items())


def test_a_dry_run_says_what_every_step_does() -> None:
    assert {*EFFECTS} == {*STEPS}
