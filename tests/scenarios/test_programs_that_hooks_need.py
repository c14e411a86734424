"""Programs that hooks need: a host without one is refused at the beginning, and a deploy that would work never is."""

from __future__ import annotations

import subprocess
import sys

import pytest

from capdoit.testing import Project
from tests.support import WITHOUT_ROOT_RIGHTS, further, make_path_without, unwrap, write_hooks, write_recipe

NEED = "systemctl-of-nobody is not on the PATH; recipe acme needs it"
RECIPE = """
app = Recipe("acme")

@app.after("published", tools="systemctl-of-nobody")
def restart(host):
    host.run("systemctl-of-nobody restart shop")
"""
INSTALL = """
@cap.{point}
def provision(host):
    host.run('printf "#!/bin/sh\\n" >bin/systemctl-of-nobody && chmod +x bin/*', cwd="{folder}")
"""


def make_hosts_alike(project: Project, path: str) -> None:
    for host in project.hosts.values():
        host["default_env"] = {"PATH": path}
    project.config(recipes=project.settings.get("recipes"))


@pytest.mark.parametrize("task", ["check:production", "deploy:production", *further("deploy:production dry_run=yes")])
def test_a_missing_program_is_one_line_with_its_hosts_before_anything_is_touched(project: Project, task: str) -> None:
    write_recipe(project, "acme", RECIPE)
    said = project.doit(*task.split()).failed().out
    assert f"web1, web2: {NEED}" in unwrap(said)
    assert said.count(NEED) == 1
    assert project.releases("web1") == []


def test_a_program_is_looked_for_where_hooks_look_for_it(project: Project) -> None:
    path = make_path_without(project.path / "tools", "sort")  # capdoit's own scripts have the PATH of the login, too
    project.hosts["web2"]["default_env"] = {"PATH": path}
    project.config(recipes={"composer": {"command": ["sort", "composer.phar"]}})
    said = unwrap(project.doit("deploy:production").failed().out)
    assert "web2: sort is not on the PATH; recipe composer needs it" in said
    assert "web1: sort" not in said


def test_a_path_that_does_not_exist_is_not_looked_for_on_the_path(project: Project) -> None:
    write_recipe(project, "acme", RECIPE.replace("systemctl-of-nobody", "/no/such/program"))
    said = unwrap(project.doit("check:production").failed().out)
    assert "web1, web2: /no/such/program does not exist; recipe acme needs it" in said


OMISSION = "skip=composer.install,warm"


@pytest.mark.parametrize(
    ("task", "advice"),
    [
        ("deploy:production", f"doit deploy:production {OMISSION} message=x"),
        *further(
            ("deploy:production dry_run=yes", f"doit deploy:production {OMISSION} message=x dry_run=yes"),
            ("check:production", OMISSION),
        ),
    ],
)
def test_the_option_that_names_a_missing_program_and_the_hook_to_omit_are_named(
    project: Project, task: str, advice: str
) -> None:
    write_hooks(
        project,
        """
        @cap.after("published", tools="warm-of-nobody")
        def warm(host):
            host.run("warm-of-nobody")
        """,
    )
    project.config(recipes={"composer": {"command": ["no-composer", "-n"]}})
    out = project.doit(*task.split(), "message=x").failed().out
    needed = "no-composer is not on the PATH; recipe composer needs it; install it, or set its option command"
    assert f"web1, web2: {needed}" in unwrap(out)
    assert "web1, web2: warm-of-nobody is not on the PATH; warm (dodo.py:" in unwrap(out)
    assert f"To omit composer.install and warm this time: {advice}\n" in out
    project.doit(*task.split(), OMISSION, check=True)


def test_no_hook_is_to_be_omitted_if_others_would_fail_without_the_program(project: Project) -> None:
    project.config(recipes={"symfony": {"php": "no-such-php"}})
    said = unwrap(project.doit("deploy:production").failed().out)
    assert "recipe symfony needs it; install it, or set its option php" in said
    assert "To omit" not in said
    assert "Once fixed, run: doit deploy:production" in said


@pytest.mark.parametrize("command", [["./composer"], ["bin/composer"]])
def test_a_program_of_the_release_is_not_looked_for(project: Project, command: list[str]) -> None:
    project.config(recipes={"composer": {"command": command}})
    project.doit("check:production", check=True)


