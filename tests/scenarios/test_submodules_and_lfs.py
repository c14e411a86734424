"""Repositories with submodules or with files in Git LFS: a release lacks them, and every task says so beforehand."""

from __future__ import annotations

import pytest

from capdoit.testing import GitRepo, Project
from tests.support import MakeProject, choose_ordinary, deploy, further, pair

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12345\n".format("ab" * 32)
SUBMODULES = "main has submodules, which are deployed as empty directories: lib/parser, vendor/theme. "
LFS = "main has files in Git LFS, and only their pointers are deployed: assets/logo.psd, video.mp4. "
TASKS = ("check:production", "deploy:production dry_run=yes", "deploy:production")


def add_submodules(repo: GitRepo, *paths: str) -> None:
    for path in paths:
        repo.git("update-index", "--add", "--cacheinfo", f"160000,{repo.git('rev-parse', 'HEAD')},{path}")
    repo.git("commit", "--quiet", "-m", "add submodules")
    for path in paths:
        (repo.path / path).mkdir(parents=True)  # otherwise the next commit would remove them


def add_lfs_files(repo: GitRepo) -> None:
    repo.commit(
        {
            ".gitattributes": "*.mp4 filter=lfs diff=lfs merge=lfs -text\n",
            "assets/.gitattributes": "logo.psd filter=lfs diff=lfs merge=lfs -text\n",
            "video.mp4": POINTER,
            "assets/logo.psd": POINTER,
            "assets/readme.txt": "about filter=lfs\n",
        }
    )


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    """Return a project whose repository has two submodules and two files in Git LFS."""
    made = make_project()
    add_lfs_files(made.repo)
    add_submodules(made.repo, "lib/parser", "vendor/theme")
    return made


@pytest.mark.parametrize("task", choose_ordinary(TASKS, "deploy:production"))
@pytest.mark.parametrize("is_deployed", [False, *further(True)])
def test_each_task_names_what_a_release_would_lack(project: Project, task: str, is_deployed: bool) -> None:
    if is_deployed:  # then the commit is in the mirrors
        deploy(project)
    said = project.doit(*task.split(), check=True).out
    warnings = [line.partition("main has ") for line in said.splitlines() if "  warning: " in line]
    assert [f"main has {text}" for _, _, text in warnings] == [
        f"{SUBMODULES}If that is meant, set git: {{submodules: ignore}} in deploy.yml",
        f"{LFS}If that is meant, set git: {{lfs: ignore}} in deploy.yml",
    ]


@pytest.mark.extended("variant")
def test_only_check_and_dry_run_of_a_commit_that_no_mirror_has_fetch_it_and_leave_nothing(project: Project) -> None:
    temporary = project.path / "tmp"
    temporary.mkdir()
    project.config(default_env={"TMPDIR": str(temporary)})
    deploy(project)
    project.repo.commit({"app.txt": "2\n"})
    before = sorted((project.deploy_to("web1") / "repo").rglob("*"))
    for task in TASKS[:2]:
        said = project.doit(*task.split(), check=True).out
        assert SUBMODULES in said
        assert LFS in said
    assert sorted((project.deploy_to("web1") / "repo").rglob("*")) == before
    assert list(temporary.iterdir()) == []


@pytest.mark.extended("variant")
@pytest.mark.parametrize(("task", "ignored"), pair(TASKS, ["submodules", "lfs"]))
def test_what_is_ignored_is_not_warned_of(project: Project, task: str, ignored: str) -> None:
    project.config(git={ignored: "ignore"})
    said = project.doit(*task.split(), check=True).out
    assert (SUBMODULES in said) == (ignored != "submodules")
    assert (LFS in said) == (ignored != "lfs")


def test_a_stage_adds_to_what_is_ignored_at_the_top(project: Project) -> None:
    stages = {"production": {"hosts": project.hosts, "git": {"lfs": "ignore"}}}
    project.config(git={"submodules": "ignore"}, stages=stages)
    said = project.doit("deploy:production", check=True).out
    assert "warning" not in said


@pytest.mark.extended("variant")
def test_a_wrong_value_is_refused_with_its_place(project: Project) -> None:
    project.config(git={"submodules": "yes", "lsf": "ignore"})
    said = project.doit("deploy:production").failed(3).out
    assert "git.submodules: found yes, expected a reaction: warn, ignore" in said
    assert "git.lsf: no such setting of git; did you mean lfs?" in said


@pytest.mark.extended("variant")
def test_only_what_is_inside_of_repo_tree_counts(project: Project) -> None:
    project.config(repo_tree="assets")
    said = project.doit("deploy:production", check=True).out
    assert "has submodules" not in said
    assert "pointers are deployed: assets/logo.psd. If" in said


@pytest.mark.extended("variant")
def test_of_many_submodules_the_first_five_are_named(make_project: MakeProject) -> None:
    project = make_project(1)
    add_submodules(project.repo, *(f"lib/{letter}" for letter in "abcdefg"))
    said = project.doit("deploy:production", check=True).out
    assert "empty directories: lib/a, lib/b, lib/c, lib/d, lib/e and others. " in said


@pytest.mark.extended("variant")
def test_attributes_without_a_file_in_lfs_are_not_warned_of(make_project: MakeProject) -> None:
    project = make_project(1)
    project.repo.commit({".gitattributes": "*.mp4 filter=lfs\n"})
    for task in TASKS:
        assert "warning" not in project.doit(*task.split(), check=True).out


@pytest.mark.extended("variant")
def test_a_host_with_a_filter_for_lfs_writes_the_contents_and_only_the_other_one_is_named(project: Project) -> None:
    project.hosts["web2"]["default_env"] = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "filter.lfs.smudge",
        "GIT_CONFIG_VALUE_0": "sed s/^version.*/contents/",
    }
    project.config(git={"submodules": "ignore"})
    said = project.doit("deploy:production", check=True).out
    assert f"warning: web1: {LFS}" in said
    assert (project.deploy_to("web1") / "current/video.mp4").read_text() == POINTER
    assert (project.deploy_to("web2") / "current/video.mp4").read_text().startswith("contents\n")


@pytest.mark.extended("variant")
def test_a_rollback_warns_of_neither(project: Project) -> None:
    deploy(project)
    deploy(project)
    assert "warning" not in project.doit("rollback:production", check=True).out


@pytest.mark.extended("variant")
def test_a_host_without_room_for_temporary_files_deploys_and_says_what_it_did_not_find_out(project: Project) -> None:
    project.config(default_env={"TMPDIR": str(project.path / "nowhere")})
    said = project.doit("deploy:production", check=True).out
    assert "warning: web1, web2: it could not be found out whether main has submodules, or files in Git LFS" in said
    assert "dry run" in project.doit("deploy:production", "dry_run=yes", check=True).out
