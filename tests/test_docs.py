"""The page docs/recipes.md: its manuals are current, its tables complete, its examples work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from capdoit.hooks.manual import render_bundled_manuals
from capdoit.sequence import FLOWS, step_names
from capdoit.testing import Project, Stages

TEXT = Path(__file__).parent.parent.joinpath("docs/recipes.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
MIGRATE = """
from capdoit import Recipe

db = Recipe("db")

@db.after("updated", roles="db", flows="deploy")
def migrate(host, release):
    host.run("bin/migrations --up", cwd=release.path)

"""
MIGRATIONS = """\
#!/bin/sh
db=../../database
case $1 in
    --applied) cat $db ;;
    --up) ls migrations >$db ;;
    --undo) shift; for name; do sed -i "/^$name$/d" $db; done ;;
esac
"""


def test_the_manuals_in_the_page_equal_the_docstrings_of_the_recipes() -> None:
    _, mark, written = TEXT.partition("<!-- What follows is written by `doit manuals`. -->\n")
    assert mark
    assert written == render_bundled_manuals()


def test_the_table_of_hook_points_has_each_step_once() -> None:
    table = TEXT.partition("### Hook points")[2].partition("Two rules")[0]
    said = re.findall(r"^\| `(\w+)`", table, re.MULTILINE)
    assert sorted(said) == sorted({step for flow in FLOWS for step in step_names(flow)})


def test_the_first_example_recipe_works_in_both_flows(project: Project) -> None:
    write_recipe(project, "warm", BLOCKS[0])
    project.config(recipes={"warm": {}})
    commit_program(project, "bin/warm", "#!/bin/sh\necho warm in ${PWD##*/}\n")
    for task in ("deploy:production", "deploy:production", "rollback:production"):
        done = project.doit(task, check=True)
        assert f"web2 | warm in {project.current('web2')}" in done.out


def test_the_options_of_the_example_recipe_are_read(project: Project) -> None:
    write_recipe(project, "warm", BLOCKS[1].replace("flow): ...", "flow):\n    host.run(['echo', options.url])"))
    options = {"url": "http://127.0.0.1/", "pages": ["/", "/about"], "mode": "fast", "roles": ["web"]}
    project.config(recipes={"warm": options})
    text = (project.path / "deploy.yml").read_text()
    (project.path / "deploy.yml").write_text(text.replace('"mode"', '"key": !env API_KEY, "mode"'))
    done = project.doit("deploy:production", env={"API_KEY": "hush"}, check=True)
    assert "web1 | http://127.0.0.1/" in done.out


def test_the_example_tasks_on_demand_run(project: Project) -> None:
    (tasks,) = [block for block in BLOCKS if "@warm.task" in block]
    write_recipe(project, "warm", BLOCKS[0] + tasks.replace(", options,", ","))
    project.config(recipes={"warm": {}})
    commit_program(project, "bin/warm", "#!/bin/sh\necho warm $*\n")
    project.doit("deploy:production", check=True)
    assert "web1 | warm --status 3" in project.doit("warm.status:production", "pages=3", check=True).out
    assert "needs a terminal" in project.doit("warm.shell:production", "--", "--read-only").failed().out


def test_the_example_of_hosts_in_turn_is_a_recipe(project: Project) -> None:
    (turns,) = [block for block in BLOCKS if "at_once=lambda" in block]
    imports = "from __future__ import annotations\nfrom dataclasses import dataclass\nfrom capdoit import Recipe\n"
    write_recipe(project, "app", imports + turns)
    project.config(recipes={"app": {"at_once": 1, "wait": 0.1}})
    assert "waiting 0.1 s, then web2" in project.doit("deploy:production", check=True).out


def test_the_example_guard_refuses_and_reverts(project: Project) -> None:
    write_recipe(project, "db", MIGRATE + find_block("@db.probe"))
    for host in project.hosts.values():
        host["roles"] = ["db"]
    project.config(recipes={"db": {}})
    project.repo.commit({"migrations/1": ""})
    commit_program(project, "bin/migrations", MIGRATIONS)
    project.doit("deploy:production", check=True)
    first = project.current("web1")
    project.repo.commit({"migrations/2": ""})
    project.doit("deploy:production", check=True)

    assert "  2\n" in project.doit("rollback:production").failed().out
    project.doit("rollback:production", "migrations=back", check=True)
    assert project.current("web1") == first
    assert (project.deploy_to("web1") / "database").read_text() == "1\n"


@pytest.mark.extended("detail")
def test_the_example_of_an_environment_reaches_hooks(project: Project) -> None:
    restart = (
        "\n\n@warm.after('published')\ndef restart(host):\n    host.run('echo uses $RUBY_VERSION at ${PATH%%:*}')\n"
    )
    head = "from capdoit import Recipe\n\nwarm = Recipe('warm')\n\n"
    write_recipe(project, "warm", head + find_block("@warm.environment") + restart)
    project.config(recipes={"warm": {}})
    project.repo.commit({".ruby-version": "3.3\n"})
    done = project.doit("deploy:production", check=True)
    assert "web1 | uses 3.3 at /opt/ruby/3.3/bin\n" in done.out


def find_block(text: str) -> str:
    """Return the example of the page that has this text."""
    return str(next(block for block in BLOCKS if text in block))


def write_recipe(project: Project, name: str, text: str) -> None:
    (project.path / "recipes").mkdir(exist_ok=True)
    (project.path / f"recipes/{name}.py").write_text(text)


def commit_program(project: Project, name: str, text: str) -> None:
    file = project.repo.path / name
    file.parent.mkdir()
    file.write_text(text)
    file.chmod(0o755)
    project.repo.commit({})


@pytest.mark.extended("detail")
def test_the_example_tests_pass(stage: Stages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("recipes").mkdir()
    Path("recipes/warm.py").write_text(BLOCKS[0])
    shown: dict[str, object] = {}
    exec(find_block("def test_"), shown)  # noqa: S102 - our own page
    tests = [test for name, test in shown.items() if name.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        test(stage)  # type: ignore[operator]
