"""A transfer that capdoit does not have is one object and one line in the registry."""

from __future__ import annotations

import json

import pytest

from capdoit.testing import DODO, Project
from capdoit.transfers import TRANSFERS
from tests.support import MakeProject, deploy, make_path_without

COPY_TRANSFER = '''
"""A transfer that copies a directory of this machine, so it works on local hosts."""

import hashlib
from pathlib import Path

from capdoit.config.readers import read_string
from capdoit.config.rules import SettingRule
from capdoit.errors import HostError, NotReady
from capdoit.transfers.protocol import ResolvedCode, Transfer


class CopyTransfer(Transfer):
    name = "copy"
    settings = {
        "copy_from": SettingRule(read_string, "A directory of the controller.", is_required=True),
        "copy_only": SettingRule(read_string, "The part of it to copy.", default="."),
    }
    implied_by = "copy_from"
    tools = ("cp", "tee")
    export = (str(Path(__file__).with_name("copy_export")),)

    def source(self, stage, branch):
        return stage.transfer_settings["copy_from"]

    def file_dependencies(self, stage):
        return [f"{self.source(stage, None)}/built"]

    def prepare(self, stage):
        if not Path(self.source(stage, None), "app.txt").exists():
            raise NotReady(f"{self.source(stage, None)} has no app.txt")

    def resolve(self, context):
        code = Path(self.source(context.request.stage, None), "app.txt").read_bytes()
        return ResolvedCode(hashlib.sha256(code).hexdigest(), "1500000000")

    def export_values(self, stage):
        settings = stage.transfer_settings
        return {"copy_from": str(Path(settings["copy_from"]).absolute()), "copy_only": settings["copy_only"]}

    def check_host(self, stage, branch, connection):
        if not Path(self.source(stage, branch)).is_dir():
            raise HostError(connection.name, "has no directory to copy")


TRANSFER = CopyTransfer()
'''
COMMAND = 'cp -R "$copy_from/$copy_only/." "$release_dir/"'
EXPORT = f"# Given: copy_from copy_only release_dir\n{COMMAND}\n"
REGISTERED = f"""
import copy_transfer
from capdoit.transfers import TRANSFERS

TRANSFERS["copy"] = copy_transfer.TRANSFER
{DODO}

def task_build():
    return {{"actions": ["touch code/built"], "targets": ["code/built"]}}
"""


@pytest.fixture(autouse=True)
def editors_accept_deploy_yml() -> None:
    """Turn off the check of the same name: editors do not know the transfer of these tests."""


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    """Return a project that deploys a directory with a transfer of its own."""
    made = make_project(linked_files_exist=True, repo_url=None, branch=None, copy_from="code")
    made.write_module("copy_transfer.py", COPY_TRANSFER)
    (made.path / "copy_export.sh").write_text(EXPORT)
    (made.path / "code").mkdir()
    (made.path / "code/app.txt").write_text("copied\n")
    made.dodo(REGISTERED)
    return made


def live_file(project: Project, host: str, name: str) -> str:
    return (project.deploy_to(host) / "current" / name).read_text()


def test_every_transfer_is_registered_by_its_name() -> None:
    assert all(transfer.name == name for name, transfer in TRANSFERS.items())


def test_transfers_that_share_a_setting_read_it_alike() -> None:
    rules = [(name, rule) for one in TRANSFERS.values() for name, rule in one.settings.items()]
    assert all(rule.read == other.read for name, rule in rules for same, other in rules if name == same)


def test_it_deploys_after_its_file_was_built_and_writes_its_source_into_the_log(project: Project) -> None:
    release = deploy(project)
    assert (project.path / "code/built").exists()
    for host in project.hosts:
        assert live_file(project, host, "app.txt") == "copied\n"
        assert live_file(project, host, "REVISION_TIME") == "1500000000\n"
        log = (project.deploy_to(host) / "revisions.log").read_text()
        assert log.startswith("Branch code (at ")
        assert log.rstrip().endswith(f"deployed as release {release} by {log.split()[-1]}")


def test_its_second_deploy_can_be_rolled_back(project: Project) -> None:
    first = deploy(project)
    (project.path / "code/app.txt").write_text("copied again\n")
    deploy(project)
    project.doit("rollback:production", check=True)
    assert {project.current(host) for host in project.hosts} == {first}


def test_a_dry_run_shows_its_script_and_changes_nothing(project: Project) -> None:
    out = project.doit("deploy:production", "dry_run=scripts", check=True).out
    assert COMMAND in out
    assert project.releases("web1") == []


def test_its_source_is_in_the_list_of_stages(project: Project) -> None:
    row = ["production", "default", "copy", "code", "web1,", "web2"]
    assert row in [line.split() for line in project.doit("cap", "stages", check=True).out.splitlines()]
    project.doit("list", check=True)


def test_a_required_setting_and_a_default_are_its_own(project: Project) -> None:
    project.config(transfer="copy", copy_from=None)
    assert "no copy_from, which transfer: copy needs" in project.doit("list").failed(3).out
    project.config(copy_form="code")
    assert "copy_form: no such setting; did you mean copy_from?" in project.doit("list").failed(3).out
    (project.path / "code/public").mkdir()
    project.config(copy_only="public")
    deploy(project)
    assert not (project.deploy_to("web1") / "current/app.txt").exists()


def test_two_settings_that_imply_a_transfer_are_refused(project: Project) -> None:
    project.config(archive="shop.tar")
    expected = "archive and copy_from are both set; add transfer: archive or transfer: copy"
    assert expected in project.doit("list").failed(3).out


def test_the_controller_is_checked_before_any_host_is_touched(project: Project) -> None:
    (project.path / "code/app.txt").unlink()
    assert "code has no app.txt" in project.doit("deploy:production").failed().out
    assert not (project.deploy_to("web1") / ".capdoit").exists()


def test_branch_is_refused(project: Project) -> None:
    out = project.doit("deploy:production", "branch=main").failed().out
    assert "branch= means nothing with transfer: copy; nothing was done" in out


def test_check_asks_for_its_tools_and_asks_each_host(project: Project) -> None:
    path = make_path_without(project.path / "tools", "tee")
    (project.path / "code").rename(project.path / "gone")
    out = project.doit("check:production", env={"PATH": path}).failed().out
    assert "web1, web2: tee is not installed" in out
    assert "web1, web2: has no directory to copy" in out


def test_doctor_knows_which_settings_it_uses(project: Project) -> None:
    project.config(repo_url="https://git.example.com/shop.git", transfer="copy")
    answer = json.loads(project.doit("cap", "doctor", "--json", check=True).out)
    texts = [remark["text"] for remark in answer["remarks"]]
    assert "repo_url is not used: production has transfer: copy" in texts
    assert ("copy_only", ".", "default") in [(s["name"], s["value"], s["level"]) for s in answer["settings"]]


def test_pending_needs_a_transfer_with_commits(project: Project) -> None:
    out = project.doit("cap", "pending").failed(3).out
    assert "pending needs transfer: git, and production has transfer: copy" in out
