"""The approval of a flow without a terminal."""

from __future__ import annotations

import io
import os
from types import SimpleNamespace
from typing import cast

import pytest

from capdoit.errors import NotApproved
from capdoit.flow.approval import Approval
from capdoit.flow.runner import FlowRunner
from capdoit.state.flow_request import FlowDefinition


def test_a_refusal_without_a_terminal_leaves_no_file_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    definition = cast(FlowDefinition, SimpleNamespace(name="deploy:x", stage=SimpleNamespace(name="x")))
    before = os.listdir("/proc/self/fd")
    approval = Approval(definition, cast(FlowRunner, None), "doit deploy:x")
    with pytest.raises(NotApproved, match="there is no terminal to ask on"):
        approval.obtain([])
    assert os.listdir("/proc/self/fd") == before
