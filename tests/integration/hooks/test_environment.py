"""Environment variables that recipes and the project give to the commands of hooks."""

from __future__ import annotations

from typing import Any

import pytest

from capdoit.testing import DODO, Stages, StageUnderTest
from tests.support import further

NAMED = """
@cap.environment()
def name_ruby(host, release):
    version = host.capture(["cat", ".ruby-version"], cwd=release.path).strip()
    host.run(["echo", f"asked {release.name}"])
    return {"RUBY": version, "PATH": f"/opt/{version}/bin:" + host.capture('printf %s "$PATH"')}
"""
HOOKS = """
@cap.after("updated")
def build(host):
    host.run('echo "build: $RUBY ${PATH%%:*}"')

@cap.after("published")
def restart(host, release):
    host.run('echo "restart: $RUBY"')
    host.run('echo "own: $RUBY"', env={"RUBY": "its own"})

@cap.after("published", once=True)
def tell(hosts):
    for host in hosts:
        host.run('echo "tell: $RUBY"')
"""


def with_versions(stage: Stages, dodo: str, recipes: dict[str, dict[str, Any]] | None = None) -> StageUnderTest:
    """Return a stage with two commits: release one has ruby 3.2, the next one will have ruby 3.3."""
    return stage(hosts=2, dodo=dodo, files={".ruby-version": "3.2\n"}, recipes=recipes)


def test_all_later_hooks_of_both_flows_have_the_variables_of_their_release(stage: Stages) -> None:
    shop = with_versions(stage, NAMED + HOOKS)
    first = shop.deploy().ok()
    for line in ("build: 3.2 /opt/3.2/bin", "restart: 3.2", "own: its own", "tell: 3.2"):
        assert first.out.count(f"| {line}\n") == 2, line
    assert first.out.count("| asked") == 2, "the function is called once for each host"
    shop.commit({".ruby-version": "3.3\n"})
    assert "| restart: 3.3\n" in shop.deploy().ok().out
    back = shop.rollback().ok()
    assert back.out.count("| restart: 3.2\n") == back.out.count("| tell: 3.2\n") == 2
    shop.assert_healthy()


@pytest.mark.extended("detail")
def test_probe_and_guard_have_the_variables_of_the_release_that_they_get(stage: Stages) -> None:
    shop = with_versions(stage, NAMED, recipes={"db": {}})
    shop.recipe(
        "db",
        """
from capdoit import Recipe
db = Recipe("db")

@db.probe()
def now(host):
    host.run('echo "probe: $RUBY"')
    return ["same"]

@db.guard()
def look(host):
    host.run('echo "guard: $RUBY"')
""",
    )
    shop.deploy().ok()
    shop.commit({".ruby-version": "3.3\n"})
    shop.deploy().ok()
    back = shop.rollback().ok().out
    assert back.index("| probe: 3.3\n") < back.index("| guard: 3.2\n"), "the probe asks the release that is live"


def test_migrations_are_reverted_with_the_variables_of_the_release_whose_code_reverts_them(stage: Stages) -> None:
    shop = with_versions(stage, NAMED, recipes={"db": {}})
    shop.recipe(
        "db",
        """
from capdoit import Recipe
db = Recipe("db")

@db.probe()
def now(host, release):
    return host.capture(["cat", ".ruby-version"], cwd=release.path)

@db.back()
def revert(host, release, unknown):
    host.run(f'echo "{release.name} lacks {unknown[0]}, reverted with $RUBY"')
""",
    )
    shop.deploy().ok()
    first = shop.live
    shop.commit({".ruby-version": "3.3\n"})
    shop.deploy().ok()
    assert f"| {first} lacks 3.3, reverted with 3.3\n" in shop.rollback("migrations=back").ok().out


@pytest.mark.extended("detail")
def test_a_hook_on_its_own_and_a_hook_on_failure_have_the_variables(stage: Stages) -> None:
    failing = """
@cap.on_failed
def undo(failure):
    for host in failure.fleet:
        host.run('echo "undo: $RUBY"')
"""
    shop = with_versions(stage, NAMED + HOOKS + failing)
    shop.deploy().ok()
    alone = shop.doit("run", "-s", "deploy:production:build").ok()
    assert alone.out.count("| build: 3.2 /opt/3.2/bin\n") == 2
    with shop.fail_at("updated"):
        assert shop.deploy().failed().out.count("| undo: 3.2\n") == 2


