"""The steps of both flows that do work: one module for each, with a function of its name."""

from capdoit.steps.finished import finished
from capdoit.steps.finishing import finishing
from capdoit.steps.finishing_rollback import finishing_rollback
from capdoit.steps.publishing import publishing
from capdoit.steps.reverting import reverting
from capdoit.steps.starting import starting
from capdoit.steps.updating import updating

STEPS = {
    "starting": starting,
    "updating": updating,
    "reverting": reverting,
    "publishing": publishing,
    "finishing": finishing,
    "finishing_rollback": finishing_rollback,
    "finished": finished,
}
