"""The programs that hosts need."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from capdoit.config.deploy_file import load_config
from capdoit.config.stages import Stage
from capdoit.operations.tools import tools_for_both_flows, tools_for_flow
from capdoit.transfers import TRANSFERS


def stage_of(folder: Path) -> Stage:
    file = folder / "deploy.yml"
    file.write_text("application: shop\nrepo_url: x\nstages: {production: {hosts: {here: {transport: local}}}}\n")
    return load_config(file, TRANSFERS).stages["production"]


def test_both_flows_need_the_programs_of_their_scripts(tmp_path: Path) -> None:
    stage = stage_of(tmp_path)
    assert {"git", "tar", "readlink", "mv"} <= set(tools_for_both_flows(stage))
    assert "git" not in tools_for_both_flows(replace(stage, transfer="archive"))
    assert "sha256sum" in tools_for_both_flows(replace(stage, transfer="archive"))


def test_a_rollback_needs_neither_git_nor_a_checksum(tmp_path: Path) -> None:
    stage = stage_of(tmp_path)
    assert {"git", "sha256sum"} <= set(tools_for_flow("deploy", stage))
    assert not {"git", "sha256sum"} & set(tools_for_flow("rollback", stage))
