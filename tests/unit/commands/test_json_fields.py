"""The fields in the JSON of `doit cap`. Some are the attributes of classes, so renaming these would change the JSON."""

from __future__ import annotations

from dataclasses import fields

import pytest

from capdoit.doctor.host_condition import Clock, Condition
from capdoit.doctor.ssh_route import SshRoute
from capdoit.records.history import FlowRecord
from capdoit.records.journal import DrillVerdict
from capdoit.records.live_periods import LivePeriod
from capdoit.transfers.git_commits import Commit
from capdoit.units import Capacity

FIELDS = {
    Clock: "offset uncertainty",
    Commit: "revision date author subject",
    Condition: (
        "host clock locale charmap user sh tools no_tools deploy_to place owner mode is_directory closed "
        "lock_holder disk inodes directory_id"
    ),
    DrillVerdict: "at by verdict release seconds why",
    FlowRecord: "run at by origin flow event seconds release releases revision left why ending reason results",
    LivePeriod: "since until by branch",
    Capacity: "free total",
    SshRoute: "host address gateway keepalive lost_after strict forwards_agent key key_names key_files",
}


@pytest.mark.parametrize("kind", FIELDS, ids=lambda kind: kind.__name__)
def test_a_class_that_is_printed_as_json_keeps_its_fields(kind: type) -> None:
    assert [field.name for field in fields(kind)] == FIELDS[kind].split()
