"""The recipe local_build: a doit task builds a directory here, and every host gets it with the release."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from capdoit.testing import Project, Stages, StageUnderTest
from tests.support import further

BUILD = """
def task_build():
    return {"actions": ["mkdir -p dist/js && echo built >>builds && wc -l <builds >dist/js/app.js"]}
"""


def build_stage(stage: Stages, dodo: str = BUILD, **options: Any) -> StageUnderTest:
    recipes = {"local_build": {"directory": "dist", "target": "public", **options}}
    return stage(recipes=recipes, dodo=dodo, files={"app.txt": "first\n", "public/index.html": "hello\n"})


def built(project: Project) -> int:
    """Return how often the task has built."""
    file = project.path / "builds"
    return len(file.read_text().splitlines()) if file.exists() else 0


def shipped(shop: StageUnderTest, host: str) -> str:
    return (shop.host(host).release(str(shop.live)) / "public/js/app.js").read_text().strip()


def test_each_deploy_builds_first_and_uploads_and_a_rollback_does_neither(stage: Stages) -> None:
    shop = build_stage(stage)
    first = shop.deploy().ok()
    assert first.out.index(".  build\n") < first.out.index(".  deploy:production:starting\n")
    shop.deploy().ok()
    assert shipped(shop, "web1") == shipped(shop, "web2") == "2"
    assert (shop.host().release(str(shop.live)) / "public/index.html").read_text() == "hello\n"
    back = shop.rollback().ok()
    assert shipped(shop, "web1") == shipped(shop, "web2") == "1"
    assert "local_build" not in back.out
    assert built(shop.project) == 2
    shop.assert_healthy()


@pytest.mark.parametrize(
    ("task", "complaint"),
    [
        ("def task_build():\n    return {'actions': ['exit 3']}\n", "Command failed: 'exit 3' returned 3"),
        *further(
            ("def task_build():\n    return {'actions': []}\n", "there is no directory dist after the task build"),
            ("def task_build():\n    return {'actions': ['mkdir dist']}\n", "the directory dist is empty after"),
        ),
    ],
)
def test_a_failed_build_touches_no_host(stage: Stages, task: str, complaint: str) -> None:
    shop = build_stage(stage, task)
    done = shop.deploy()
    assert done.code in (1, 2)
    assert complaint in done.out
    assert not (shop.project.path / "hosts").exists()
    assert "Traceback" not in done.out


@pytest.mark.extended("recipe")
def test_a_task_that_does_not_exist_is_refused_with_the_line_of_deploy_yml(stage: Stages) -> None:
    done = build_stage(stage, tasks=["biuld"]).deploy().failed(3)
    assert "deploy.yml:" in done.out
    assert "starting depends on the task biuld, which does not exist; did you mean build?" in done.out


@pytest.mark.extended("recipe")
def test_one_build_is_enough_for_several_stages_and_each_stage_can_have_another(stage: Stages) -> None:
    both = "def task_other():\n    return {'actions': ['mkdir -p other/js && echo other >other/js/app.js']}\n"
    shop = build_stage(stage, BUILD + both)
    hosts = {"test1": {"transport": "local", "deploy_to": "hosts/test1", "roles": ["web"]}}
    stages = {"production": {"hosts": shop.project.hosts}, "staging": {"hosts": hosts}}
    shop.project.config(stages=stages)
    shop.doit("deploy:staging", "deploy:production").ok()
    assert built(shop.project) == 1
    current = Path(shop.project.path / "hosts/test1/current/public/js/app.js")
    assert current.read_text() == (shop.host().deploy_to / "current/public/js/app.js").read_text() == "1\n"

    stages["staging"]["recipes"] = {"local_build": {"directory": "other", "tasks": ["other"]}}
    shop.project.config(stages=stages)
    shop.doit("deploy:staging").ok()
    assert current.read_text() == "other\n"
    assert built(shop.project) == 1


@pytest.mark.extended("recipe")
def test_a_dry_run_builds_and_lists_the_upload(stage: Stages) -> None:
    shop = build_stage(stage)
    done = shop.deploy("dry_run=yes").ok()
    assert "local_build.upload" in done.out
    assert built(shop.project) == 1
    assert shop.live is None


@pytest.mark.extended("recipe")
@pytest.mark.parametrize("target", ["public", "public/assets/js"])
def test_a_target_that_is_shared_is_refused_before_anything_is_written(stage: Stages, target: str) -> None:
    shop = build_stage(stage, target=target)
    shop.project.config(linked_dirs=["public"] if target == "public" else ["public/assets"])
    done = shop.deploy().failed()
    assert f"{target} is in a linked directory, which the live release uses, too" in done.out
    assert not [*shop.host().shared.rglob("app.js")]
    assert shop.live is None


@pytest.mark.extended("recipe")
def test_a_build_of_another_commit_is_a_warning(stage: Stages) -> None:
    shop = build_stage(stage)
    folder = shop.project.path
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "other"]):
        subprocess.run([*git, *words], cwd=folder, check=True)
    done = shop.deploy().ok()
    assert "warning: local_build: the build is of the commit" in done.out
    subprocess.run([*git, "fetch", "-q", shop.project.repo.path, "main"], cwd=folder, check=True)
    subprocess.run([*git, "reset", "-q", "--soft", "FETCH_HEAD"], cwd=folder, check=True)
    assert "local_build: the build" not in shop.deploy().ok().out


@pytest.mark.extended("recipe")
@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"target": "../x"}, "target must be a path in the release, not '../x'"),
        ({"target": None, "directory": "/tmp/dist"}, "directory, which is the default of target, must be a path"),
        ({"tasks": []}, "tasks must not be empty"),
    ],
)
def test_wrong_options_are_refused(stage: Stages, options: dict[str, Any], complaint: str) -> None:
    assert complaint in build_stage(stage, **options).deploy().failed(3).out


@pytest.mark.extended("recipe")
def test_a_project_cannot_name_tasks_by_a_function(stage: Stages) -> None:
    done = build_stage(stage, BUILD + "cap.before('starting', lambda options: ['build'])\n").deploy().failed(3)
    assert "before starting needs the name of a doit task, not a function" in done.out
