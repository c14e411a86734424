"""What each step does: a function of its name, and one script a round trip.

Beside the steps stands what several of them share (`asking`, `lock`, `guarding`, `verifying`), and what is done
instead of them, or after them: `foreseeing`, `drilling`, `abandoning`.
"""

from capdoit.steps.finishing import finished, finishing, finishing_rollback
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
