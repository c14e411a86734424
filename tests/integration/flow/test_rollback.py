"""Rollbacks: their targets, the files that they leave, and their refusals."""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path
from textwrap import dedent

import pytest

from capdoit.testing import DODO, GitRepo, Project
from capdoit.testing.invariants import find_violations
from tests.support import MakeProject, deploy, further, write_command_hook, write_hooks


def make_history(project: Project, number: int) -> list[str]:
    """Give every host N releases, deployed one after the other, without the work of deploying them."""
    names = [f"2026010100000{n}" for n in range(1, number + 1)]
    for host in project.hosts:
        tree = project.deploy_to(host)
        for n, name in enumerate(names):
            release = tree / "releases" / name
            release.mkdir(parents=True)
            (release / "REVISION").write_text(f"{n}" * 40 + "\n")
            os.utime(release, (n, n))
        (tree / "current").symlink_to(tree / "releases" / names[-1])
        lines = [f"Branch main (at {n}) deployed as release {name} by jane\n" for n, name in enumerate(names)]
        (tree / "revisions.log").write_text("".join(lines))
    return names


def roll_back(project: Project, *args: str) -> str:
    """Roll back, and return the release that is then live on every host."""
    project.doit("rollback:production", *args, check=True)
    (release,) = {project.current(host) for host in project.hosts}
    assert release
    return release


def snapshot_trees(project: Project) -> dict[str, object]:
    """Return everything on the hosts except .capdoit: names, kinds, contents, times."""
    seen: dict[str, object] = {}
    for host in project.hosts:
        tree = project.deploy_to(host)
        for path in sorted(tree.rglob("*")):
            if ".capdoit" in path.parts:
                continue
            what = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else ""
            seen[str(path)] = (what, path.lstat().st_mtime_ns)
    return seen


@pytest.mark.ssh
def test_three_ssh_hosts_go_back_and_archive_the_release_they_left(ssh_project: Project) -> None:
    first, second = deploy(ssh_project), deploy(ssh_project)
    done = ssh_project.doit("rollback:production", check=True)
    assert f"{first} (" in done.out
    for host in ssh_project.hosts:
        tree = ssh_project.deploy_to(host)
        assert os.readlink(tree / "current") == f"{tree}/releases/{first}"
        assert ssh_project.releases(host) == [first]
        assert (tree / "revisions.log").read_text().splitlines()[2:] == [f"tester rolled back to release {first}"]
        assert (tree / ".capdoit/lock").read_text().strip() == ""
        with tarfile.open(tree / f"rolled-back-release-{second}.tar.gz") as archive:
            member = archive.getmember(f"{str(tree)[1:]}/releases/{second}/log")
            assert member.linkname == f"{tree}/shared/log"
            text = archive.extractfile(f"{str(tree)[1:]}/releases/{second}/app.txt")
            assert text
            assert text.read() == b"first\n"


def test_a_second_rollback_goes_one_further_back_and_a_third_is_refused(project: Project) -> None:
    first, second, third = [deploy(project) for _ in range(3)]
    assert roll_back(project) == second
    assert roll_back(project) == first
    before = snapshot_trees(project)
    done = project.doit("rollback:production").failed()
    assert "no older releases to roll back to" in done.out
    assert f"{second} (archived)" in done.out
    assert f"{third} (archived)" in done.out
    assert "doit rollback:production rollback_release=" in done.out
    assert "Traceback" not in done.out
    assert snapshot_trees(project) == before


def test_a_rollback_to_a_named_release_makes_the_skipped_ones_bad(project: Project) -> None:
    first, second, third, fourth = make_history(project, 4)
    assert roll_back(project, f"rollback_release={second}") == second
    assert project.releases("web1") == [first, second, third]
    fifth = deploy(project)
    assert fifth > fourth
    assert roll_back(project) == second
    assert roll_back(project) == first


@pytest.mark.extended("detail")
def test_a_skipped_release_can_be_named_as_target(project: Project) -> None:
    first, second, _ = make_history(project, 3)
    roll_back(project, f"rollback_release={first}")
    assert roll_back(project, f"rollback_release={second}") == second


