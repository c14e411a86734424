"""How code arrives: one module a way, each with the same names.

TOOLS
    the programs that the hosts need.
prepare(stage)
    raises NotReady when the controller lacks something; no host was touched yet.
fetch(run)
    brings the code near every release and sets ``run.revision``.
EXPORT
    the parts of the release's script that fill its directory; ``values(stage)`` are what they read.
check(run, host)
    raises HostError when the host could not get the code.
"""

from types import ModuleType

from capdoit.config.stages import Stage
from capdoit.transfers import archive, git

WAYS = {"git": git, "archive": archive}


def of(stage: Stage) -> ModuleType:
    """The module of a stage's transfer."""
    return WAYS[stage.transfer]
