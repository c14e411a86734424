"""Values that the operator is asked for (!ask), and the branch that is checked out (!current)."""

from __future__ import annotations

import re

import pytest

from capdoit.testing import DODO, Project
from tests.integration.flow.test_approval import start
from tests.scenarios.test_values_from_commands import write_settings
from tests.support import deploy, further

SHOW = DODO + '\n@cap.after("updated")\ndef show(host, flow):\n    host.run(["echo", "<", flow.vars["tag"], ">"])\n'


def test_a_question_is_asked_once_before_a_host_is_touched(project: Project, env: dict[str, str]) -> None:
    project.dodo(SHOW)
    write_settings(
        project,
        'branch: !ask {question: "Which branch?", default: main}, vars: {tag: !ask }, ',
        branch=None,
    )
    assert "deploy:production" in project.doit("list", check=True).out
    with start(project, env, "-v", "2", "deploy:production") as typist:
        typist.wait_for("Which branch? [main]: ")
        typist.type("\n")
        typist.wait_for("tag: ")
        typist.type("\n")
        typist.wait_for("tag: \ntag:")
        assert not (project.deploy_to("web1") / ".capdoit").exists()
        typist.type("v1.2.3\n")
        assert typist.wait_for_end() == 0
    assert typist.text.count("Which branch?") == 1
    assert "< v1.2.3 >" in typist.text


USES = {
    "a hook": ("def show(host, flow):\n    flow.vars['tag']\n", True),
    "a function that a hook calls": ("def show(host, flow):\n    get(flow)\ndef get(one): one.vars['tag']\n", True),
    "a method of an object": (
        "def show(host, flow): reader.get(flow)\nclass A:\n    def get(self, one): one.vars['tag']\nreader = A()\n",
        True,
    ),
    "a function in a table": (
        "def show(host, flow):\n    TABLE['get'](flow)\nTABLE = {'get': lambda one: one.vars['tag']}\n",
        True,
    ),
    "a name that is computed": ("def show(host, flow):\n    flow.vars['t' + 'ag'.lower()]\n", True),
    "a template": ("def show(host):\n    host.template('a', '/tmp/a')\n", True),
    "a task that the flow does not call": (
        "def show(host, flow): ...\n@cap.task\ndef tell(host, flow):\n    flow.vars['tag']\n",
        False,
    ),
    "another value": ("def show(host, flow):\n    flow.vars['other']\n", False),
    "no value": ("def show(host, flow):\n    flow.warn('tag')\n", False),
}


@pytest.mark.parametrize("name", USES)
def test_a_value_that_no_hook_uses_is_not_asked_for(project: Project, name: str) -> None:
    code, is_used = USES[name]
    project.dodo(f"{DODO}\n@cap.after('updated')\n{code}")
    write_settings(project, "vars: {tag: !ask , other: x}, ")
    said = project.doit("deploy:production").failed(1 if is_used else 0).out
    assert ("vars.tag needs an answer" in said) is is_used
    assert (project.deploy_to("web1") / ".capdoit").exists() is not is_used


def test_a_value_that_only_hooks_of_the_deploy_use_is_not_asked_for_by_a_rollback(project: Project) -> None:
    project.dodo(SHOW.replace('"updated"', '"updated", flows="deploy"'))
    write_settings(project, "vars: {tag: !ask }, ")
    for _ in range(2):
        project.doit("deploy:production", "tag=v1", check=True)
    project.doit("rollback:production", check=True)


def test_a_task_is_not_asked_for_what_other_tasks_and_hooks_on_failure_use(
    project: Project, env: dict[str, str]
) -> None:
    deploy(project)
    other = "def other(host, flow):\n    flow.vars['tag']\n"
    failed = "@cap.on_failed\ndef tell(failure, flow):\n    flow.vars['tag']\n"
    project.dodo(f"{DODO}@cap.task\n{other}{failed}@cap.task\ndef ping(host):\n    host.run('true')\n")
    write_settings(project, "vars: {tag: !ask }, ")
    with start(project, env, "ping:production") as typist:
        assert typist.wait_for_end() == 0
    assert "tag: " not in typist.text


def test_an_operator_who_ends_the_input_at_a_question_gave_no_answer(project: Project, env: dict[str, str]) -> None:
    write_settings(project, "branch: !ask , ", branch=None)
    with start(project, env, "deploy:production") as typist:
        typist.wait_for("branch: ")
        typist.type("\x04")
        assert typist.wait_for_end() == 1
    assert "branch needs an answer, and none was given: add branch=VALUE" in typist.text
    assert not (project.deploy_to("web1") / ".capdoit").exists()