@pytest.mark.extended("detail")
def test_an_archived_release_can_be_rolled_forward_to(project: Project, git_repo: GitRepo) -> None:
    first = deploy(project)
    sha = git_repo.commit({"app.txt": "second\n"})
    second = deploy(project)
    assert roll_back(project) == first
    assert roll_back(project, f"rollback_release={second}") == second
    for host in project.hosts:
        current = project.deploy_to(host) / "current"
        assert (current / "app.txt").read_text() == "second\n"
        assert (current / "REVISION").read_text() == f"{sha}\n"
        assert os.readlink(current / "log") == f"{project.shared(host)}/log"


@pytest.mark.extended("detail")
def test_a_release_archived_on_one_host_only_is_unpacked_there(project: Project) -> None:
    first, second = make_history(project, 2)
    project.doit("rollback:production", "hosts=web1", check=True)
    assert (project.current("web1"), project.current("web2")) == (first, second)
    assert roll_back(project, f"rollback_release={second}") == second


def test_a_target_that_is_already_live_is_refused(project: Project) -> None:
    _, second = make_history(project, 2)
    before = snapshot_trees(project)
    done = project.doit("rollback:production", f"rollback_release={second}").failed()
    assert f"{second} is already live on all hosts" in done.out
    assert snapshot_trees(project) == before


def test_hosts_without_a_common_target_are_unchanged_and_listed(project: Project) -> None:
    first, second, third = make_history(project, 3)
    shutil.rmtree(project.deploy_to("web2") / "releases" / second)
    before = snapshot_trees(project)
    done = project.doit("rollback:production").failed()
    rows = [line.split() for line in done.out.splitlines()]
    assert [third, second] == next(row[1:3] for row in rows if row[:2] == ["web1", third] and len(row) > 2)
    assert [third, first] == next(row[1:3] for row in rows if row[:2] == ["web2", third] and len(row) > 2)
    assert f"doit rollback:production rollback_release={first}" in done.out
    assert snapshot_trees(project) == before


def test_a_release_that_one_host_lacks_is_refused_for_all(project: Project) -> None:
    first, _ = make_history(project, 2)
    shutil.rmtree(project.deploy_to("web2") / "releases" / first)
    before = snapshot_trees(project)
    done = project.doit("rollback:production", f"rollback_release={first}").failed()
    assert f"not every host can go to {first}" in done.out
    assert "no: it is not there" in done.out
    assert snapshot_trees(project) == before


def test_a_release_of_two_revisions_is_refused(project: Project) -> None:
    first, _ = make_history(project, 2)
    (project.deploy_to("web2") / "releases" / first / "REVISION").write_text("f" * 40 + "\n")
    before = snapshot_trees(project)
    done = project.doit("rollback:production").failed()
    assert "has different revisions on the hosts" in done.out
    assert snapshot_trees(project) == before


@pytest.mark.parametrize("wanted", ["20200101000000", *further("latest", "../../etc", "-f", "")])
def test_a_release_that_no_host_has_is_refused(project: Project, wanted: str) -> None:
    deploy(project)
    before = snapshot_trees(project)
    done = project.doit("rollback:production", f"rollback_release={wanted}")
    assert done.code != 0
    assert f"no host has a release {wanted}" in done.out or "rollback_release= is empty" in done.out
    assert "Traceback" not in done.out
    assert snapshot_trees(project) == before


@pytest.mark.extended("detail")
def test_a_misspelled_release_gets_a_suggestion(project: Project) -> None:
    first, _ = make_history(project, 2)
    done = project.doit("rollback:production", f"rollback_release={first[:-1]}").failed()
    assert f"no host has a release {first[:-1]}" in done.out
    assert "did you mean" in done.out.lower()


def test_a_rollback_with_only_one_release_is_refused(project: Project) -> None:
    release = deploy(project)
    done = project.doit("rollback:production").failed()
    assert "no older releases to roll back to" in done.out
    assert "doit deploy:production" in done.out
    assert project.current("web1") == release


@pytest.mark.extended("detail")
def test_a_rollback_before_the_first_deploy_touches_nothing(make_project: MakeProject) -> None:
    project = make_project(linked_files_exist=False)
    done = project.doit("rollback:production").failed()
    assert "web1: " in done.out
    assert "web2: " in done.out
    assert "Traceback" not in done.out
    assert not (project.path / "hosts").exists()


def test_a_rollback_needs_neither_git_server_nor_new_linked_files(project: Project, git_repo: GitRepo) -> None:
    first, _ = deploy(project), deploy(project)
    git_repo.path.rename(git_repo.path.with_name("gone"))
    for host in project.hosts:
        shutil.rmtree(project.deploy_to(host) / "repo")
    project.config(linked_files=["config/new.yml"], linked_dirs=["new"])
    assert roll_back(project) == first
    assert not (project.shared("web1") / "new").exists()


