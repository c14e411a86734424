"""The preparation of a flow: the request is checked and put together before any host is touched."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path

from capdoit.config.variables import Variables, select_hosts, select_release_hosts
from capdoit.config.vars import list_external_values
from capdoit.errors import ConfigError
from capdoit.event_bus import EventBus
from capdoit.events import FlowStarted, SecretsNotMasked
from capdoit.flow.role_check import check_late_roles
from capdoit.hooks.code_words import list_words
from capdoit.hooks.hook import Hook
from capdoit.hooks.options import find_secrets_in_options
from capdoit.hooks.todo import describe_todos
from capdoit.operations.connections import (
    ask_operator,
    compute_settings,
    find_hosts,
    find_unmasked_secrets,
    make_fleet,
    reveal_secrets,
    without_unknown_secrets,
)
from capdoit.output.command_line import CommandLine
from capdoit.output.report_files import refuse_report_file
from capdoit.questions import find_questions, list_heeded_answers
from capdoit.script import Secret
from capdoit.state.context import FlowContext
from capdoit.state.executor import Executor, Live, Recorder
from capdoit.state.flow_request import FlowDefinition, FlowRequest, current_operator, digest_flow
from capdoit.state.plan_file import PlanFile, load_plan, refuse_to_overwrite
from capdoit.state.progress import Progress
from capdoit.state.project_digests import describe_project_changes
from capdoit.text import compare_names, join_lines, join_names
from capdoit.transfers import transfer_of

CAPISTRANO_VARIABLES = ("branch", "rollback_release", "hosts", "roles")  # the environment may set them
TYPED_WITH_A_PLAN = {"apply", "stage", "wait", "report", "yes"}


def prepare_flow(
    definition: FlowDefinition,
    variables: Variables,
    events: EventBus,
    *,
    is_part: bool = False,
    undone_release: str = "",
    is_drill: bool = False,
    is_preview: bool = False,
    approved: PlanFile | None = None,
) -> FlowContext:
    """Check an operator's request and return the context of its flow. No host is touched.

    Args:
        definition: the flow as the project defines it.
        variables: NAME=VALUE of the command line.
        events: bus of everything that people see.
        is_part: the operator asked for a part of the flow only.
        undone_release: in an automatic rollback, the release whose deploy failed.
        is_drill: the flow only rehearses.
        is_preview: the flow is the dry run that is shown before a question.
        approved: the dry run that the operator approved; None if nobody was asked.

    Raises:
        ConfigError: the request makes no sense, a secret is not set, or a hook is not written yet.
        NotReady: the controller lacks what the transfer needs.
    """
    _check_variables(definition, variables, is_part)
    plan = _load_plan(definition, variables)
    planned = plan.restore_variables(variables) if plan else variables
    request = _make_request(definition, planned, undone_release, is_drill=is_drill)
    request = replace(request, plan=approved or plan, is_preview=is_preview)
    _refuse_unwritten_hooks(definition, request)
    if request.is_deploy:
        transfer_of(request.stage).prepare(request.stage)
    if plan:
        _refuse_changed_project(definition, request, plan)
    context = _make_context(definition, request, events)
    context.emit(_flow_started(definition, request))
    if not (undone_release or is_drill or approved):  # the flow around or before this one has told it
        _report_unmasked_secrets(definition, context)
        for warning in request.doubtful_roles:
            context.warn(warning)
    return context


def open_context(
    definition: FlowDefinition,
    variables: Variables,
    events: EventBus,
    *,
    is_drill: bool = False,
    is_setup: bool = False,
) -> FlowContext:
    """Return a context for work on the selected hosts that is not a flow itself: a check, a drill, a task on demand.

    Raises:
        ConfigError: no host is selected, or a secret is not set.
    """
    request = _make_request(definition, variables, is_drill=is_drill, is_setup=is_setup)
    context = _make_context(definition, request, events)
    _report_unmasked_secrets(definition, context)
    return context


def _check_variables(definition: FlowDefinition, variables: Variables, is_part: bool) -> None:
    variables.refuse_unheeded(definition.flow, definition.stage)
    if is_part and (variables.plan or variables.apply):
        raise ConfigError(f"plan= and apply= are for a complete flow: doit {definition.name}; nothing was done")
    transfer = transfer_of(definition.stage)
    if "branch" in variables.typed_names and not (transfer.heeds_branch or definition.stage.uses_branch):
        raise ConfigError(f"branch= means nothing with transfer: {transfer.name}; nothing was done")
    if variables.plan:
        refuse_to_overwrite(Path(variables.plan))
    if variables.report and variables.dry_run:
        raise ConfigError("report= is about a flow that was done, and a dry run does nothing; nothing was done")
    if variables.report:
        refuse_report_file(Path(variables.report))


def _load_plan(definition: FlowDefinition, variables: Variables) -> PlanFile | None:
    """Return the plan to apply; everything but `TYPED_WITH_A_PLAN` comes from it."""
    file = variables.apply
    if file is None:
        return None
    if others := sorted({*variables.typed_names, *variables.custom} - TYPED_WITH_A_PLAN):
        names = join_names(f"{name}=" for name in others)
        raise ConfigError(f"apply={file}: the plan has all variables; {names} cannot be added")
    plan = load_plan(Path(file))
    if (plan.flow, plan.stage) != (definition.flow, definition.stage.name):
        raise ConfigError(f"apply={file}: the plan is for {plan.flow}:{plan.stage}, not for {definition.name}")
    planned = plan.restore_variables(variables)
    for name in CAPISTRANO_VARIABLES:
        if getattr(variables, name) not in (None, getattr(planned, name)):
            raise ConfigError(f"apply={file}: the plan has all variables, but {name.upper()} is set in the environment")
    return plan


def _make_request(
    definition: FlowDefinition,
    variables: Variables,
    undone_release: str = "",
    *,
    is_drill: bool = False,
    is_setup: bool = False,
) -> FlowRequest:
    """Return the request of a flow on the selected hosts; errors as in `compute_settings`."""
    select = select_hosts if definition.on_demand else select_release_hosts  # a task may need no code
    complete, is_deploy = find_hosts(definition.stage), definition.flow == "deploy" and not is_setup
    stage = compute_settings(select(complete, variables), is_deploy, variables.branch)
    declared = definition.declared
    failed = tuple(hook for hook in declared.failed if hook.name not in variables.skip)
    return FlowRequest(
        flow=definition.flow,
        stage=stage,
        all_hosts=complete.hosts,
        variables=variables,
        declared=replace(declared, failed=failed),
        task_names=tuple(task.name for task in definition.tasks if task.name not in variables.skip),
        branch=transfer_of(stage).source(stage, variables.branch),
        run_id=secrets.token_hex(8),
        operator=join_lines(current_operator()),
        undone_release=undone_release,
        is_drill=is_drill,
        is_setup=is_setup,
        on_demand=definition.on_demand,
        doubtful_roles=check_late_roles(definition, stage),
    )


def _refuse_changed_project(definition: FlowDefinition, request: FlowRequest, plan: PlanFile) -> None:
    changes: list[str] = []
    if list(plan.tasks) != list(request.task_names):
        changes = ["the flow has changed since:", *compare_names(plan.tasks, request.task_names)]
    changes = changes or describe_project_changes(request.stage.name, plan.digests, digest_flow(definition, request))
    if changes:
        file = request.variables.apply
        again = CommandLine(request.flow, request.stage.name, request.variables).again(plan=file)
        advice = f"Nothing was done. To make a new plan: {again}"
        raise ConfigError("\n".join([f"apply={file}: {changes[0]}", *changes[1:], advice]))


def _make_context(definition: FlowDefinition, request: FlowRequest, events: EventBus) -> FlowContext:
    stage, recipe_secrets = request.stage, definition.declared.secrets
    if not request.is_deploy:  # a rollback needs nothing but the hosts, so secrets that nothing uses are left out
        _reveal_secrets_of_hooks(definition, request, events)
        stage = without_unknown_secrets(stage)
        recipe_secrets = tuple(secret for secret in recipe_secrets if secret.is_known)
    _ask_for_vars(definition, request)
    progress = Progress()
    events = events.for_flow(progress.apply, request.run_id)
    fleet = make_fleet(stage, events, recipe_secrets)
    executor: Executor = Recorder(events) if request.is_dry_run else Live(events)
    return FlowContext(request, fleet, events, executor, progress)


def _ask_for_vars(definition: FlowDefinition, request: FlowRequest) -> None:
    """Ask for the values of ``vars`` that hooks may use, because no question comes once hosts are touched.

    Raises:
        ConfigError: there is no terminal; a rollback goes on until a hook uses the value.
    """
    levels = [request.stage.vars, *(host.vars for host in request.stage.hosts)]
    asked = [
        (name, secret)
        for level in levels
        for name, value in level.items()
        for secret in list_external_values(value)
        if find_questions(secret.source)
    ]
    words = _list_words(definition, request) if asked else []
    names = {name for level in levels for name in level}
    used = [secret for name, secret in asked if any(_may_use(name, names, one) for one in words)]
    ask_operator(secret.source for secret in used)
    for secret in used if request.is_deploy else ():
        secret.reveal()


def _list_words(definition: FlowDefinition, request: FlowRequest) -> list[set[str] | None]:
    """Return the words in the code that a flow may run; none if it calls no hook."""
    called = [task.hook for task in definition.tasks if task.hook and task.name in request.task_names]
    declared = request.declared
    around = (*declared.failed, *declared.environments, *declared.probes_and_guards)
    functions = [hook.function for hook in (*called, *around)]
    return list_words(functions, [*functions, *(hook.function for hook in definition.all_hooks)]) if called else []


def _may_use(name: str, names: set[str], words: set[str] | None) -> bool:
    """Return True if code with these words may use a value of ``vars``; a template may use each one.

    Args:
        name: name of the value.
        names: names of all values.
        words: the words in the code; None if they are not known.
    """
    if words is None or "template" in words:
        return True
    return "vars" in words and (name in words or names.isdisjoint(words))


def _reveal_secrets_of_hooks(definition: FlowDefinition, request: FlowRequest, events: EventBus) -> None:
    """Read the secrets that hooks of a rollback, or a task on demand, use.

    A missing option of a recipe fails only the hook that uses it.

    Raises:
        ConfigError: a secret of default_env cannot be had; names the hooks whose commands would lack it.
    """
    hooks = [*_hooks_of_rollback(definition, request)]
    for secret in (one for hook in (*hooks, *request.declared.failed) for one in find_secrets_in_options(hook.options)):
        with suppress(ConfigError):
            reveal_secrets([secret], events)
    for host in request.stage.hosts:
        users = [hook.name for hook in hooks if hook.runs_on_hosts and hook.accepts_roles(host.roles)]
        if users:
            _reveal_for_hooks(host.secrets, users, events, may_skip=not request.on_demand)


def reveal_options(definition: FlowDefinition, variables: Variables, events: EventBus) -> bool:
    """Read the values from elsewhere that options of recipes wait for; a rollback needs those of its hooks only.

    Returns:
        Whether there are any, so that the recipes must read their options again.

    Raises:
        ConfigError: a value cannot be had.
    """
    declared = definition.declared
    hooks = [*(task.hook for task in definition.tasks if task.hook), *declared.failed]
    called = [hook for hook in hooks if hook.name not in variables.skip]
    if variables.migrations != "keep":
        called += declared.probes_and_guards
    found = False
    for recipe, values in declared.pending_options.items():
        users = [hook for hook in called if hook.recipe == recipe]
        if values and (users or definition.flow == "deploy"):
            may_fail = definition.flow == "rollback" and not any(hook.runs_on_hosts for hook in users)
            with suppress(ConfigError) if may_fail else nullcontext():  # such hooks are not called, with a warning
                _reveal_for_hooks(values, [hook.name for hook in users], events)
            found = True
    return found


def _reveal_for_hooks(values: Iterable[Secret], users: Sequence[str], events: EventBus, may_skip: bool = True) -> None:
    try:
        reveal_secrets(values, events)
    except ConfigError as error:
        omit = ", or leave them out with skip= (a guard: migrations=keep)" if may_skip else ""
        needs = (f"{one}, for {join_names(users)}" for one in error.mistakes)
        raise ConfigError(*(f"{one}; provide it{omit}; nothing was done" for one in needs)) from None


def _refuse_unwritten_hooks(definition: FlowDefinition, request: FlowRequest) -> None:
    """Refuse a flow with hooks that dodo.py marks as not written yet: it would not do their work.

    Raises:
        ConfigError: names the hooks.
    """
    hooks = [task.hook for task in definition.tasks if task.hook and task.name in request.task_names]
    called = [hook for hook in (*hooks, *request.declared.failed) if hook.has_host(request.stage.hosts)]
    if todos := [] if request.is_drill else describe_todos(called):
        names = ",".join(dict.fromkeys(hook.name for hook in called if describe_todos([hook])))
        advice = f"write them and delete their lines @capdoit.todo, or omit them: skip={names}; nothing was done"
        raise ConfigError(*dict.fromkeys(todos), advice)


def _hooks_of_rollback(definition: FlowDefinition, request: FlowRequest) -> Iterator[Hook]:
    """Yield the hooks, probes and guards that a rollback or a drill calls."""
    for task in definition.tasks:
        if task.hook and task.name in request.task_names and (task.hook.runs_in_drill or not request.is_drill):
            yield task.hook
    if request.variables.migrations != "keep":
        yield from definition.declared.probes_and_guards


def _report_unmasked_secrets(definition: FlowDefinition, context: FlowContext) -> None:
    if variables := find_unmasked_secrets(context.request.stage, definition.declared.secrets):
        context.emit(SecretsNotMasked(variables))


def _flow_started(definition: FlowDefinition, request: FlowRequest) -> FlowStarted:
    known = definition.declared.variables
    return FlowStarted(
        flow=request.flow,
        stage=request.stage.name,
        hosts=tuple(host.name for host in request.stage.hosts),
        operator=request.operator,
        branch=request.branch,
        message=request.message,
        unknown_variables=tuple(sorted(request.variables.custom.keys() - known.keys() - list_heeded_answers())),
        is_drill=request.is_drill,
        tasks=definition.working_tasks(request.task_names),
        is_dry_run=request.is_dry_run,
        elapsed_seconds=request.seconds,
        undone_release=request.undone_release,
    )
