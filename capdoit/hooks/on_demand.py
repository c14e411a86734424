"""Tasks on demand: functions of the project and of recipes that operators run by name, on the live release."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace

from capdoit.config.variables import CAPISTRANO_NAMES, VARIABLES
from capdoit.errors import ConfigError
from capdoit.hooks.hook import Hook
from capdoit.hooks.parameters import Parameter, find_parameters, read_parameters
from capdoit.task_names import SHORT_NAMES
from capdoit.text import join_names, suggest_name

ARGUMENTS = "arguments"  # the argument that gets the words behind ``--``


@dataclass(frozen=True)
class OnDemandTask:
    """A task on demand.

    Attributes:
        hook: its function, and where it runs.
        parameters: the variables of the command line that it takes.
        is_interactive: its commands have the operator's terminal.
        is_exclusive: it has the locks of the hosts, as a flow has.
    """

    hook: Hook
    parameters: tuple[Parameter, ...] = ()
    is_interactive: bool = False
    is_exclusive: bool = False

    @property
    def name(self) -> str:
        """The name without the stage, such as ``rails.console``."""
        return self.hook.name

    @property
    def takes_arguments(self) -> bool:
        """True if it takes the words behind ``--``."""
        return ARGUMENTS in self.hook.arguments

    @property
    def parameter_names(self) -> list[str]:
        """The names of its parameters, in order."""
        return [parameter.name for parameter in self.parameters]

    def with_options(self, options: object) -> OnDemandTask:
        """Return the task with the options of its recipe."""
        return replace(self, hook=self.hook.with_options(options))

    def read_parameters(self, texts: Mapping[str, str]) -> dict[str, object]:
        """Return the value of each parameter by its name; errors as in `parameters.read_parameters`."""
        return read_parameters(self.parameters, texts)

    def refuse_unknown(self, name: str) -> None:
        """Refuse a variable that is no parameter.

        Raises:
            ConfigError: always.
        """
        known = self.parameter_names
        there_are = f"there are {join_names(f'{one}=' for one in known)}" if known else "it has none"
        passed_on = f"; words for its command stand behind --: -- {name}=…" if self.takes_arguments else ""
        mistake = f"{self.name} has no parameter {name}={suggest_name(name, known)} ({there_are}){passed_on}"
        raise ConfigError(f"{mistake}. Nothing was done")


def make_task(hook: Hook, given: Container[str], is_interactive: bool, is_exclusive: bool) -> OnDemandTask:
    """Return the task of a function.

    Args:
        hook: the function, and where it runs.
        given: the arguments that the function gets without a parameter.
        is_interactive: its commands have the operator's terminal.
        is_exclusive: it has the locks of the hosts.

    Raises:
        ConfigError: its name is that of a flow, or a parameter has a wrong type or the name of a variable of capdoit.
    """
    place = f"{hook.location}: task {hook.name}"
    if hook.name in SHORT_NAMES:
        raise ConfigError(f"{place} has the name of a task of capdoit; rename it")
    parameters = find_parameters(hook.function, given, place)
    for parameter in parameters:
        if parameter.name in VARIABLES or parameter.name in CAPISTRANO_NAMES:
            raise ConfigError(f"{place}: {parameter.name}= is a variable of capdoit; rename the parameter")
    return OnDemandTask(hook, parameters, is_interactive, is_exclusive)