@pytest.mark.extended("detail")
def test_a_rollback_with_the_archive_transfer_needs_no_archive(make_project: MakeProject) -> None:
    project = make_project(repo_url=None, branch=None, archive="shop.tar.gz")
    (project.path / "app.txt").write_text("x")
    with tarfile.open(project.path / "shop.tar.gz", "w:gz") as tar:
        tar.add(project.path / "app.txt", "app.txt")
    first, _ = deploy(project), deploy(project)
    (project.path / "shop.tar.gz").unlink()
    assert roll_back(project) == first


@pytest.mark.extended("detail")
def test_a_release_whose_deploy_failed_is_not_a_target(project: Project) -> None:
    (first,) = make_history(project, 1)
    write_command_hook(project, "after('updated')", "false")
    project.doit("deploy:production").failed()
    project.dodo(DODO)
    deploy(project)
    assert roll_back(project) == first


@pytest.mark.extended("detail")
def test_a_release_without_revision_is_not_a_target(project: Project) -> None:
    first, second, _ = make_history(project, 3)
    for host in project.hosts:
        (project.deploy_to(host) / "releases" / second / "REVISION").unlink()
    assert roll_back(project) == first


def test_a_rollback_starts_from_a_current_symlink_changed_by_hand(project: Project) -> None:
    first, second, third = make_history(project, 3)
    for host in project.hosts:
        link = project.deploy_to(host) / "current"
        link.unlink()
        link.symlink_to(project.deploy_to(host) / "releases" / second)
    assert roll_back(project) == first
    assert third in project.releases("web1")


def test_a_dangling_current_symlink_is_repaired(project: Project) -> None:
    first, second = make_history(project, 2)
    for host in project.hosts:
        shutil.rmtree(project.deploy_to(host) / "releases" / second)
    assert roll_back(project) == first


def test_current_is_switched_before_the_archive_is_created(project: Project) -> None:
    first, second = make_history(project, 2)
    write_hooks(
        project,
        """
        @cap.after('published')
        def look(host):
            host.run('readlink current; ls', cwd=host.deploy_to)
        """,
    )
    done = project.doit("rollback:production", check=True)
    assert f"web1 | {project.deploy_to('web1')}/releases/{first}" in done.out
    assert "rolled-back-release" not in done.out
    assert (project.deploy_to("web1") / f"rolled-back-release-{second}.tar.gz").exists()


def test_an_archive_that_cannot_be_created_is_a_warning(project: Project) -> None:
    first, second = make_history(project, 2)
    folder = project.path / "tools"
    folder.mkdir()
    (folder / "tar").write_text("#!/bin/sh\necho no space left >&2; exit 2\n")
    (folder / "tar").chmod(0o755)
    project.config(default_env={"PATH": f"{folder}:{os.environ['PATH']}"})
    done = project.doit("rollback:production", check=True)
    assert "warning: web1" in done.out
    assert "no space left" in done.out
    assert project.current("web1") == project.current("web2") == first
    assert project.releases("web1") == [first, second]


@pytest.mark.parametrize(
    ("task", "variable"), [("rollback", "branch=main"), *further(("deploy", "rollback_release=20200101000000"))]
)
def test_a_variable_of_the_other_flow_is_refused(make_project: MakeProject, task: str, variable: str) -> None:
    project = make_project(linked_files_exist=False)
    done = project.doit(f"{task}:production", variable)
    assert done.code != 0
    assert "has no effect on a" in done.out
    assert "Traceback" not in done.out
    assert not (project.path / "hosts").exists()


@pytest.mark.parametrize(
    "args", [("deploy:rollback", "ROLLBACK_RELEASE={}"), *further((("rollback", "rollback_release={}"),))]
)
def test_other_spellings_of_the_task_roll_back(project: Project, args: tuple[str, str]) -> None:
    first, _, _ = make_history(project, 3)
    project.doit(args[0], args[1].format(first), check=True)
    assert project.current("web1") == project.current("web2") == first


@pytest.mark.extended("detail")
def test_the_environment_variable_names_the_target(project: Project) -> None:
    first, _, _ = make_history(project, 3)
    project.doit("rollback:production", env={"ROLLBACK_RELEASE": first}, check=True)
    assert project.current("web1") == first