def test_a_program_that_a_hook_of_the_project_may_install_is_a_warning_of_checks_only(project: Project) -> None:
    folder = project.path / "installed"
    (folder / "bin").mkdir(parents=True)
    write_recipe(project, "acme", RECIPE)
    make_hosts_alike(project, f"{folder}/bin:$PATH")
    write_hooks(project, INSTALL.format(point='after("started")', folder=folder))
    said = unwrap(project.doit("check:production", check=True).out)
    assert f"web1, web2: {NEED}, unless it is installed by provision (dodo.py:" in said
    assert NEED in unwrap(project.doit("deploy:production", "dry_run=yes", check=True).out)
    assert NEED not in unwrap(project.doit("deploy:production", check=True).out)


def test_a_hook_before_starting_has_installed_the_program_when_the_deploy_looks(project: Project) -> None:
    folder = project.path / "installed"
    (folder / "bin").mkdir(parents=True)
    write_recipe(project, "acme", RECIPE)
    make_hosts_alike(project, f"{folder}/bin:$PATH")
    write_hooks(project, INSTALL.format(point='before("starting")', folder=folder))
    project.doit("deploy:production", check=True)


def test_variables_of_the_release_may_lead_to_a_program(project: Project) -> None:
    write_recipe(
        project,
        "acme",
        """
app = Recipe("acme")

@app.environment(not_provided="setfacl*")
def choose(host, release):
    return {"PATH": f"{release.path}/bin"}

@app.before("publishing", tools=["of-the-release", "setfacl-of-nobody"])
def build(host):
    pass
""",
    )
    said = unwrap(project.doit("check:production").failed().out)
    assert "setfacl-of-nobody is not on the PATH" in said
    assert "of-the-release is" not in said


@pytest.mark.parametrize("path", ["bin:$PATH", ":$PATH"])
def test_a_relative_directory_in_path_may_have_every_program(project: Project, path: str) -> None:
    write_recipe(project, "acme", RECIPE)
    make_hosts_alike(project, path)
    project.repo.commit({"bin/systemctl-of-nobody": "#!/bin/sh\n", "systemctl-of-nobody": "#!/bin/sh\n"})
    project.doit("check:production", check=True)


@pytest.mark.parametrize("place", ["current/bin", *further("shared/bin")])
def test_a_directory_below_deploy_to_in_path_may_have_every_program(project: Project, place: str) -> None:
    write_recipe(project, "acme", RECIPE)
    for name, host in project.hosts.items():
        host["default_env"] = {"PATH": f"{project.deploy_to(name)}/{place}:$PATH"}
    project.config(recipes=project.settings.get("recipes"))
    project.doit("check:production", check=True)


@pytest.mark.parametrize("name", ["systemctl-of-nobody", *further("{folder}/systemctl-of-nobody")])
def test_a_symlink_into_current_leads_to_a_program_once_a_release_is_live(project: Project, name: str) -> None:
    folder = project.path / "installed"
    folder.mkdir()
    del project.hosts["web2"]
    (folder / "systemctl-of-nobody").symlink_to(project.deploy_to("web1") / "current/bin/tool")
    write_recipe(project, "acme", RECIPE.replace("systemctl-of-nobody", name.format(folder=folder)))
    make_hosts_alike(project, f"{folder}:$PATH")
    project.repo.commit({"bin/tool": "#!/bin/sh\n"})
    project.doit("deploy:production", check=True)


def test_what_another_user_may_run_through_sudo_is_not_missing(project: Project) -> None:
    private = project.path / "private"
    private.mkdir()
    write_hooks(
        project,
        f"""
        @cap.after("published", tools=["{private}/app", "chroot"])
        def reload(host):
            host.run("{private}/app reload && chroot --version", user="root")
        """,
    )
    make_hosts_alike(project, "/usr/bin:/bin")  # chroot is in /usr/sbin, which is on the PATH of sudo
    private.chmod(0)
    command = [*WITHOUT_ROOT_RIGHTS, sys.executable, "-m", "doit", "check:production"]
    done = subprocess.run(command, cwd=project.path, capture_output=True, text=True, check=False)
    private.chmod(0o700)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_rollback_and_a_deploy_without_the_hook_are_not_refused(project: Project) -> None:
    for _ in range(2):
        project.doit("deploy:production", check=True)
    write_recipe(project, "acme", RECIPE)
    project.doit("deploy:production", "skip=acme.restart", check=True)
    project.doit("rollback:production", "skip=acme.restart", check=True)


def test_a_missing_manager_of_versions_is_named(project: Project) -> None:
    project.config(recipes={"runtime": {"managers": ["rbenv"], "directories": {"rbenv": "/no/such/rbenv"}}})
    said = unwrap(project.doit("check:production").failed().out)
    assert "web1, web2: rbenv is not installed: there is no /no/such/rbenv; recipe runtime needs it" in said
    project.config(recipes={"runtime": {"managers": ["rbenv"], "directories": {"rbenv": "/"}}, "bundler": {}})
    project.doit("check:production", check=True)
