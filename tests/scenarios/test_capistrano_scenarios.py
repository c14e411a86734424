"""The scenarios of Capistrano's own tests, one test for each, with their numbers in the comments."""

from __future__ import annotations

import os
import re
from datetime import datetime, timezone

import pytest

from capdoit.testing import DODO, GitRepo, Project
from tests.support import MakeProject, deploy, further, write_hooks


@pytest.fixture
def bare(make_project: MakeProject) -> Project:
    """Return a project with one empty host and the linked paths of Capistrano's test project."""
    return make_project(1, linked_files_exist=False, linked_dirs=["bin", "log", "public/system"])


@pytest.fixture
def one(bare: Project) -> Project:
    """Return that project with its linked file in place."""
    bare.link_files()
    return bare


def test_check_asks_the_repository(one: Project) -> None:  # 1
    one.doit("check:production", check=True)
    one.config(repo_url="/no/such/repository")
    one.doit("check:production").failed()


def test_check_directories(bare: Project) -> None:  # 2
    bare.doit("check:production")
    assert bare.shared("web1").is_dir()
    assert (bare.deploy_to("web1") / "releases").is_dir()


def test_check_linked_dirs(bare: Project) -> None:  # 3
    bare.doit("check:production")
    assert all((bare.shared("web1") / name).is_dir() for name in ("bin", "log", "public/system"))


def test_check_make_linked_dirs(bare: Project) -> None:  # 4
    bare.doit("check:production")
    assert (bare.shared("web1") / "config").is_dir()


def test_check_linked_files_when_one_is_missing(bare: Project) -> None:  # 5
    assert "linked file config/database.yml does not exist" in bare.doit("check:production").failed().out


def test_check_linked_files_when_all_are_there(one: Project) -> None:  # 6
    one.doit("check:production", check=True)


def test_creating_a_release(one: Project) -> None:  # 7
    deploy(one)
    assert (one.deploy_to("web1") / "repo/HEAD").is_file()
    (release,) = one.releases("web1")
    assert re.fullmatch(rf"{datetime.now(timezone.utc):%Y%m}\d{{8}}", release)


def test_revision_and_its_time(one: Project) -> None:  # 8
    deploy(one)
    current = one.deploy_to("web1") / "current"
    assert re.fullmatch(r"[0-9a-f]{40}\n", (current / "REVISION").read_text())
    assert re.fullmatch(r"\d{10}\n", (current / "REVISION_TIME").read_text())


def test_symlinks_to_linked_files_dirs_and_the_release(one: Project) -> None:  # 9, 10, 11
    deploy(one)
    current = one.deploy_to("web1") / "current"
    assert current.is_symlink()
    assert (current / "config/database.yml").is_symlink()
    for name in ("bin", "log", "public/system"):
        assert (current / name).is_symlink()
        assert (current / name).is_dir()


def made_releases(project: Project, names: list[str]) -> None:
    """Create releases as Capistrano's scenario does, with a revision."""
    for name in names:
        release = project.deploy_to("web1") / "releases" / name
        release.mkdir(parents=True)
        (release / "REVISION").write_text("0" * 40 + "\n")
    lines = [f"Branch main (at 0000000) deployed as release {name} by jane\n" for name in names]
    (project.deploy_to("web1") / "revisions.log").write_text("".join(lines))


def test_cleaning_up_keeps_three_releases_and_other_files(one: Project) -> None:  # 12
    one.config(keep_releases=3)
    made_releases(one, ["20200101000001", "20200101000002", "20200101000003", "20200101000004"])
    (one.deploy_to("web1") / "releases/new").mkdir()
    release = deploy(one)
    assert one.releases("web1") == ["20200101000003", "20200101000004", release, "new"]


@pytest.mark.extended("variant")
def test_cleaning_up_never_removes_the_live_release(one: Project) -> None:  # 13
    one.config(keep_releases=2)
    deploy(one)
    for digits in ("777", "888", "999"):
        (one.deploy_to("web1") / "releases" / (digits * 5)[:14]).mkdir()
    live = deploy(one)
    assert live in one.releases("web1")
    assert (one.deploy_to("web1") / "current/REVISION").is_file()


