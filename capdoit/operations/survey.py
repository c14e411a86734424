"""The survey of a host, as a request and as facts."""

from __future__ import annotations

from capdoit.hosts.connection import Connection
from capdoit.hosts.request import Answer, Request
from capdoit.layout import SCRATCH
from capdoit.operations.tools import tools_for_flow
from capdoit.records.facts import Facts, parse_facts
from capdoit.script import Value
from capdoit.state.run import Run

LONGEST = 120.0  # seconds; a survey takes a second or two, unless a file system there has gone away


def ask_facts(run: Run, host: Connection, make_dirs: bool = False) -> Facts:
    """The facts of a host; makes the directories of a deploy when asked to, else changes nothing.

    Raises:
        HostError: it cannot be asked.
    """
    return facts_of(host, host.checked(survey_request(run, host, make_dirs)))


def survey_request(run: Run, host: Connection, make_dirs: bool) -> Request:
    """The question; it sees the host's environment, as all work there does."""
    stage = run.stage
    values: dict[str, Value] = {
        "tools": tools_for_flow(run.flow, stage),
        "linked_files": stage.linked_files,
        "linked_dirs": stage.linked_dirs,
        "make_dirs": make_dirs,
        "scratch": SCRATCH,
    }
    return Request(host.script("survey", "operations/survey", values), capture=True, timeout=LONGEST)


def facts_of(host: Connection, answer: Answer) -> Facts:
    """The facts in its answer.

    Raises:
        HostError: it could not give them.
    """
    if answer.status:
        raise host.failure(answer, "survey")
    return parse_facts(host.name, host.config.layout, answer.text)
