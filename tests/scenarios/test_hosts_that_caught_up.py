"""A host that missed a deploy gets the same revision later, so its release has another name than on the other hosts."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest

from capdoit.testing import Project, SshdFleet
from capdoit.testing.invariants import find_violations
from tests.support import MakeProject, deploy, unwrap, verify_release, wait_for, write_command_hook, write_hooks


def commit(project: Project, text: str) -> str:
    return project.repo.commit({"app.txt": f"{text}\n"})


def deploy_to(project: Project, *hosts: str) -> str:
    project.doit("deploy:production", f"hosts={','.join(hosts)}", check=True)
    release = project.current(hosts[0])
    assert release
    wait_for(5, lambda: f"{datetime.now(timezone.utc):%Y%m%d%H%M%S}" > release)  # the next name is another second
    return release


def split_fleet(project: Project) -> tuple[str, str, str]:
    """Bring one revision to web1 and web2 as different releases; return the release before and these two."""
    first = deploy(project)
    commit(project, "second")
    return first, deploy_to(project, "web1"), deploy_to(project, "web2")


def look(project: Project, code: int = 0) -> dict[str, Any]:
    found = json.loads(project.doit("cap", "status", "--json").failed(code).out)
    assert isinstance(found, dict)
    return found


@pytest.mark.extended("detail")
@pytest.mark.ssh
def test_after_a_catch_up_a_rollback_goes_back_to_one_revision_of_two_names(
    ssh_project: Project, sshds: SshdFleet
) -> None:
    ssh_project.config(max_failures=1)
    deploy(ssh_project)
    commit(ssh_project, "second")
    sshds.stop("web2")
    try:
        ssh_project.doit("deploy:production", check=True)
    finally:
        sshds.start("web2")
    assert "web2: release" in ssh_project.doit("cap", "status").failed(3).out
    ssh_project.doit("deploy:production", "hosts=web2", check=True)
    second, caught_up = ssh_project.current("web1"), ssh_project.current("web2")
    assert second != caught_up
    found = look(ssh_project)
    assert (found["agree"], found["differences"], found["unfinished"]) == (True, [], [])

    commit(ssh_project, "third")
    deploy(ssh_project)
    assert look(ssh_project)["rollback"] == caught_up
    said = ssh_project.doit("rollback:production", check=True).out
    assert f"{second} (" in said
    assert f"is live on web1, web3; {caught_up} (" in said
    assert [ssh_project.current(host) for host in ssh_project.hosts] == [second, caught_up, second]
    assert [text.split(":")[0] for text in find_violations(ssh_project, may_be_empty=False)] == ["the hosts disagree"]
    for host in ssh_project.hosts:
        log = (ssh_project.deploy_to(host) / "revisions.log").read_text().splitlines()
        assert log[-1].endswith(f"rolled back to release {ssh_project.current(host)}")
    assert look(ssh_project)["agree"] is True


@pytest.mark.extended("detail")
def test_hooks_of_such_a_rollback_get_the_release_of_their_host(project: Project) -> None:
    _, second, caught_up = split_fleet(project)
    commit(project, "third")
    deploy(project)
    write_hooks(
        project,
        """
        @cap.after("published", flows="rollback")
        def tell(host, release):
            host.run(["test", "-d", release.path])
            host.run(["echo", f"{host.name} has {release.name}"])
        """,
    )
    said = project.doit("rollback:production", check=True).out
    assert f"web1 has {second}" in said
    assert f"web2 has {caught_up}" in said


@pytest.mark.extended("detail")
def test_a_rollback_to_a_named_release_accepts_its_revision_on_the_other_host(project: Project) -> None:
    _, second, caught_up = split_fleet(project)
    for text in ("third", "fourth"):
        commit(project, text)
        deploy(project)
    project.doit("rollback:production", f"rollback_release={second}", check=True)
    assert [project.current(host) for host in project.hosts] == [second, caught_up]
    done = project.doit("rollback:production", f"rollback_release={caught_up}").failed()
    assert f"{caught_up} is already live on all hosts" in done.out


@pytest.mark.extended("detail")
def test_dry_run_plan_and_drill_know_the_names_of_each_host(project: Project) -> None:
    _, second, caught_up = split_fleet(project)
    commit(project, "third")
    third = deploy(project)
    said = unwrap(project.doit("rollback:production", "plan=plan.json", check=True).out)
    assert f"current changes from {third} to {second} on web1" in said
    assert f"current changes from {third} to {caught_up} on web2" in said
    both = f"{second} on web1; {caught_up} on web2"
    assert f"commits {both} is" in said
    said = project.doit("drill:production", check=True).out
    assert f"a rollback to {both} works" in said
    drilled = [host["drilled"]["release"] for host in look(project)["hosts"]]
    assert drilled == [second, caught_up]
    project.doit("rollback:production", "apply=plan.json", check=True)
    assert [project.current(host) for host in project.hosts] == [second, caught_up]
    for host in project.hosts:
        assert (project.deploy_to(host) / f"rolled-back-release-{third}.tar.gz").exists()


@pytest.mark.extended("detail")
def test_a_drill_after_a_deploy_names_both_releases(project: Project) -> None:
    _, second, caught_up = split_fleet(project)
    commit(project, "third")
    project.config(drill="after_deploy")
    said = project.doit("deploy:production", check=True).out
    assert f"a rollback would go to {second} on web1; {caught_up} on web2, which is complete on every host" in said


@pytest.mark.extended("detail")
def test_each_host_verifies_its_own_live_release(project: Project) -> None:
    _, second, caught_up = split_fleet(project)
    said = project.doit("cap", "verify", check=True).out
    assert f"Release {second} on web1; {caught_up} on web2, compared with what was shipped" in said
    assert "web1: as shipped" in said
    found = verify_release(project)
    assert (found["release"], found["well"]) == (caught_up, True)
    assert found["releases"] == {"web1": second, "web2": caught_up}
    (project.deploy_to("web1") / "releases" / second / "app.txt").write_text("other\n")
    found = verify_release(project, code=3)
    assert [[change["path"] for change in host["changes"]] for host in found["hosts"]] == [["app.txt"], []]


@pytest.mark.extended("detail")
def test_a_release_that_is_named_is_verified_under_this_name_only(project: Project) -> None:
    _, second, caught_up = split_fleet(project)
    found = verify_release(project, caught_up, code=3)
    assert found["releases"] == {"web1": caught_up, "web2": caught_up}
    assert [host.get("state") for host in found["hosts"]] == ["missing", None]
    assert second not in project.doit("cap", "verify", caught_up).failed(3).out


@pytest.mark.extended("detail")
def test_an_automatic_rollback_goes_back_to_both_names(project: Project) -> None:
    _, second, caught_up = split_fleet(project)
    commit(project, "third")
    project.config(on_failure="rollback")
    write_command_hook(project, "after('published', flows='deploy')", "exit 4")
    said = project.doit("deploy:production").failed().out
    assert f"It was rolled back (on_failure): {second} is live on web1; {caught_up} is live on web2" in said
    assert [project.current(host) for host in project.hosts] == [second, caught_up]


def test_history_shows_both_names_of_such_a_rollback(project: Project) -> None:
    _, second, caught_up = split_fleet(project)
    commit(project, "third")
    deploy(project)
    project.doit("rollback:production", check=True)
    assert f"{second} on web1; {caught_up} on web2" in project.doit("cap", "history", check=True).out
    newest = json.loads(project.doit("cap", "history", "--json", check=True).out)["history"][0]
    assert newest["releases"] == {"web1": second, "web2": caught_up}


@pytest.mark.extended("detail")
def test_a_single_hook_works_on_the_live_revision_of_both_names(project: Project) -> None:
    _, second, caught_up = split_fleet(project)
    write_hooks(
        project,
        """
        @cap.after("published")
        def tell(host, release):
            host.run(["echo", f"{host.name} has {release.name}"])
        """,
    )
    said = project.doit("run", "-s", "deploy:production:tell", check=True).out
    assert f"web1 has {second}" in said
    assert f"web2 has {caught_up}" in said


@pytest.mark.extended("detail")
def test_different_revisions_are_still_refused_and_status_names_the_release_that_works(project: Project) -> None:
    first = deploy(project)
    commit(project, "second")
    deploy_to(project, "web1")
    commit(project, "third")
    deploy(project)
    done = project.doit("rollback:production").failed()
    assert "the hosts would go back to different releases" in done.out
    said = project.doit("cap", "status").failed(3).out
    assert f"doit rollback:production rollback_release={first}" in said
    project.doit("rollback:production", f"rollback_release={first}", check=True)


@pytest.mark.extended("detail")
def test_a_host_without_the_revision_makes_the_fleet_differ(make_project: MakeProject) -> None:
    project = make_project(3)
    first = deploy(project)
    commit(project, "second")
    second = deploy_to(project, "web1")
    caught_up = deploy_to(project, "web2")
    said = project.doit("cap", "status").failed(3).out
    assert f"{second} is live on web1; {caught_up} is live on web2; {first} is live on web3" in said
