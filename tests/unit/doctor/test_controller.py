"""The programs that a stage needs on the controller."""

from __future__ import annotations

from pathlib import Path

from capdoit.config.deploy_file import load_config
from capdoit.config.stages import Stage
from capdoit.doctor.controller import missing_programs
from capdoit.transfers import TRANSFERS


def stage_of(folder: Path, hosts: str) -> Stage:
    file = folder / "deploy.yml"
    file.write_text(f"application: shop\nrepo_url: x\nstages: {{production: {{hosts: {hosts}}}}}\n")
    return load_config(file, TRANSFERS).stages["production"]


def test_the_controller_needs_ssh_only_for_ssh_hosts(tmp_path: Path) -> None:
    assert missing_programs({"ssh": None}, stage_of(tmp_path, "{here: {transport: local}}")) == []
    assert missing_programs({"ssh": None}, stage_of(tmp_path, "{far: {}}")) == ["ssh"]
