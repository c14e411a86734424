"""The choice of a view by the command line, the environment and the terminal."""

from __future__ import annotations

import pytest

from capdoit.output.folds import begin_fold, end_fold
from capdoit.output.view_choice import Folding, Verbosity, ViewChoice, ViewRequest, choose_view

TERMINAL = {"TERM": "xterm"}
GITHUB = {"CI": "true", "GITHUB_ACTIONS": "true"}
GITLAB = {"CI": "true", "GITLAB_CI": "true"}


@pytest.mark.parametrize(
    ("request_", "environment", "is_terminal", "choice"),
    [
        (ViewRequest(), TERMINAL, True, ViewChoice(True, Verbosity.STEPS)),
        (ViewRequest(), TERMINAL, False, ViewChoice(False, Verbosity.OUTPUT)),
        (ViewRequest(), {"TERM": "dumb"}, True, ViewChoice(False, Verbosity.OUTPUT)),
        (ViewRequest(), {}, True, ViewChoice(False, Verbosity.OUTPUT)),
        (ViewRequest(), {**TERMINAL, "CI": "true"}, True, ViewChoice(False, Verbosity.OUTPUT)),
        (ViewRequest(verbosity=2), TERMINAL, True, ViewChoice(True, Verbosity.OUTPUT)),
        (ViewRequest(verbosity=1), TERMINAL, False, ViewChoice(False, Verbosity.STEPS)),
        (ViewRequest(verbosity=0), TERMINAL, True, ViewChoice(False, Verbosity.RESULT)),
        (ViewRequest(is_parallel=True), TERMINAL, True, ViewChoice(False, Verbosity.OUTPUT)),
        (ViewRequest(is_dry_run=True), TERMINAL, True, ViewChoice(True, Verbosity.STEPS)),
        (ViewRequest(reporter="error-only"), TERMINAL, True, ViewChoice(False, Verbosity.SILENT)),
        (ViewRequest(reporter="zero"), GITHUB, False, ViewChoice(False, Verbosity.SILENT)),
        (ViewRequest(), GITHUB, False, ViewChoice(False, Verbosity.OUTPUT, Folding.GITHUB)),
        (ViewRequest(), GITLAB, False, ViewChoice(False, Verbosity.OUTPUT, Folding.GITLAB)),
        (ViewRequest(verbosity=0), GITHUB, False, ViewChoice(False, Verbosity.RESULT)),
        (ViewRequest(reporter="json"), GITHUB, False, ViewChoice(False, Verbosity.OUTPUT)),
        (ViewRequest(is_parallel=True), GITHUB, False, ViewChoice(False, Verbosity.OUTPUT)),
    ],
)
def test_the_view_fits_the_output(
    request_: ViewRequest, environment: dict[str, str], is_terminal: bool, choice: ViewChoice
) -> None:
    assert choose_view(request_, environment, is_terminal) == choice


def test_groups_have_the_syntax_of_the_ci_service() -> None:
    assert begin_fold(Folding.GITHUB, "deploy:production:updating") == "::group::deploy:production:updating"
    assert end_fold(Folding.GITHUB, "deploy:production:updating") == "::endgroup::"
    begin = begin_fold(Folding.GITLAB, "deploy:production:updating")
    assert begin.startswith("\033[0Ksection_start:")
    assert begin.endswith(":deploy_production_updating\r\033[0Kdeploy:production:updating")
    assert ":deploy_production_updating" in end_fold(Folding.GITLAB, "deploy:production:updating")
    assert begin_fold(Folding.NONE, "x") == end_fold(Folding.NONE, "x") == ""
