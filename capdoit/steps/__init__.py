"""What each step does: one module a step, one function of the step's name, one script a round trip."""

from capdoit.steps.ending import finished, finishing, finishing_rollback
from capdoit.steps.publishing import publishing
from capdoit.steps.reverting import reverting
from capdoit.steps.starting import starting
from capdoit.steps.updating import updating

WORK = {
    "starting": starting,
    "updating": updating,
    "reverting": reverting,
    "publishing": publishing,
    "finishing": finishing,
    "finishing_rollback": finishing_rollback,
    "finished": finished,
}