@pytest.mark.extended("detail")
def test_an_unpacked_release_has_the_modification_time_of_its_name(project: Project) -> None:
    names = make_history(project, 3)
    roll_back(project)
    roll_back(project, f"rollback_release={names[2]}")
    places: list[Path] = [project.deploy_to("web1") / "releases" / name for name in project.releases("web1")]
    assert len(places) > 1
    assert sorted(places, key=lambda place: place.stat().st_mtime) == places


@pytest.mark.extended("detail")
def test_after_rolling_forward_a_rollback_goes_to_the_release_live_before(project: Project) -> None:
    _, second, third = make_history(project, 3)
    assert roll_back(project) == second
    assert roll_back(project, f"rollback_release={third}") == third
    assert roll_back(project) == second


@pytest.mark.extended("detail")
def test_a_release_whose_deploy_failed_after_publish_is_skipped(project: Project, git_repo: GitRepo) -> None:
    good = str(project.doit("deploy:production", check=True) and project.current("web1"))
    write_command_hook(project, "after('published')", "exit 4")
    git_repo.commit({"app.txt": "second\n"})
    project.doit("deploy:production").failed(1)
    failed = str(project.current("web1"))
    project.dodo(DODO)
    git_repo.commit({"app.txt": "third\n"})
    project.doit("deploy:production", check=True)
    project.doit("rollback:production", check=True)

    assert failed != good
    assert {project.current(host) for host in project.hosts} == {good}
    project.doit(
        "rollback:production", f"rollback_release={failed}", check=True
    )  # it is still accepted when it is named
    assert {project.current(host) for host in project.hosts} == {failed}


FAILS_LATE = (
    DODO
    + """
@cap.after('published', flows=('deploy',))
def boom(host):
    host.run('false')
"""
)


@pytest.mark.extended("detail")
@pytest.mark.parametrize("said", [(), *further((("message=" + "пакет " * 1000,),))], ids=["", "with a long message"])
def test_cleanup_keeps_the_good_release_when_the_previous_deploy_failed(
    project: Project, said: tuple[str, ...]
) -> None:
    project.config(keep_releases=2)
    good = deploy(project)
    project.dodo(FAILS_LATE)
    project.doit("deploy:production", *said).failed()
    project.dodo(DODO)
    deploy(project)
    assert roll_back(project) == good


@pytest.mark.extended("detail")
def test_cleanup_keeps_the_common_target_when_some_hosts_had_more_deploys(project: Project) -> None:
    project.config(keep_releases=2)
    good = deploy(project)
    for number in range(3):
        project.repo.commit({"app.txt": f"{number}\n"})
        project.doit("deploy:production", "hosts=web1", check=True)
    deploy(project)
    project.doit("rollback:production").failed()
    assert roll_back(project, f"rollback_release={good}") == good


@pytest.mark.extended("detail")
def test_a_current_symlink_with_the_resolved_path_is_recognized(make_project: MakeProject, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "alias").symlink_to(tmp_path / "real")
    project = make_project(1)
    project.hosts["web1"]["deploy_to"] = str(tmp_path / "alias/shop")
    project.config(linked_files=[])
    first, second = deploy(project), deploy(project)
    current = tmp_path / "alias/shop/current"
    current.unlink()
    current.symlink_to(tmp_path / "real/shop/releases" / second)
    assert "The hosts differ" not in project.doit("cap", "status", check=True).out
    assert roll_back(project) == first


CHANGES = (
    DODO
    + """
@cap.after("reverted")
def change(host, release):
    host.run("echo more >>app.txt", cwd=release.path)

@cap.after("{step}", flows=("rollback",))
def fail(host):
    host.run("false")
"""
)


@pytest.mark.extended("detail")
@pytest.mark.parametrize("step", ["reverted", *further("published")])
def test_a_rollback_that_failed_after_its_hooks_changed_files_can_be_repeated(project: Project, step: str) -> None:
    first, second = deploy(project), deploy(project)
    project.dodo(CHANGES.format(step=step))
    project.doit("rollback:production").failed(1)
    project.dodo(CHANGES.format(step=step).replace("false", "true"))
    if step == "reverted":
        assert roll_back(project) == first
    assert project.current("web1") == project.current("web2") == first
    assert roll_back(project, f"rollback_release={second}") == second
    assert roll_back(project) == first


