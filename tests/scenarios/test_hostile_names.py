"""Names that a shell would interpret: the result is exact, and nothing in a name is executed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from capdoit.testing import GitRepo, Project
from tests.support import MakeProject, choose_ordinary, write_hooks

BAIT = "$(touch pwned)`touch pwned`;touch pwned"
NAMES = {
    "spaces": " a  b",
    "quotes": 'it\'s "x"',
    "command": BAIT,
    "newline": "a\nb",
    "dash": "-rf",
    "non-ascii": "großer Käse ☃",
    "glob": "*?[a]",
    "backslash": "a\\nb\\",
}
# What git takes for a branch has no spaces, and no : ? * [ \ or control characters.
BRANCHES = {
    "quotes": 'it\'s"x"',
    "command": "$(touch${IFS}pwned)`touch${IFS}pwned`;touch${IFS}pwned",
    "non-ascii": "größer/☃",
    "ampersand": "a&b|c<d>e#f!g",
    "dash": "x/-rf",
}


def each_name(names: dict[str, str], *ordinary: str) -> pytest.MarkDecorator:
    """Run a test with each of these names; those that are not ordinary are variants."""
    chosen = [names[name] for name in ordinary]
    return pytest.mark.parametrize("name", choose_ordinary(names.values(), *chosen), ids=list(names))


@pytest.fixture(autouse=True)
def _nothing_is_executed(tmp_path: Path) -> Iterator[None]:
    yield
    assert not list(tmp_path.rglob("pwned"))
    assert not Path("pwned").exists()
    assert not Path.home().joinpath("pwned").exists()


def log(project: Project, host: str) -> list[str]:
    return (project.deploy_to(host) / "revisions.log").read_text().splitlines()


@pytest.mark.extended("variant")
def test_branches_with_hostile_names_are_deployed(project: Project, git_repo: GitRepo) -> None:
    for number, name in enumerate(BRANCHES.values(), 1):
        git_repo.git("checkout", "--quiet", "-b", name)
        sha = git_repo.commit({"app.txt": name})
        project.doit("deploy:production", f"branch={name}", check=True)
        assert (project.deploy_to("web2") / "current/app.txt").read_text() == name
        release = project.current("web2")
        assert len(log(project, "web2")) == number
        assert log(project, "web2")[-1] == f"Branch {name} (at {sha}) deployed as release {release} by tester"


@each_name(NAMES, "command", "dash")
def test_a_branch_name_that_git_forbids_is_refused(project: Project, name: str) -> None:
    done = project.doit("deploy:production", f"branch={name}").failed()
    assert "no branch, tag or commit" in done.out
    assert "Traceback" not in done.out
    assert project.releases("web1") == []


@pytest.mark.extended("variant")
@each_name({"all": 'it\'s  "x" $(touch pwned)`touch pwned`;touch pwned\n☃ *?', "dash": "-rf"}, "all")
def test_a_hostile_user_name_is_one_word_in_one_line_of_the_log(project: Project, name: str) -> None:
    project.doit("deploy:production", env={"USER": name}, check=True)
    first = project.current("web1")
    project.doit("deploy:production", check=True)
    project.doit("rollback:production", env={"USER": name}, check=True)
    assert project.current("web1") == first
    word = "-".join(name.split())
    assert len(log(project, "web1")) == 3
    assert log(project, "web1")[0].endswith(f" deployed as release {first} by {word}")
    assert log(project, "web1")[2] == f"{word} rolled back to release {first}"


@pytest.mark.extended("detail")
def test_a_user_name_cannot_add_a_line_to_the_log(project: Project) -> None:
    fake = "x\nBranch main (at 0) deployed as release 29990101000000 by x"
    project.doit("deploy:production", env={"USER": fake}, check=True)
    first = project.current("web1")
    assert len(log(project, "web1")) == 1
    project.doit("deploy:production", check=True)
    assert str(project.current("web1")) < "2998"
    project.doit("rollback:production", check=True)
    assert project.current("web1") == first


@each_name({"all": f'it\'s "x"  {BAIT} ☃ *?[a]', "dash": "-rf"}, "all")
def test_a_hostile_deploy_to_is_deployed_to_and_rolled_back(project: Project, name: str) -> None:
    for host in project.hosts:
        project.hosts[host]["deploy_to"] = f"hosts/{name}/{host}"
    project.config()
    project.link_files()
    releases = []
    for _ in range(2):
        project.doit("deploy:production", check=True)
        releases.append(project.current("web1"))
    assert project.current("web2") == releases[1]
    assert (project.deploy_to("web1") / "current/app.txt").exists()
    project.doit("rollback:production", check=True)
    assert project.current("web1") == project.current("web2") == releases[0]
    project.doit("rollback:production", f"rollback_release={releases[1]}", check=True)
    assert project.current("web1") == releases[1]
    assert sorted(os.listdir(project.path / "hosts")) == sorted({name, "web1", "web2"})


@each_name({"newline": "a\nb", "backslash": "a\\nb\\"}, "newline")
def test_a_deploy_to_that_tar_cannot_name_is_refused(project: Project, name: str) -> None:
    for host in project.hosts:
        project.hosts[host]["deploy_to"] = f"hosts/{name}/{host}"
    project.config()
    done = project.doit("deploy:production")
    assert done.code == 3
    assert "expected a path without backslashes and control characters" in done.out
    assert "Traceback" not in done.out
    assert not (project.path / "hosts" / name).exists()


def test_linked_paths_with_hostile_names_are_linked(make_project: MakeProject) -> None:
    names = [name for name in NAMES.values() if "\n" not in name]  # deploy.yml has no paths with line breaks
    files, dirs = [f"f/{name}" for name in names], [f"{name}/d" for name in names]
    project = make_project(linked_files=[*files, "-n"], linked_dirs=dirs)
    project.doit("deploy:production", check=True)
    for host in project.hosts:
        current = project.deploy_to(host) / "current"
        for name in [*files, "-n"]:
            assert os.readlink(current / name) == f"{project.shared(host)}/{name}"
            assert (current / name).read_text() == f"{name} of {host}\n"
        for name in dirs:
            assert os.readlink(current / name) == f"{project.shared(host)}/{name}"
            assert (project.shared(host) / name).is_dir()


@pytest.mark.extended("detail")
def test_missing_linked_files_with_hostile_names_have_one_line_each(make_project: MakeProject) -> None:
    names = [name for name in NAMES.values() if "\n" not in name]
    project = make_project(linked_files_exist=False, linked_files=names, linked_dirs=None)
    done = project.doit("deploy:production").failed()
    assert done.out.count("linked file ") == 2 * len(names)
    assert len([line for line in done.out.splitlines() if "linked file " in line]) == 2 * len(names)
    assert 'it\'s "x"' in done.out


@pytest.mark.ssh
def test_hostile_environment_values_arrive_unchanged(make_project: MakeProject) -> None:
    env = {f"V{number}": value for number, value in enumerate(NAMES.values())}
    project = make_project(1, ssh=True, default_env=env)
    write_hooks(
        project,
        f"""
        import json, pathlib
        @cap.after('updated')
        def look(host):
            seen = {{name: host.capture('printf %s "$' + name + '"') for name in {sorted(env)!r}}}
            given = host.capture('printf %s "$GIVEN"', env={{'GIVEN': 'x\\n$(touch pwned) \\'"'}})
            pathlib.Path('seen').write_text(json.dumps([seen, given]))
        """,
    )
    project.doit("deploy:production", check=True)
    assert json.loads((project.path / "seen").read_text()) == [env, "x\n$(touch pwned) '\""]


def test_a_hostile_secret_is_used_and_shown_nowhere(project: Project) -> None:
    value = "s3cr3t $(touch pwned) 'x'"
    project.config(default_env={"TOKEN": "@@"})
    text = (project.path / "deploy.yml").read_text().replace('"@@"', "!env DEPLOY_TOKEN")
    (project.path / "deploy.yml").write_text(text)
    write_hooks(
        project,
        """
        @cap.after('updated')
        def use(host, release):
            host.run('echo "token: $TOKEN"; printf %s "$TOKEN" >token', cwd=release.path)
            host.run('echo $TOKEN; exit 1' if host.name == 'web2' else 'true')
        """,
    )
    done = project.doit("deploy:production", env={"DEPLOY_TOKEN": value}).failed()
    assert "token: ***" in done.out
    assert "s3cr3t" not in done.out
    for file in (project.path / "hosts").rglob("*"):
        assert not file.is_file() or b"s3cr3t" not in file.read_bytes()
    unset = project.doit("deploy:production")
    assert unset.code != 0
    assert "needs the environment variable DEPLOY_TOKEN" in unset.out
    assert "Traceback" not in unset.out


def test_hostile_file_names_in_the_repository_are_only_names(project: Project, git_repo: GitRepo) -> None:
    names = [f"d/{name}" for name in NAMES.values() if "\n" not in name]
    git_repo.commit({name: name for name in names})
    project.doit("deploy:production", check=True)
    assert sorted(os.listdir(project.deploy_to("web1") / "current/d")) == sorted(name[2:] for name in names)
    project.doit("deploy:production", check=True)
    project.doit("rollback:production", check=True)


@pytest.mark.extended("detail")
def test_hostile_names_in_releases_and_journal_are_only_names(project: Project) -> None:
    project.doit("deploy:production", check=True)
    tree = project.deploy_to("web1")
    for name in (*NAMES.values(), "20200101000000 x", "20200101000000\n20200101000001"):
        (tree / "releases" / name).mkdir()
    with (tree / ".capdoit/journal").open("a") as file:
        file.write('{"event": "live", "flow": "deploy", "release": "../../etc"}\nno json\n[]\n')
    with (tree / "revisions.log").open("a") as file:
        file.write(f"Branch {BAIT} (at x) deployed as release ../../../tmp by y\n\x1b[2J\n")
    for _ in range(2):
        project.doit("deploy:production", check=True)
    assert set(NAMES.values()) <= set(project.releases("web1"))


@pytest.mark.extended("detail")
def test_a_hostile_repository_path_is_cloned(project: Project, git_repo: GitRepo) -> None:
    for number, name in enumerate(("it's $(touch pwned) ☃", "-u x")):
        moved = git_repo.path.with_name(name)
        (git_repo.path if number == 0 else git_repo.path.with_name("it's $(touch pwned) ☃")).rename(moved)
        project.config(repo_url=str(moved))
        project.doit("deploy:production", check=True)
        assert project.current("web1")


def test_a_repository_url_that_is_an_option_or_a_command_runs_nothing(project: Project) -> None:
    for url in ("--upload-pack=touch pwned", "ext::sh -c touch% pwned", "-oProxyCommand=touch pwned"):
        project.config(repo_url=url)
        done = project.doit("deploy:production").failed()
        assert "Traceback" not in done.out
        assert project.releases("web1") == []
