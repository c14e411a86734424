"""The files of report pages."""

from __future__ import annotations

import os
import stat
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from capdoit.errors import ConfigError
from capdoit.events import FlowStarted
from capdoit.output.page_data import PageData, Verdict
from capdoit.output.report_files import (
    MARK,
    MOST_KEPT,
    find_pages,
    keep_page,
    list_pages,
    refuse_report_file,
    report_folder,
    write_page,
)
from tests.support import largest_file

NOON = datetime(2026, 11, 28, 12, tzinfo=timezone(timedelta(hours=1)))


def data_of(number: int, stage: str = "production") -> PageData:
    """Return the data of a deploy that began some minutes after eleven, in UTC."""
    data = PageData.begin(FlowStarted(stage, ("web1",), "ann", "deploy", "main", "", run=f"{number:016x}"), 0.0)
    data.began_at, data.verdict = NOON + timedelta(minutes=number), Verdict.DONE
    return data


def test_a_page_has_the_flow_its_time_its_end_and_its_run_in_its_name(tmp_path: Path) -> None:
    keep_page(tmp_path / "reports", data_of(30, "eu-west-1"), "page")
    (page,) = list_pages(tmp_path / "reports")
    assert page.file.name == "20261128113000-deploy-eu-west-1-done-000000000000001e.html"
    assert (page.flow, page.stage, page.verdict, page.run_id) == ("deploy", "eu-west-1", "done", f"{30:016x}")
    assert page.began_at == NOON + timedelta(minutes=30)
    assert page.file.read_text() == "page"
    assert stat.S_IMODE(page.file.stat().st_mode) == 0o600


def test_the_last_pages_are_kept_and_files_of_others_are_never_removed(tmp_path: Path) -> None:
    no_time = f"99999999999999-deploy-production-done-{'0' * 16}.html"
    others = ["notes.html", "00000000000000-deploy-production.html", no_time]
    for name in others:
        (tmp_path / name).write_text("mine")
    for number in range(MOST_KEPT + 3):
        keep_page(tmp_path, data_of(number), "page")
    assert [int(page.run_id, 16) for page in list_pages(tmp_path)] == [*range(MOST_KEPT + 2, 2, -1)]
    assert len([*tmp_path.iterdir()]) == MOST_KEPT + len(others)


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("000000000000001e", [30]),
        ("20261128113000", [30]),
        ("2026-11-28T11:3", [31, 30]),
        ("2026-11-28 11:31", [31]),
        ("20261129", []),
        ("web1", []),
        ("T", []),
        ("-", []),
    ],
)
def test_a_page_is_found_by_the_beginning_of_its_run_or_time(tmp_path: Path, word: str, found: list[int]) -> None:
    for number in (30, 31):
        keep_page(tmp_path, data_of(number), "page")
    assert [int(page.run_id, 16) for page in find_pages(list_pages(tmp_path), word)] == found


@pytest.mark.parametrize("log", [None, Path("/dev/null")])
def test_without_a_log_file_no_page_is_kept(log: Path | None) -> None:
    assert report_folder(log) is None


def test_pages_are_kept_next_to_the_log_also_before_its_first_line(tmp_path: Path) -> None:
    assert report_folder(tmp_path / "log/a.log") == tmp_path / "log/reports"
    (tmp_path / "log/a.log").mkdir(parents=True)  # a log that cannot be written
    assert report_folder(tmp_path / "log/a.log") == tmp_path / "log/reports"


def test_a_page_replaces_only_a_page(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    refuse_report_file(file)
    write_page(file, f"{MARK}first")
    refuse_report_file(file)
    write_page(file, f"{MARK}second")
    assert file.read_text() == f"{MARK}second"
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_page_that_does_not_fit_the_disk_leaves_nothing(tmp_path: Path) -> None:
    with largest_file(1000), pytest.raises(OSError, match="File too large"):
        write_page(tmp_path / "report.html", "y" * 5000)
    assert [*tmp_path.iterdir()] == []


def test_a_named_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="exists and is not a report page"):
        refuse_report_file(tmp_path / "pipe")


@pytest.mark.parametrize("name", ["notes.html", "folder", "dangling", "missing/report.html"])
def test_a_page_is_not_written_over_anything_else(tmp_path: Path, name: str) -> None:
    (tmp_path / "notes.html").write_text("<!doctype html>")
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(ConfigError, match=f"report=.*{name}: .*nothing was done"):
        refuse_report_file(tmp_path / name)
