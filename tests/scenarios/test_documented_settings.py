"""The deploy.yml examples in the chapter Settings of README.md, each of which is deployed."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from capdoit.testing import GitRepo, Project

README = (Path(__file__).parent.parent.parent / "README.md").read_text(encoding="utf-8")
CHAPTER = README.partition("\n## Settings\n")[2].partition("\n## ")[0]
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", CHAPTER, re.MULTILINE | re.DOTALL)
OUTPUTS = {
    **dict.fromkeys(("op", "vault"), "s3cr3t-output"),
    "ansible-inventory": '{"web1": {"transport": "local", "deploy_to": "hosts/web1"}}',
}
ENV = {"SECRET_KEY_BASE": "s3cr3t-key", "LOGNAME": "deploy"}


def write_example(project: Project, repo: GitRepo, text: str) -> None:
    """Write an example as deploy.yml, with this repository and directories of this machine as hosts."""
    text = text.replace("git@git.example.com:acme/shop.git", str(repo.path))
    text = re.sub(
        r"^( *hosts:) \{\S+: \{", r"\1 {web1: {transport: local, deploy_to: hosts/web1, ", text, flags=re.MULTILINE
    )
    (project.path / "deploy.yml").write_text(text)


def add_programs(project: Project) -> str:
    """Return a PATH with the programs of the examples."""
    folder = project.path / "programs"
    folder.mkdir()
    for name, output in OUTPUTS.items():
        (folder / name).write_text(f"#!/bin/sh\necho '{output}'\n")
        (folder / name).chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


@pytest.mark.parametrize("text", EXAMPLES, ids=range(len(EXAMPLES)))
def test_a_documented_deploy_yml_is_deployed(project: Project, git_repo: GitRepo, text: str) -> None:
    write_example(project, git_repo, text)
    for branch in ("master", "release-production"):
        git_repo.git("branch", branch)
    env = {**ENV, "PATH": add_programs(project)}
    said = project.doit("deploy:production", env=env, check=True).out
    assert "s3cr3t" not in said
    project.doit("list", check=True)


FIRST = re.findall(r"^```yaml\n(.*?)^```", README, re.MULTILINE | re.DOTALL)[0]
PYTHON = re.findall(r"^```py\n(.*?)^```", CHAPTER, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", PYTHON, ids=range(len(PYTHON)))
def test_documented_settings_in_python_are_accepted(project: Project, text: str) -> None:
    (project.path / "deploy.yml").write_text(FIRST)
    project.dodo(text)
    said = project.doit("list", check=True).out + project.doit("cap", "config", "production", check=True).out
    assert "dodo.py:" in said
