"""The condition of a host, by what its script answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from capdoit.doctor import findings
from capdoit.doctor.host_condition import Clock, Condition, parse_condition
from capdoit.errors import HostError
from capdoit.units import Capacity

SAID = [
    "clock\t1000 500000000",
    "locale\tC.UTF-8",
    "charmap\tUTF-8",
    "user\tann",
    "shell\t/usr/bin/bash",
    "shell_version\tGNU bash, version 5.2.15(1)-release",
    "tool\tgit git version 2.39.5",
    "tool\ttar tar (busybox) 1.35.0",
    "tool\tflock ",
    "place\t/srv/shop",
    "rights\tdrwxr-x---. 4 ann deploy 4096 Jan  1 10:00 /srv/shop",
    "disk\t1000 100",
    "inodes\t0 0",
    "end\tyes",
]


def answered(*lines: str) -> Condition:
    return parse_condition("web1", "/srv/shop", "\n".join(lines) + "\n", 999.0, 1001.0)


def test_an_answer_is_parsed_into_a_condition() -> None:
    assert answered(*SAID) == Condition(
        host="web1",
        clock=Clock(offset=0.5, uncertainty=1.0),
        locale="C.UTF-8",
        charmap="UTF-8",
        user="ann",
        sh="bash 5.2.15",
        tools={"git": "2.39.5", "tar": "busybox 1.35.0", "flock": ""},
        deploy_to="/srv/shop",
        place="/srv/shop",
        owner="ann:deploy",
        mode="drwxr-x---",
        disk=Capacity(free=100, total=1000),
    )


@pytest.mark.parametrize("said", ["1000 %N", "1000 ", "1000", "1000 N"])
def test_a_clock_without_fractions_is_less_precise(said: str) -> None:
    assert answered(f"clock\t{said}", "end\tyes").clock == Clock(offset=0.5, uncertainty=1.5)


@pytest.mark.parametrize("said", ["", "soon", "-1000", "9" * 40])
def test_an_unreadable_clock_is_unknown(said: str) -> None:
    assert answered(f"clock\t{said}", "end\tyes").clock is None


@pytest.mark.parametrize("said", ["", "1", "df: no", "x 1", "1 2 3"])
def test_unreported_disk_space_is_unknown(said: str) -> None:
    assert answered(f"disk\t{said}", "end\tyes").disk is None


def test_an_answer_is_printable_and_limited_in_length() -> None:
    condition = answered("user\t\x1b[31m", f"locale\t{'x' * 10**6}", *["closed\t/x"] * 5000, "end\tyes")
    assert condition.user == "\\x1b[31m"
    assert len(condition.locale) <= 1000 + len("…")
    assert len(condition.closed) <= 100


@pytest.mark.parametrize("lines", [SAID[:-1], [*SAID[:-1], "user\tbob", "end\tyes"], ["hello\tyou", "end\tyes"]])
def test_an_answer_in_an_unknown_format_is_refused(lines: list[str]) -> None:
    with pytest.raises(HostError, match="answered the doctor with"):
        answered(*lines)


WELL = Condition(
    host="web1",
    clock=Clock(0.1, 0.2),
    locale="C.UTF-8",
    charmap="UTF-8",
    user="ann",
    deploy_to="/srv/shop",
    place="/srv/shop",
    owner="ann:ann",
    mode="drwxr-xr-x",
    disk=Capacity(10**8, 10**9),
    inodes=Capacity(10**6, 10**7),
)


def test_a_healthy_host_has_no_findings() -> None:
    assert findings.judge_condition(WELL) == []


@pytest.mark.parametrize(
    ("facts", "text", "is_problem"),
    [
        ({"no_tools": ("git",)}, "git is not installed", True),
        ({"clock": Clock(7.0, 1.0)}, "its clock is 7 s ± 1.0 ahead of the controller's clock", True),
        ({"clock": Clock(-90.04, 0.03)}, "its clock is 90.04 s ± 0.03 behind the controller's clock", True),
        ({"closed": ("/srv/shop/repo",)}, "/srv/shop/repo cannot be written to or entered by ann", True),
        ({"is_directory": False}, "/srv/shop is not a directory", True),
        ({"disk": Capacity(0, 10**9)}, "0 KiB free at /srv/shop", True),
        ({"disk": Capacity(2 * 10**5, 10**9)}, "0.0% of the disk free at /srv/shop", False),
        ({"inodes": Capacity(9, 10**7)}, "9 inodes free at /srv/shop", True),
        ({"locale": "", "charmap": "ANSI_X3.4-1968"}, "its locale is not set (ANSI_X3.4-1968), not UTF-8", False),
        ({"locale": "de_DE", "charmap": ""}, "its locale is de_DE, not UTF-8", False),
    ],
)
def test_a_defect_of_a_host_is_a_finding(facts: dict[str, Any], text: str, is_problem: bool) -> None:
    (found,) = findings.judge_condition(replace(WELL, **facts))
    assert found.text.startswith(text)
    assert (found.where, found.is_problem) == ("web1", is_problem)


@pytest.mark.parametrize(
    "facts",
    [
        {"clock": Clock(7.0, 2.5)},  # the way there was so slow that it may be right
        {"clock": None},
        {"locale": "de_DE.utf8", "charmap": ""},  # musl has no `locale`
        {"disk": None, "inodes": None},
        {"deploy_to": "", "place": "", "owner": ""},
    ],
)
def test_an_unknown_condition_is_not_a_finding(facts: dict[str, Any]) -> None:
    assert findings.judge_condition(replace(WELL, **facts)) == []