@pytest.mark.extended("detail")
def test_cleaning_up_very_many_releases(one: Project) -> None:  # 14
    one.config(keep_releases=3)
    names = [f"202001{day:02}0000{second:02}" for day in range(1, 21) for second in range(50)]
    made_releases(one, names)
    release = deploy(one)
    assert one.releases("web1") == [*names[-2:], release]


@pytest.mark.extended("variant")
def test_rolling_back_goes_to_the_previous_release(one: Project) -> None:  # 15
    first = deploy(one)
    deploy(one)
    one.doit("deploy:rollback", check=True)
    assert one.current("web1") == first
    assert os.path.samefile(one.deploy_to("web1") / "current", one.deploy_to("web1") / "releases" / first)


@pytest.mark.extended("variant")
def test_rolling_back_to_a_named_release(one: Project) -> None:  # 16
    first = deploy(one)
    deploy(one)
    deploy(one)
    one.doit("deploy:rollback", f"ROLLBACK_RELEASE={first}", check=True)
    assert one.current("web1") == first


FAILING = (
    DODO
    + """
@cap.before("starting")
def breaks(host):
    host.run("false")

@cap.on_failed
def failed(failure):
    print("the failed hook ran")
"""
)


def test_a_failure_in_a_deploy_runs_the_failed_hook(
    one: Project,
) -> None:  # 18; also 17, since a step run alone is part of a flow here
    one.dodo(FAILING)
    assert "the failed hook ran" in one.doit("deploy:production").failed().out


@pytest.mark.parametrize("name", ["deploy", *further("rollback", "check")])
def test_a_stage_cannot_have_the_name_of_a_task(bare: Project, name: str) -> None:  # 19
    bare.config(stages={name: {"hosts": bare.hosts}})
    done = bare.doit("list").failed(3)
    assert f"{name} cannot be the name of a stage" in done.out


def test_a_deploy_yml_elsewhere(one: Project) -> None:  # 20, 21
    (one.path / "config").mkdir()
    (one.path / "deploy.yml").rename(one.path / "config/production.yml")
    one.dodo(DODO.replace("deploy.yml", "config/production.yml"))
    one.hosts["web1"]["deploy_to"] = str(one.deploy_to("web1"))
    done = one.doit("list", check=True)
    assert "deploy:production" in done.out


def test_listing_tasks_runs_no_flow_and_touches_no_host(bare: Project) -> None:  # 22, 23
    assert "deploy:production" in bare.doit("list", check=True).out
    assert not (bare.path / "hosts").exists()


def test_a_change_of_user_in_one_hook_does_not_leak_into_the_next(one: Project) -> None:  # 29
    write_hooks(
        one,
        """
        @cap.after('started')
        def first(host):
            host.run('cd /; X=1; export X; umask 077')
        @cap.after('started')
        def second(host):
            host.run('echo "<$X $PWD $(umask)>"')
        @cap.after('started')
        def third(host):
            host.run('echo "[$X $PWD $(umask)]"', env={'X': '2'}, cwd='/tmp')
        """,
    )
    out = one.doit("deploy:production", check=True).out
    assert re.search(r"<( \S+ \d+)>", out)
    assert "<1" not in out
    assert "077>" not in out
    assert re.search(r"\[2 /tmp \d+\]", out)


def test_a_host_named_twice_is_refused(bare: Project, git_repo: GitRepo) -> None:  # spec: servers
    text = (bare.path / "deploy.yml").read_text()
    host = '"web1": {"transport": "local"}, "web1": {"transport": "local"}'
    (bare.path / "deploy.yml").write_text(re.sub(r'"hosts": \{.*', f'"hosts": {{{host}}}}}}}}}', text, flags=re.DOTALL))
    done = bare.doit("list").failed(3)
    assert "web1" in done.out
    assert str(git_repo.path) in text