@pytest.mark.parametrize(
    "settings", ["vars: {note: !ask }, ", *further("recipes: {health: {command: 'true', tries: !ask {name: note}}}, ")]
)
def test_a_misspelled_answer_is_refused_before_a_host_is_touched(project: Project, settings: str) -> None:
    write_settings(project, settings)
    said = project.doit("deploy:production", "nte=x").failed(3).out
    assert "nte= answers no question of deploy.yml; did you mean note=? Nothing was done" in said
    assert not (project.deploy_to("web1") / ".capdoit").exists()


OWN_VARIABLES = """
from doit import get_var
notes = get_var("notes", "")

@cap.task()
def say(host, *, nte: str):
    host.run(["echo", "<", nte, notes, ">"])
"""


def test_variables_of_dodo_py_may_be_similar_to_a_question(project: Project) -> None:
    deploy(project)
    project.dodo(DODO + OWN_VARIABLES)
    write_settings(project, "vars: {note: !ask }, ")
    project.doit("check:production", "notes=n", check=True)
    assert "< x  >" in project.doit("say:production", "nte=x", check=True).out


def test_variables_answer_without_a_terminal(project: Project) -> None:
    project.dodo(SHOW)
    write_settings(project, "branch: !ask , vars: {tag: !ask 'Which tag?'}, ", branch=None)
    said = project.doit("deploy:production", "tag=v1").failed().out
    assert re.search(
        r"deploy.yml:1:\d+: branch needs an answer, and there is no terminal to ask on: add branch=VALUE", said
    )
    said = project.doit("deploy:production", "branch=main").failed().out
    assert "vars.tag needs an answer, and there is no terminal to ask on: add tag=VALUE" in said
    assert not (project.deploy_to("web1") / ".capdoit").exists()
    said = project.doit("deploy:production", "branch=main", "tag=v1", check=True).out
    assert "< v1 >" in said
    assert "tag= " not in said
    project.doit("deploy:production", "branch=main", "tag=v1", check=True)
    project.doit("rollback:production", check=True)


def test_the_current_branch_is_deployed(project: Project) -> None:
    project.repo.git("branch", "feature")
    write_settings(project, "branch: !current , ", branch=None)
    no_repository = project.doit("deploy:production").failed().out
    assert "needs the branch that is checked out in" in no_repository
    assert "not a git repository" in no_repository
    assert "name a branch: branch=NAME" in no_repository
    project.repo.git("clone", "--quiet", "--branch", "feature", str(project.repo.path), str(project.path / "clone"))
    (project.path / "clone/.git").rename(project.path / ".git")
    said = project.doit("deploy:production", check=True).out
    assert "feature to web1" in said
    assert "***" not in said
    git = ("-C", str(project.path))
    project.repo.git(*git, "checkout", "--quiet", "-b", "new/idea")
    said = project.doit("deploy:production").failed().out
    assert "has no branch, tag or commit 'new/idea'" in said
    assert "Your clone has the branch new/idea. To push it: git push -u origin new/idea\n" in said
    (project.path / ".git/HEAD").write_text(project.repo.git("rev-parse", "HEAD") + "\n")
    assert "HEAD is detached; name a branch: branch=NAME" in project.doit("deploy:production").failed().out
    project.doit("deploy:production", "branch=main", check=True)
    project.doit("rollback:production", check=True)
    assert re.search(r"branch +deploy.yml:1 +!current\n", project.doit("cap", "config", check=True).out)


@pytest.mark.parametrize(
    ("setting", "mistake"),
    [
        ("user: !current ", "user: !current is the current branch: branch: !current, or as the default of !ask"),
        *further(
            ("user: !ask {nane: x}", "user.nane: no such setting of !ask; did you mean name?"),
            ("vars: {message: !ask }", "message= is a variable of capdoit; give the question another name"),
            ("user: !ask {name: a b}", "user.name: expected the name of a variable of the command line"),
        ),
    ],
)
def test_a_wrong_question_is_a_mistake(project: Project, setting: str, mistake: str) -> None:
    write_settings(project, f"{setting}, ")
    assert mistake in project.doit("list").failed(3).out


@pytest.mark.extended("detail")
def test_a_question_may_have_the_current_branch_as_its_default(project: Project, env: dict[str, str]) -> None:
    deploy(project)
    project.repo.git("clone", "--quiet", str(project.repo.path), str(project.path / "clone"))
    (project.path / "clone/.git").rename(project.path / ".git")
    write_settings(project, "branch: !ask {default: !current }, ", branch=None)
    with start(project, env, "deploy:production") as typist:
        typist.wait_for("branch [main]: ")
        typist.type("\n")
        assert typist.wait_for_end() == 0


def test_a_command_of_cap_takes_answers_too(project: Project) -> None:
    deploy(project)
    write_settings(project, host="port: !ask {name: door}, ")
    assert "add door=VALUE" in project.doit("cap", "status").failed(3).out
    project.doit("cap", "status", "door=22", check=True)
    assert "cap status does not use doro=" in project.doit("cap", "status", "doro=22").failed(3).out
