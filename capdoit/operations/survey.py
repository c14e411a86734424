"""The survey: one question to each host, and the answer as facts."""

from __future__ import annotations

from collections.abc import Sequence

from capdoit.config.stages import Stage
from capdoit.hosts.connection import Connection
from capdoit.hosts.request import Answer, Request
from capdoit.layout import REMOVED, SCRATCH
from capdoit.operations.tools import tools_for_flow
from capdoit.records.facts import Facts, parse_facts
from capdoit.script import Template, Value

SURVEY_TIMEOUT_SECONDS = 120.0  # a survey takes a second or two, unless a file system of the host does not respond


def survey_host(
    connection: Connection,
    stage: Stage,
    flow: str = "",
    make_dirs: bool = False,
    hook_tools: Sequence[Template] = (),
) -> Facts:
    """Ask a host for its facts.

    Args:
        connection: the host.
        stage: the stage, for its linked files and tools.
        flow: ``deploy``, ``rollback``, or empty for a read-only command.
        make_dirs: make the directories of a deploy; otherwise nothing is changed.
        hook_tools: the places of the programs that hooks need, see `hook_tools.list_tool_places`.

    Raises:
        HostError: the host did not answer.
    """
    return read_survey(connection, connection.checked(survey_request(connection, stage, flow, make_dirs, hook_tools)))


def survey_request(
    connection: Connection, stage: Stage, flow: str, make_dirs: bool, hook_tools: Sequence[Template] = ()
) -> Request:
    """Return the survey as a request; arguments as in `survey_host`."""
    values: dict[str, Value] = {
        "tools": tools_for_flow(flow, stage),
        "hook_tools": tuple(hook_tools),
        "linked_files": stage.linked_files,
        "linked_dirs": stage.linked_dirs,
        "make_dirs": make_dirs,
        "scratch": (*SCRATCH, REMOVED),
    }
    path_of_hooks = {"hook_path": connection.config.env["PATH"]} if "PATH" in connection.config.env else {}
    script = connection.script("survey", "operations/survey", values, more_env=path_of_hooks)
    return Request(script, capture=True, timeout=SURVEY_TIMEOUT_SECONDS)


def read_survey(connection: Connection, answer: Answer) -> Facts:
    """Return the facts in the answer of a host.

    Raises:
        HostError: the survey failed on the host, or its answer is malformed.
    """
    if answer.status:
        raise connection.failure(answer, "survey")
    return parse_facts(connection.name, connection.layout, answer.text)