@pytest.mark.extended("detail")
def test_hooks_before_the_release_is_complete_and_hosts_without_one_have_no_variables(stage: Stages) -> None:
    early = """
@cap.after("started")
def early(host):
    host.run('echo "early: <$RUBY>"')

@cap.after("published", roles="db")
def other(host):
    host.run('echo "other: <$RUBY>"')
"""
    hosts: dict[str, dict[str, Any]] = {"web1": {"roles": ["web"]}, "db1": {"roles": ["db"], "no_release": True}}
    shop = stage(hosts=hosts, dodo=NAMED + early, files={".ruby-version": "3.2\n"})
    done = shop.deploy().ok()
    assert done.out.count("| early: <>\n") == 2
    assert "| other: <>\n" in done.out


@pytest.mark.extended("detail")
def test_functions_are_called_in_order_with_the_variables_of_those_before_them(stage: Stages) -> None:
    shop = with_versions(stage, HOOKS, recipes={"first": {}, "second": {"answer": "3.9"}})
    shop.recipe(
        "first",
        """
from capdoit import Recipe
first = Recipe("first")

@first.environment(roles="web")
def select(host):
    return {"RUBY": "3.8"}
""",
    )
    shop.recipe(
        "second",
        """
from dataclasses import dataclass
from capdoit import Recipe

@dataclass(frozen=True)
class Options:
    answer: str

second = Recipe("second", options=Options)

@second.environment()
def select(host, options):
    '''Name a later ruby.'''
    host.run('echo "second sees $RUBY"')
    return {"RUBY": options.answer}
""",
    )
    done = shop.deploy().ok()
    assert done.out.count("| second sees 3.8\n") == done.out.count("| restart: 3.9\n") == 2
    manual = shop.doit("cap", "recipes", "second").ok()
    assert "Environment of hooks:\n  second.select: Name a later ruby." in manual.out


def test_a_function_that_fails_stops_the_deploy_before_the_publish(stage: Stages) -> None:
    shop = with_versions(stage, NAMED + HOOKS)
    live = shop.deploy().ok() and shop.live
    shop.commit({".ruby-version": None, "app.txt": "second\n"})
    done = shop.deploy().failed()
    assert "deploy:production: build failed" in done.out
    assert "cat: .ruby-version: No such file or directory" in done.out
    assert shop.live == live
    shop.assert_healthy()


@pytest.mark.extended("detail")
@pytest.mark.parametrize("answer", ["['RUBY']", "{'A B': 'hush'}", "{'RUBY': 3}", "'RUBY=hush'"])
def test_an_answer_that_is_no_variables_is_refused_with_its_place(stage: Stages, answer: str) -> None:
    shop = with_versions(stage, f"@cap.environment()\ndef wrong():\n    return {answer}\n" + HOOKS)
    done = shop.deploy().failed()
    assert "dodo.py:3: wrong returned" in done.out
    written = [path.read_text() for path in (shop.project.path / "log").rglob("*") if path.is_file()]
    assert "hush" not in done.out + "".join(written)
    assert "expected texts by the names of variables" in done.out
    assert "Traceback" not in done.out


@pytest.mark.parametrize(
    ("declaration", "complaint"),
    [
        ("@cap.environment()\ndef wrong(hosts): ...", "has the argument hosts"),
        *further(
            ("@cap.environment(step='updated')\ndef wrong(): ...", "environment has no step="),
            ("@cap.environment(roles='wbe')\ndef wrong(): ...", "no host has the role wbe"),
        ),
    ],
)
def test_a_wrong_declaration_is_refused_when_it_is_loaded(stage: Stages, declaration: str, complaint: str) -> None:
    shop = stage()
    shop.project.dodo(DODO + declaration + "\n")
    done = shop.deploy().failed(3)
    assert complaint in done.out
    assert "dodo.py:3" in done.out
    assert "Traceback" not in done.out