@pytest.mark.extended("detail")
def test_changes_by_hooks_of_a_live_release_are_not_damage(project: Project) -> None:
    write_hooks(
        project,
        """
        @cap.after('published', flows=('deploy',))
        def change(host, release):
            host.run('echo more >>app.txt', cwd=release.path)
        """,
    )
    first = deploy(project)
    project.doit("cap", "verify", check=True)
    project.doit("run", "-s", "deploy:production:change", check=True)
    project.doit("cap", "verify", check=True)
    deploy(project)
    assert roll_back(project) == first


@pytest.mark.extended("detail")
def test_damage_in_hard_linked_files_stays_damage_after_one_release_is_removed(project: Project) -> None:
    shared = dedent("""
        @cap.before('updated', flows=('deploy',))
        def link(host, release):
            old = release.previous_path
            host.run(f'cp -al {old}/vendor .' if old else 'mkdir vendor; echo lib >vendor/lib', cwd=release.path)
        @cap.after('published')
        def restart(host):
            host.run('true')
        """)
    project.dodo(DODO + shared)
    first, _ = deploy(project), deploy(project)
    (project.deploy_to("web1") / f"releases/{first}/vendor/lib").write_text("bad\n")  # as long as before
    assert "changed vendor/lib: contents" in project.doit("cap", "verify", first).failed(3).out
    assert roll_back(project) == first
    assert "changed vendor/lib: contents" in project.doit("cap", "verify", first).failed(3).out


@pytest.mark.extended("detail")
def test_changes_by_a_hook_after_finished_are_not_damage_and_its_warning_is_in_status(
    project: Project,
) -> None:
    write_hooks(
        project,
        """
        @cap.after('finished')
        def change(host, release):
            host.run('echo more >>app.txt', cwd=release.path)
        @cap.after('finished', once=True)
        def tell(flow):
            flow.warn('nobody was told')
        """,
    )
    first = deploy(project)
    project.doit("cap", "verify", check=True)
    assert f"the deploy to {first} finished, but: nobody was told" in project.doit("cap", "status", check=True).out
    deploy(project)
    assert roll_back(project) == first
    assert f"the rollback to {first} finished, but: nobody was told" in project.doit("cap", "status", check=True).out
    assert not find_violations(project, may_be_empty=False)


@pytest.mark.extended("detail")
def test_a_rollback_works_from_a_current_symlink_with_another_path(project: Project) -> None:
    first, second = deploy(project), deploy(project)
    (project.path / "alias").symlink_to(project.deploy_to("web1").parent)
    for host in project.hosts:
        link = project.deploy_to(host) / "current"
        link.unlink()
        link.symlink_to(project.path / "alias" / project.deploy_to(host).name / "releases" / second)
    assert f"A rollback goes to {first}" in project.doit("cap", "status", check=True).out
    assert roll_back(project) == first


@pytest.mark.extended("detail")
def test_the_advised_command_selects_the_same_hosts(project: Project) -> None:
    first = deploy(project)
    write_command_hook(project, "after('published')", "exit 5")
    done = project.doit("deploy:production", "hosts=web1").failed()
    back = f"doit rollback:production hosts=web1 rollback_release={first}"
    assert f"To go back: {back}\n" in done.out
    project.dodo(DODO)
    project.doit(*back.split()[1:], check=True)
    assert project.current("web1") == first
    none = project.doit("rollback:production", "hosts=web2").failed()
    assert "doit deploy:production hosts=web2" in none.out


@pytest.mark.extended("detail")
def test_a_refused_dry_run_advises_a_dry_run(project: Project) -> None:
    deploy(project)
    done = project.doit("deploy:production", "dry_run=yes", "branch=nowhere").failed()
    assert "commit that exists: doit deploy:production branch=NAME dry_run=yes\n" in done.out


@pytest.mark.extended("detail")
def test_an_archive_is_removed_once_its_release_is_unpacked(project: Project) -> None:
    project.config(keep_releases=1)
    write_command_hook(project, "after('reverted')", "touch made", in_release=True)
    first, second = deploy(project), deploy(project)
    assert roll_back(project) == first
    assert roll_back(project, f"rollback_release={second}") == second
    assert not list(project.deploy_to("web1").glob("rolled-back-release-*"))
    assert roll_back(project) == first
    assert roll_back(project, f"rollback_release={second}") == second
