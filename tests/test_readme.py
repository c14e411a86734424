"""The page README.md: each deploy.yml can be read, each dodo.py loaded, each command has a task."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from capdoit.commands.catalog import COMMANDS
from capdoit.config import variables
from capdoit.config.deploy_file import load_config
from capdoit.config.settings import Schema
from capdoit.hooks.context import Flow, Release
from capdoit.sequence import FLOWS, step_names
from capdoit.transfers import TRANSFERS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    found: list[str] = re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    assert found, f"README.md has no {language}"
    return found


def doit(folder: Path, *args: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "doit", *args], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with the first deploy.yml and all parts of dodo.py in README.md."""
    (tmp_path / "deploy.yml").write_text(blocks("yaml")[0])
    (tmp_path / "dodo.py").write_text("\n".join(blocks("python")))
    return tmp_path


@pytest.mark.parametrize("text", blocks("yaml"), ids=range(len(blocks("yaml"))))
def test_every_deploy_yml_is_read(tmp_path: Path, text: str) -> None:
    file = tmp_path / "deploy.yml"
    file.write_text(text)
    assert "production" in load_config(file, TRANSFERS).stages


def test_the_shown_hooks_and_tasks_become_tasks(project: Path) -> None:
    tasks = doit(project, "list", "--all")
    flows = ("deploy:production:warm_cache", "rollback:production:warm_cache", "deploy:staging:migrate")
    for name in (*flows, "build", "cache_clear:production", "console:staging", "rake"):
        assert re.search(rf"^{name}\b", tasks, re.MULTILINE), name
    assert "rollback:staging:migrate" not in tasks


def test_the_required_task_is_a_dependency(project: Path) -> None:
    to_be_run = 1  # doit's exit code for a task that is not up to date
    said = doit(project, "info", "deploy:production:starting", code=to_be_run)
    assert re.search(r"^task_dep.*\n - test$", said, re.MULTILINE)


def test_the_shown_commands_are_tasks_or_subcommands(project: Path) -> None:
    tasks = {line.split()[0] for line in doit(project, "list", "--all").splitlines()}
    subcommands = doit(project, "help", "cap")
    for line in "".join(blocks("console")).splitlines():
        words = line.partition("#")[0].removeprefix("$ doit ").split()
        known = words[1] in subcommands if words[0] == "cap" else words[0] in tasks
        assert known, line


def test_the_listed_steps_are_those_of_the_flows() -> None:
    for flow in FLOWS:
        assert f"| `{flow}` | {', '.join(step_names(flow))} |" in README


def test_the_first_block_deploys_the_example() -> None:
    tasks = {line.split()[0] for line in doit(ROOT, "list").splitlines()}
    assert {word for word in blocks("sh")[0].split() if word.endswith(":local")} <= tasks


def chapter(title: str) -> str:
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_every_setting_is_documented() -> None:
    assert [name for name in Schema(TRANSFERS).rules if f"`{name}`" not in chapter("Settings")] == []


def test_every_subcommand_is_documented() -> None:
    known = {word for span in re.findall(r"`([^`\n]+)`", README) for word in (span, span.removeprefix("doit cap "))}
    known |= set(re.findall(r"^\$ doit cap (\w+)", README, re.MULTILINE))
    assert [command.name for command in COMMANDS if command.name not in known] == []


def test_every_variable_is_documented() -> None:
    assert [name for name in variables.VARIABLES if f"`{name}=" not in chapter("Variables")] == []


def test_everything_that_hooks_get_is_documented() -> None:
    names = {field.name for kind in (Release, Flow) for field in fields(kind)} - {"started", "warn"}
    assert sorted(name for name in names if f"`{name}`" not in chapter("Hooks")) == []
