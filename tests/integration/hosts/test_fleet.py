"""A fleet when it is over."""

from __future__ import annotations

import io
import os
import select

from capdoit.config.stages import load
from capdoit.output.console import Console
from capdoit.state.run import fleet_of
from capdoit.testing import Project


def test_a_signal_that_comes_when_the_sessions_have_ended_reaches_nobody(project: Project):
    stage = load(project.path / "deploy.yml").stages["production"]
    fleet = fleet_of(stage, Console(io.StringIO()))
    outcomes = fleet.each(lambda host: host.capture("echo there"))
    assert [outcome.answer for outcome in outcomes] == ["there\n"] * len(project.hosts)
    fleet.close()
    ear, mouth = os.pipe()  # may well have the numbers that the fleet's own pipe had
    try:
        fleet.stop()
        assert not select.select([ear], [], [], 0)[0]
    finally:
        os.close(ear)
        os.close(mouth)
