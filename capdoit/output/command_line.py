"""The doit commands that an operator is advised to type."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from typing import Any

from capdoit.config.variables import Variables


@dataclass(frozen=True)
class CommandLine:
    """The doit command that an operator typed, and the next commands to type.

    Attributes:
        task: ``deploy``, ``rollback``, ``drill``, ``check`` or ``setup``.
        stage: name of the stage.
        variables: the variables that were typed.
        hosts: names of the hosts that still take part, if the flow goes on without others; empty otherwise.
        hook: name of the hook, if a single hook was run; empty for a flow.
        arguments: the words behind ``--`` of a task on demand.
        needs_branch: whether settings depend on the branch, so that each command of a flow must repeat it.
    """

    task: str
    stage: str
    variables: Variables = field(default_factory=Variables)
    hosts: tuple[str, ...] = ()
    hook: str = ""
    arguments: tuple[str, ...] = ()
    needs_branch: bool = False

    @property
    def _scope_of_flow(self) -> str:
        branch = Variables(branch=self.variables.branch if self.needs_branch else None)
        return f"{self.scope}{branch.as_arguments}"

    @property
    def scope(self) -> str:
        """The stage, and the words that select its hosts."""
        chosen = Variables(hosts=self.hosts or self.variables.hosts, roles=None if self.hosts else self.variables.roles)
        return f"{self.stage}{chosen.as_arguments}"

    def again(self, **changes: Any) -> str:
        """Return the command that runs the task again.

        Args:
            changes: variables to set; with any, a plan is no longer applied.
        """
        typed = replace(self.variables, apply=None, **changes) if changes else self.variables
        return f"doit {self.task}:{self.stage}{typed.as_arguments}{self._behind_dashes}"

    def again_and_wait(self, seconds: int) -> str:
        """Return the command that runs the task again, and waits for the lock of another flow."""
        return f"doit {self.task}:{self.stage}{self.variables.as_arguments} wait={seconds}{self._behind_dashes}"

    @property
    def _behind_dashes(self) -> str:
        return f" -- {shlex.join(self.arguments)}" if self.arguments else ""

    def hook_again(self, **changes: Any) -> str:
        """Return the command that runs the hook without the rest of its flow."""
        typed = replace(self.variables, apply=None, **changes)
        return f"doit run -s {self.task}:{self.stage}:{self.hook}{typed.as_arguments}"

    def deploy(self) -> str:
        """Return the command that deploys to these hosts."""
        return f"doit deploy:{self._scope_of_flow}"

    def roll_back_unverified(self) -> str:
        """Return the command that rolls back without a check of the release, after a drill too."""
        return replace(self, task="rollback").again(force=True)

    def roll_back_to(self, release: str) -> str:
        """Return the command that rolls back these hosts to a release, or after a drill rehearses that."""
        return (
            f"doit {'drill' if self.task == 'drill' else 'rollback'}:{self._scope_of_flow} rollback_release={release}"
        )
