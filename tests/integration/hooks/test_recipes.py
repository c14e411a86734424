"""Hooks of recipes in flows: `skip=`, a hook run alone, health checks, settings of a stage."""

from __future__ import annotations

from textwrap import dedent

import pytest

from capdoit.sequence import step_names
from capdoit.testing import Project, Stages
from tests.integration.database_recipe import WATCHING, deploy_migrations, read_database, use_recipe
from tests.support import choose_ordinary

SHOUT = """
@tell.after("published")
def shout(host, options):
    host.run(["echo", *[options.word] * options.times])
"""
TELL_FLOW = """
@dataclass(frozen=True)
class Options:
    word: str
    times: int = 1

tell = Recipe("tell", variables={"loud": ("yes", "no")})

@tell.after("finished", once=True)
def say(hosts, flow, release):
    hosts[0].run(["echo", "<", flow.name, flow.stage, flow.application, flow.by, flow.message, ",".join(flow.hosts),
                  str(flow.seconds > 0), flow.variables.get("loud", "-"), str(flow.revision == release.revision), ">"])

@tell.on_failed
def mourn(failure, flow):
    print("<failed", flow.name, failure.step, failure.published, flow.variables, ">")
"""


# -- asking for hooks


def test_the_variable_skip_leaves_a_hook_out(project: Project) -> None:
    use_recipe(project, "db", WATCHING)
    deploy_migrations(project, "0001")
    project.repo.commit({"migrations": "0002\n"})
    done = project.doit("deploy:production", "skip=db.migrate", check=True)

    assert "skipped: db.migrate" in done.out
    assert read_database(project) == ["0001"]


@pytest.mark.extended("detail")
def test_an_unknown_hook_in_skip_is_refused(project: Project) -> None:
    use_recipe(project, "db", WATCHING)
    done = project.doit("deploy:production", "skip=db.migrat").failed(3)
    assert "skip=db.migrat: no hook has that name; did you mean db.migrate?" in done.out
    assert not (project.deploy_to("web1") / "releases").exists()


@pytest.mark.extended("detail")
def test_a_hook_run_alone_works_on_the_live_release(project: Project) -> None:
    use_recipe(project, "db", WATCHING)
    first = deploy_migrations(project, "0001")
    (project.deploy_to("web1") / "database").unlink()
    done = project.doit("run", "-s", "deploy:production:db.migrate", check=True)

    assert read_database(project) == ["0001"]
    assert project.current("web1") == first
    assert project.releases("web1") == [first]
    assert "deploy:production:updating" not in done.out
    project.doit("deploy:production", check=True)


@pytest.mark.extended("detail")
def test_a_hook_run_alone_is_refused_when_nothing_is_live(project: Project) -> None:
    use_recipe(project, "db", WATCHING)
    assert "no release is live" in project.doit("run", "-s", "deploy:production:db.migrate").failed().out


# -- what hooks are told


def test_a_hook_gets_the_facts_of_its_flow(project: Project) -> None:
    use_recipe(project, "tell", TELL_FLOW)
    done = project.doit("deploy:production", "loud=yes", "message=a b", check=True)
    assert "< deploy production shop tester a b web1,web2 True yes True >" in done.out
    assert "loud=loudly: expected yes or no" in project.doit("deploy:production", "loud=loudly").failed(3).out


@pytest.mark.extended("detail")
def test_an_on_failed_hook_gets_the_facts_of_its_flow(project: Project) -> None:
    use_recipe(
        project,
        "tell",
        TELL_FLOW
        + dedent("""
        @tell.health()
        def ill(host):
            host.run('exit 3')
        """),
    )
    done = project.doit("deploy:production", "colour=red").failed()
    assert "<failed deploy tell.ill True {'colour': 'red'} >" in done.out


def test_a_health_check_runs_after_all_other_hooks_of_published(project: Project) -> None:
    use_recipe(
        project,
        "tell",
        TELL_FLOW
        + dedent("""
        @tell.health()
        def fine(host):
            host.run('echo fine')
        """),
    )
    project.dodo(
        (project.path / "dodo.py").read_text()
        + dedent("""
        @cap.after('published')
        def restart(host): ...
        """)
    )
    done = project.doit("deploy:production", check=True)
    assert done.out.index("production:restart") < done.out.index("production:tell.fine")


def test_a_stage_changes_recipe_options_or_turns_the_recipe_off(project: Project) -> None:
    use_recipe(project, "tell", TELL_FLOW.replace('Recipe("tell",', 'Recipe("tell", options=Options,') + SHOUT)
    web1 = {"web1": {"transport": "local", "deploy_to": "elsewhere"}}
    stages = {
        "production": {"hosts": project.hosts, "recipes": {"tell": {"word": "hey"}}},
        "quiet": {"hosts": web1, "recipes": {"tell": False}},
    }
    project.config(recipes={"tell": {"word": "hello", "times": 2}}, stages=stages, linked_files=[])
    assert "web1 | hey hey" in project.doit("deploy:production", check=True).out
    assert "tell." not in project.doit("deploy:quiet", check=True).out


# -- a recipe that fails on the way back

BROKEN_ON_THE_WAY_BACK = """
import pathlib
from capdoit import Recipe
boom = Recipe("boom")

@boom.after({step!r}, flows=("rollback",))
def fail(host):
    if host.name == "web2" and pathlib.Path("broken").exists():
        host.run("exit 3")
"""


@pytest.mark.extended("variant")
@pytest.mark.parametrize("step", choose_ordinary(step_names("rollback"), "publishing"))
def test_a_recipe_that_fails_in_any_step_leaves_healthy_hosts(stage: Stages, step: str) -> None:
    shop = stage(recipes={"boom": {}})
    shop.recipe("boom", BROKEN_ON_THE_WAY_BACK.format(step=step))
    first = shop.deploy().ok() and shop.live
    second = shop.deploy().ok() and shop.live
    broken = shop.project.path / "broken"
    broken.touch()
    out = shop.rollback().failed().out
    assert "web2: exit 3: exit status 3" in out
    flips_before = step_names("rollback").index(step) >= step_names("rollback").index("publishing")
    assert shop.live == (first if flips_before else second)
    assert ("What is live was not changed." in out) != flips_before
    shop.assert_healthy()
    broken.unlink()
    (shop.deploy if flips_before else shop.rollback)().ok()
    assert flips_before or shop.live == first
    shop.assert_healthy()
