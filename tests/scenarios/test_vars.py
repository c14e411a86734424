"""Values of the project in deploy.yml (vars), in other settings and in hooks."""

from __future__ import annotations

import json
import re
from textwrap import dedent

import pytest

from capdoit.testing import Project
from tests.scenarios.test_values_from_commands import write_settings
from tests.support import deploy, further, write_hooks

SHOW = """
@cap.after("published")
def show(host, flow):
    host.run(["echo", "<", host.name, host.vars["color"], flow.vars["color"], *flow.vars["sizes"], ">"])
"""


def test_hooks_get_the_values_of_the_stage_and_of_the_host(project: Project) -> None:
    project.hosts["web1"]["vars"] = {"color": "red"}
    project.config(vars={"color": "%{stage}-blue", "sizes": ["s", "m"]})
    write_hooks(project, SHOW)
    said = project.doit("deploy:production", check=True).out
    assert "< web1 red production-blue s m >" in said
    assert "< web2 production-blue production-blue s m >" in said


def test_numbers_of_any_size_and_sign_are_values_of_the_project(project: Project) -> None:
    project.config(vars={"build": 1796000890, "nice": -5, "limits": [-1, 1.5]})
    write_hooks(project, "@cap.after('published')\ndef show(flow):\n    print('<', *flow.vars.values(), '>')\n")
    assert "< 1796000890 -5 (-1, 1.5) >" in project.doit("deploy:production", check=True).out
    said = project.doit("cap", "config", "production", check=True).out
    assert "1796000890" in said
    assert "-5" in said


@pytest.mark.parametrize("number", ["12:30", *further("0x1F", "1_000", "9" * 50)])
def test_a_value_that_only_yaml_takes_for_a_number_must_be_quoted(project: Project, number: str) -> None:
    write_settings(project, f"vars: {{at: {number}}}, ")
    said = project.doit("deploy:production").failed(3).out
    assert f"vars.at: found a number ({number}), expected a whole number such as 30; quote it if it is a text" in said


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("flow.vars['colr']", "production has no vars.colr; there are color; did you mean color?"),
        *further(
            ("host.vars['x']", "web1 has no vars.x; there are color"),
            ("flow.vars.__setitem__('color', 'x')", "has no attribute '__setitem__'"),
        ),
    ],
)
def test_a_hook_that_asks_for_a_missing_value_fails_with_a_suggestion(
    project: Project, expression: str, message: str
) -> None:
    project.config(vars={"color": "red"})
    write_hooks(project, f"@cap.before('starting')\ndef ask(host, flow):\n    {expression}\n")
    said = project.doit("deploy:production").failed().out
    assert message in said
    assert "Traceback" not in said


def test_a_value_from_a_command_is_read_when_a_hook_asks_for_it_and_masked(project: Project) -> None:
    first = deploy(project)
    (project.path / "token").write_text("s3cr3t-token\n")
    write_settings(project, "vars: {token: !cmd 'echo run >>runs; cat token', never: !cmd 'echo run >>runs; exit 3'}, ")
    write_hooks(
        project,
        """
        @cap.after("published")
        def show(host, flow):
            if flow.name == "deploy":
                host.run(["echo", "<", flow.vars["token"], str(flow.vars.get("other", "none")), ">"])
        """,
    )
    said = project.doit("deploy:production", check=True).out
    assert "< *** none >" in said
    assert (project.path / "runs").read_text() == "run\n"
    project.doit("rollback:production", check=True)
    assert project.current("web1") == first
    assert (project.path / "runs").read_text() == "run\n"


def test_settings_may_refer_to_values_from_commands(project: Project) -> None:
    (project.path / "token").write_text("s3cr3t-token\n")
    write_settings(
        project,
        "vars: {token: !cmd 'cat token', days: !env DAYS, vault: shop}, "
        'default_env: {URL: "https://u:%{vars.token}@x/"}, drill_max_age: "%{vars.days}d", '
        "timeout: !cmd 'test %{vars.vault}-%{stage} = shop-production && echo 600', ",
    )
    write_hooks(project, "@cap.after('updated')\ndef say(host):\n    host.run('echo \"${URL%%/*} ${#URL}\"')\n")
    project.doit("list", check=True)
    said = project.doit("deploy:production").failed().out
    assert "drill_max_age needs the environment variable DAYS, which is not set" in said
    said = project.doit("deploy:production", env={"DAYS": "30"}, check=True).out
    assert "https: 25" in said
    assert "s3cr3t" not in said + (project.path / "log/capdoit.log").read_text()
    config = project.doit("cap", "config", env={"DAYS": "30"}, check=True).out
    assert re.search(r"default_env.URL +deploy.yml:1 +https://u:\*\*\*@x/\n", config)
    assert re.search(r"vars.token +deploy.yml:1 +!cmd cat token\n", config)


def test_config_shows_values_with_their_references_replaced(project: Project) -> None:
    project.config(vars={"name": "x-%{stage}"}, linked_dirs=["log-%{vars.name}"], keep_releases="%{vars.keep}")
    file = project.path / "deploy.yml"
    file.write_text(file.read_text().replace('"vars": {', '"vars": {"keep": 4, '))
    said = project.doit("cap", "config", "--json", check=True).out
    found = {one["name"]: one["value"] for one in json.loads(said)["settings"]}
    assert (found["vars.name"], found["linked_dirs"], found["keep_releases"]) == (
        "x-production",
        ["log-x-production"],
        4,
    )


def test_branch_is_accepted_wherever_settings_depend_on_it(project: Project) -> None:
    for host in project.hosts.values():
        host["deploy_to"] += "-%{branch}"
    project.config(linked_files=[])
    project.repo.git("branch", "feature")
    for _ in range(2):
        said = project.doit("deploy:production", "branch=feature", check=True).out
    assert "To go back: doit rollback:production branch=feature rollback_release=" in said
    releases = project.path / "hosts/web1-feature/releases"
    assert len([*releases.iterdir()]) == 2
    before = (project.path / "hosts/web1-feature/current").readlink()
    project.doit("rollback:production", "branch=feature", check=True)
    assert (project.path / "hosts/web1-feature/current").readlink() != before
    assert not (project.path / "hosts/web1-main").exists()
    assert "branch= has no effect" not in project.doit("drill:production", "branch=feature").out


@pytest.mark.extended("detail")
def test_options_of_recipes_and_plans_heed_references(project: Project) -> None:
    recipe = dedent(
        """
        from dataclasses import dataclass
        from capdoit import Recipe

        @dataclass(frozen=True)
        class Options:
            text: str
            count: int = 1

        greet = Recipe("greet", options=Options)

        @greet.after("updated")
        def say(host, options):
            host.run(["echo", "<", options.text, str(options.count + 1), ">"])
        """
    )
    project.write_module("recipes/greet.py", recipe)
    project.config(recipes={"greet": {"text": "%{stage} %{branch}", "count": "%{vars.n}"}}, vars={"n": 41})
    project.repo.git("branch", "feature")
    assert "< production main 42 >" in project.doit("deploy:production", check=True).out
    assert "< production feature 42 >" in project.doit("deploy:production", "branch=feature", check=True).out
    project.doit("deploy:production", "plan=p", check=True)
    project.doit("deploy:production", "apply=p", check=True)
