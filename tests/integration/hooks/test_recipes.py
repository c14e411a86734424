"""What recipes can say and do: options, what they watch over, and how their hooks are asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from capdoit.sequence import steps
from capdoit.testing import DODO, Project, Stages
from tests.support import tools_in_front

HEAD = """
from __future__ import annotations
from dataclasses import dataclass
from typing import Literal
from collections.abc import Mapping
from capdoit import Recipe, RoleNames, Secret
"""
# A database is a file beside the releases; the code's migrations are the names in its file `migrations`.
WATCHING = """
db = Recipe("db", roles="web")

@db.after("updated", flows="deploy", primary=True)
def migrate(host, release):
    host.run(["cp", "migrations", f"{release.deploy_to}/database"], cwd=release.path)

@db.probe()
def applied(host, release):
    return host.capture(["cat", f"{release.deploy_to}/database"], cwd=release.path)
"""
BACK = """
@db.back()
def unapply(host, release, unknown):
    for name in unknown:
        host.run(["sed", "-i", f"/^{name}$/d", f"{release.deploy_to}/database"], cwd=release.beside(release.left))
"""
SHOUT = """
@tell.after("published")
def shout(host, options):
    host.run(["echo", *[options.word] * options.times])
"""
FROZEN = """
@db.guard()
def frozen(release, now, recorded):
    "It is Friday."
    return [*now, "/", *(recorded or ())]
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


def recipe(project: Project, name: str, text: str, **options: object) -> None:
    """The project's own recipe, in use with these options."""
    folder = project.path / "recipes"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(HEAD + text)
    project.config(recipes={name: options})


def deployed(project: Project, *migrations: str) -> str:
    """The release of a deploy of code with these migrations."""
    project.repo.commit({"migrations": "".join(f"{name}\n" for name in migrations)})
    project.doit("deploy:production", check=True)
    return str(project.current("web1"))


def database(project: Project) -> list[str]:
    """What the primary's database has."""
    return (project.deploy_to("web1") / "database").read_text().split()


# -- what recipes watch over


def test_a_rollback_to_a_release_that_does_not_know_the_database_is_refused_with_names(project: Project):
    recipe(project, "db", WATCHING)
    deployed(project, "0001")
    second = deployed(project, "0001", "0002_price")
    done = project.doit("rollback:production").failed()

    assert "nothing was touched: recipe db: web1 has what release" in done.out
    assert "0002_price" in done.out
    assert "0001" not in done.out.partition("does not know")[2].splitlines()[1]
    assert "doit rollback:production migrations=keep" in done.out
    assert "migrations=back" not in done.out
    assert project.current("web1") == project.current("web2") == second


def test_what_the_release_does_not_know_is_kept_when_that_is_said(project: Project):
    recipe(project, "db", WATCHING + BACK)
    first = deployed(project, "0001")
    deployed(project, "0001", "0002_price")
    done = project.doit("rollback:production", "migrations=keep", check=True)

    assert "0002_price" in done.out
    assert project.current("web2") == first
    assert database(project) == ["0001", "0002_price"]


def test_what_the_release_does_not_know_is_taken_away_before_the_flip_when_that_is_said(project: Project):
    recipe(project, "db", WATCHING + BACK)
    first = deployed(project, "0001")
    deployed(project, "0001", "0002_price", "0003_stock")
    assert "migrations=back" in project.doit("rollback:production").failed().out
    done = project.doit("rollback:production", "migrations=back", check=True)

    assert done.out.index("db.unapply") < done.out.index("rollback:production:publishing")
    assert project.current("web2") == first
    assert database(project) == ["0001"]


def test_a_recipe_that_cannot_take_it_away_refuses_to_be_told_so(project: Project):
    recipe(project, "db", WATCHING)
    deployed(project, "0001")
    second = deployed(project, "0001", "0002")
    done = project.doit("rollback:production", "migrations=back").failed()

    assert "the recipe cannot take it back" in done.out
    assert project.current("web1") == second


def test_a_rollback_between_releases_that_know_the_same_needs_no_word(project: Project):
    recipe(project, "db", WATCHING)
    first = deployed(project, "0001")
    deployed(project, "0001")
    project.doit("rollback:production", check=True)
    assert project.current("web1") == first


def test_a_rollback_to_a_release_of_which_nothing_was_recorded_goes_ahead(project: Project):
    project.config()
    first = deployed(project, "0001")
    recipe(project, "db", WATCHING)
    deployed(project, "0001", "0002")
    project.doit("rollback:production", check=True)
    assert project.current("web1") == first


def test_a_plan_takes_away_no_more_than_it_says(project: Project):
    recipe(project, "db", WATCHING + BACK)
    deployed(project, "0001")
    deployed(project, "0001", "0002_price")
    project.doit("rollback:production", "migrations=back", "plan=plan.json", check=True)
    file = project.deploy_to("web1") / "database"
    file.write_text(f"{file.read_text().rstrip()}\n0003_stock\n")
    done = project.doit("rollback:production", "apply=plan.json").failed()
    assert "recipe db would take away 0002_price, 0003_stock, and not 0002_price" in done.out
    assert "0003_stock" in database(project)


def test_a_recipe_that_takes_away_what_it_does_not_watch_is_refused(project: Project):
    recipe(project, "db", "db = Recipe('db', roles='web')\n" + BACK)
    done = project.doit("list").failed(3)
    assert "recipe db: back has nothing to take away without a probe or a guard" in done.out


def test_a_guard_of_its_own_decides_with_what_is_and_what_was(project: Project):
    recipe(project, "db", WATCHING + FROZEN)
    deployed(project, "0001")
    deployed(project, "0001", "0002")
    done = project.doit("rollback:production").failed()

    assert "(It is Friday.)" in done.out
    names = done.out.partition("Friday.):\n")[2].partition("where the hosts stand")[0]
    assert names.split() == ["0001", "0002", "/", "0001"]


def test_a_probe_that_fails_makes_no_release_live(project: Project):
    recipe(project, "db", WATCHING)
    first = deployed(project, "0001")
    recipe(project, "db", WATCHING.replace('["cat"', '["false"'))
    project.repo.commit({"migrations": "0002\n"})
    done = project.doit("deploy:production").failed()

    assert "web1: db.applied: false" in done.out
    assert project.current("web1") == project.current("web2") == first
    assert project.releases("web1") == [first]


def test_a_rollback_of_hosts_that_leave_out_the_one_to_ask_is_refused(project: Project):
    recipe(project, "db", WATCHING.replace('roles="web"', 'roles="db"'))
    project.hosts["web2"]["roles"] = ["web", "db"]
    project.config(recipes={"db": {}})
    deployed(project, "0001")
    second = deployed(project, "0001")
    done = project.doit("rollback:production", "hosts=web1").failed()

    assert "recipe db has to ask a host with the role db, and none is selected" in done.out
    assert project.current("web1") == second
    project.doit("rollback:production", "hosts=web1", "migrations=keep", check=True)


def test_a_rollback_that_fails_after_something_was_taken_away_says_so(project: Project):
    recipe(project, "db", WATCHING + BACK)
    deployed(project, "0001")
    second = deployed(project, "0001", "0002_price")
    tools_in_front(project, "web2", mv='case "$*" in *next/current*) exit 1;; esac; exec /bin/mv "$@"')
    project.config(recipes={"db": {}})
    done = project.doit("rollback:production", "migrations=back").failed()

    assert project.current("web1") == second
    assert "0002_price was taken away already; a deploy brings it back" in done.out


def test_migrations_means_nothing_to_a_deploy(project: Project):
    recipe(project, "db", WATCHING)
    assert "migrations= means nothing to a deploy" in project.doit("deploy:production", "migrations=keep").failed().out


# -- asking for hooks


def test_a_hook_is_skipped_when_that_is_said(project: Project):
    recipe(project, "db", WATCHING)
    deployed(project, "0001")
    project.repo.commit({"migrations": "0002\n"})
    done = project.doit("deploy:production", "skip=db.migrate", check=True)

    assert "skipped: db.migrate" in done.out
    assert database(project) == ["0001"]


def test_a_hook_to_skip_that_does_not_exist_is_refused(project: Project):
    recipe(project, "db", WATCHING)
    done = project.doit("deploy:production", "skip=db.migrat").failed(3)
    assert "skip=db.migrat: no hook has that name; did you mean db.migrate?" in done.out
    assert not (project.deploy_to("web1") / "releases").exists()


def test_a_hook_that_is_run_alone_works_on_what_is_live_and_leaves_it_live(project: Project):
    recipe(project, "db", WATCHING)
    first = deployed(project, "0001")
    (project.deploy_to("web1") / "database").unlink()
    done = project.doit("run", "-s", "deploy:production:db.migrate", check=True)

    assert database(project) == ["0001"]
    assert project.current("web1") == first
    assert project.releases("web1") == [first]
    assert "deploy:production:updating" not in done.out
    project.doit("deploy:production", check=True)


def test_a_hook_cannot_be_run_alone_where_nothing_is_live(project: Project):
    recipe(project, "db", WATCHING)
    assert "nothing is live" in project.doit("run", "-s", "deploy:production:db.migrate").failed().out


# -- what hooks are told


def test_a_hook_is_told_of_the_flow_it_is_part_of(project: Project):
    recipe(project, "tell", TELL_FLOW)
    done = project.doit("deploy:production", "loud=yes", "message=a b", check=True)
    assert "< deploy production shop tester a b web1,web2 True yes True >" in done.out
    assert "loud=loudly: expected yes or no" in project.doit("deploy:production", "loud=loudly").failed(3).out


def test_a_failed_hook_is_told_of_the_flow_too(project: Project):
    recipe(project, "tell", TELL_FLOW + "\n@tell.health()\ndef ill(host):\n    host.run('exit 3')\n")
    done = project.doit("deploy:production", "colour=red").failed()
    assert "<failed deploy tell.ill True {'colour': 'red'} >" in done.out


def test_a_health_check_comes_after_all_else_that_follows_the_publish(project: Project):
    recipe(project, "tell", TELL_FLOW + "\n@tell.health()\ndef fine(host):\n    host.run('echo fine')\n")
    project.dodo((project.path / "dodo.py").read_text() + "@cap.after('published')\ndef restart(host): ...\n")
    done = project.doit("deploy:production", check=True)
    assert done.out.index("production:restart") < done.out.index("production:tell.fine")


def test_a_stage_says_more_to_a_recipe_or_switches_it_off(project: Project):
    recipe(project, "tell", TELL_FLOW.replace('Recipe("tell",', 'Recipe("tell", options=Options,') + SHOUT)
    web1 = {"web1": {"transport": "local", "deploy_to": "elsewhere"}}
    stages = {
        "production": {"hosts": project.hosts, "recipes": {"tell": {"word": "hey"}}},
        "quiet": {"hosts": web1, "recipes": {"tell": False}},
    }
    project.config(recipes={"tell": {"word": "hello", "times": 2}}, stages=stages, linked_files=[])
    assert "web1 | hey hey" in project.doit("deploy:production", check=True).out
    assert "tell." not in project.doit("deploy:quiet", check=True).out


# -- options

OPTIONS = """
@dataclass(frozen=True)
class Options:
    key: Secret
    on: RoleNames = ("web",)
    how: Literal["fast", "slow"] = "fast"
    every: float = 0.5
    page: str | None = None
    env: Mapping[str, str] | None = None

many = Recipe("many", options=Options, linked_dirs=lambda options: [f"public/{options.how}"])

@many.after("published", roles=lambda options: options.on, primary=True)
def show(host, options):
    shown = [options.how, str(options.every), str(options.page), str(options.env)]
    host.run(["echo", "<", options.key.reveal(), *shown, ">"])
"""
GOOD = """
recipes:
  many: {key: !env API_KEY, on: [app], how: slow, every: 2, page: up.html, env: {A: b}}
"""


def options_are(project: Project, text: str) -> None:
    """deploy.yml with recipes as they are written here."""
    project.config()
    file = project.path / "deploy.yml"
    stages = f"stages: {{production: {{hosts: {project.hosts!r}}}}}\n".replace("'", '"')
    file.write_text(f"application: shop\nrepo_url: {project.repo.path}\nbranch: main\n{stages}{text}")


def test_options_of_every_type_are_taken_and_secrets_are_never_shown(project: Project):
    recipe(project, "many", OPTIONS)
    options_are(project, GOOD)
    done = project.doit("deploy:production", env={"API_KEY": "hush-hush"}, check=True)
    assert "< *** slow 2.0 up.html {'A': 'b'} >" in done.out
    assert (project.deploy_to("web1") / "current/public/slow").readlink() == project.shared("web1") / "public/slow"


def test_a_secret_that_is_not_set_stops_the_flow_before_a_host_is_touched(project: Project):
    recipe(project, "many", OPTIONS)
    options_are(project, GOOD)
    assert "needs the environment variable API_KEY" in project.doit("deploy:production").failed().out
    assert not (project.deploy_to("web1") / "releases").exists()


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        ("key: plain", "option key is a text, expected a secret, as !env NAME"),
        ("on: [wbe]", "option on: no host has the role wbe; did you mean web?"),
        ("how: sloww", "option how is 'sloww', expected fast or slow"),
        ("every: often", "option every is 'often', expected a number"),
        ("page: [a]", "option page is ('a',), expected a text or nothing"),
        ("evry: 1", "has no option evry; did you mean every?"),
    ],
)
def test_an_option_that_is_wrong_is_told_with_its_place(project: Project, option: str, complaint: str):
    recipe(project, "many", OPTIONS)
    options_are(project, f"recipes: {{many: {{key: !env K, {option}}}}}\n".replace("key: !env K, key", "key"))
    done = project.doit("list", "--all").failed(3)
    assert complaint in done.out
    assert "deploy.yml:5:" in done.out


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("@odd.after('publishd')\ndef f(host): ...", "recipe odd: odd.py:8: no step publishd; did you mean published?"),
        ("@odd.after('published')\ndef f(hots): ...", "recipe odd: odd.py:8: hook odd.f wants hots"),
        ("@odd.probe(roels='db')\ndef f(host): ...", "recipe odd: odd.py:8: probe has no roels=; did you mean roles?"),
        ("@odd.guard()\ndef f(reocrded): ...", "did you mean recorded?"),
        ("odd.linked_dirs = ['../up']", "linked_dirs leave the release: '../up'"),
        ("odd.requires = 'capdoit>=99'", "requires capdoit>=99, but capdoit "),
        ("odd.requires = 'rails>=6'", "is not about capdoit"),
        ("odd.requires = 5", "requires=5: "),
    ],
)
def test_a_recipe_that_is_declared_wrongly_stops_the_load_with_its_place(project: Project, text: str, complaint: str):
    recipe(project, "odd", f"odd = Recipe('odd')\n{text}\n")
    done = project.doit("list").failed(3)
    assert complaint in done.out
    assert "Traceback" not in done.out


def test_a_recipe_that_needs_another_capdoit_is_not_listed_as_one_that_can_be_used(project: Project):
    (project.path / "recipes").mkdir()
    (project.path / "recipes/odd.py").write_text(
        '"""odd: does odd things."""\nfrom capdoit import Recipe\nodd = Recipe("odd", requires="capdoit>=99")\n'
    )
    said = project.doit("cap", "recipes", check=True).out
    assert "does odd things" not in said
    assert "odd: recipe odd: " in said
    assert "requires capdoit>=99" in said


# -- where recipes come from


def installed(project: Project, name: str) -> None:
    """A package with a recipe `odd`."""
    package = project.path / f"{name}-1.2.dist-info"
    package.mkdir()
    (package / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    (package / "entry_points.txt").write_text(f"[capdoit.recipes]\nodd = {name}_odd\n")
    (project.path / f"{name}_odd.py").write_text('"""Odd."""\nfrom capdoit import Recipe\nodd = Recipe("odd")\n')


def test_a_package_stands_before_the_projects_recipe_of_the_same_name_and_that_is_said(project: Project):
    installed(project, "acme")
    recipe(project, "odd", "odd = Recipe('odd')\n")
    said = project.doit("cap", "recipes", env={"PYTHONPATH": str(project.path)}, check=True).out
    assert "  odd: acme 1.2 stands before recipes/odd.py\n" in said


def test_a_recipe_that_two_packages_claim_is_refused_with_both(project: Project):
    installed(project, "acme")
    installed(project, "umbrella")
    project.config(recipes={"odd": {}})
    done = project.doit("list", env={"PYTHONPATH": str(project.path)}).failed(3)
    assert "recipe odd is claimed by acme 1.2 and by umbrella 1.2; uninstall one" in done.out


def test_what_a_recipe_changes_in_the_next_deploy_is_shown_before_it(project: Project):
    assert "No deploy of production" in project.doit("cap", "recipes", "--diff", check=True).out
    recipe(project, "db", WATCHING)
    deployed(project, "0001")
    assert "has not changed" in project.doit("cap", "recipes", "--diff", check=True).out
    recipe(project, "db", WATCHING.replace("def migrate", "def migrate_all"))
    done = project.doit("cap", "recipes", "--diff", "production", check=True)
    assert [line for line in done.out.splitlines() if line[:2] in ("+ ", "- ")] == ["- db.migrate", "+ db.migrate_all"]
    project.config(recipes={"db": {}, "systemd": {"units": ["a"]}})
    assert "+ systemd: bundled " in project.doit("cap", "recipes", "--diff", check=True).out


def test_notes_are_not_sent_with_every_survey(project: Project):
    recipe(project, "db", WATCHING)
    deployed(project, "0001")
    journal = Path(project.deploy_to("web1") / ".capdoit/journal").read_text()
    assert '{"event": "noted", "release": ' in journal
    assert "noted" not in project.doit("cap", "status", "--json", check=True).out


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


@pytest.mark.parametrize("step", steps("rollback"))
def test_a_recipe_that_fails_on_rollback_is_as_safe_as_one_that_fails_on_deploy(stage: Stages, step: str):
    shop = stage(recipes={"boom": {}})
    shop.recipe("boom", BROKEN_ON_THE_WAY_BACK.format(step=step))
    first = shop.deploy().ok() and shop.live
    second = shop.deploy().ok() and shop.live
    broken = shop.project.path / "broken"
    broken.touch()
    out = shop.rollback().failed().out
    assert "web2: exit 3: exit status 3" in out
    flips_before = steps("rollback").index(step) >= steps("rollback").index("publishing")
    assert shop.live == (first if flips_before else second)
    assert ("What is live was not changed." in out) != flips_before
    shop.assert_healthy()
    broken.unlink()
    (shop.deploy if flips_before else shop.rollback)().ok()
    assert flips_before or shop.live == first
    shop.assert_healthy()


# -- a probe or guard that cannot tell

CANNOT_TELL = WATCHING.replace('return host.capture(["cat", f"{release.deploy_to}/database"], cwd=release.path)', "")
CANNOT_TELL += '    return host.capture("test ! -e ../../broken || exit 6; cat ../../database", cwd=release.path)\n'


def test_a_probe_that_fails_refuses_a_rollback_by_name_and_keep_goes_back_all_the_same(project: Project):
    recipe(project, "db", CANNOT_TELL)
    first, second = deployed(project, "0001"), deployed(project, "0001", "0002")
    (project.deploy_to("web1") / "broken").touch()
    done = project.doit("rollback:production").failed()
    assert f"recipe db cannot tell what release {first} does not know: web1: db.applied: " in done.out
    assert "doit rollback:production migrations=keep" in done.out
    assert project.current("web1") == second
    done = project.doit("rollback:production", "migrations=keep", check=True)
    assert "warning: recipe db cannot tell" in done.out
    assert project.current("web1") == project.current("web2") == first


def test_what_asks_nobody_says_so(project: Project):
    text = "@db.guard(roles='dbb')\ndef watch(host, release):\n    return []\n"
    recipe(project, "db", f"\ndb = Recipe('db')\n{text}@db.after('updated', roles='srch')\ndef fill(host):\n    pass\n")
    for _ in range(2):
        done = project.doit("deploy:production", check=True)
        assert "db.fill is called on no host: none has the role srch" in done.out
    done = project.doit("rollback:production", check=True)
    assert "recipe db asks no host: none has the role dbb" in done.out


def test_a_variable_that_is_said_twice_is_refused(project: Project):
    done = project.doit("deploy:production", "skip=a", "skip=b").failed(3)
    assert "skip= is said twice: a, b; several names have commas between them" in done.out
    assert not project.current("web1")


def test_nothing_is_taken_away_before_all_other_hooks_have_done_well(project: Project):
    recipe(project, "db", WATCHING + BACK)
    deployed(project, "0001")
    second = deployed(project, "0001", "0002")
    project.dodo(DODO + "@cap.before('publishing', flows='rollback')\ndef boom(host):\n    host.run('exit 3')\n")
    done = project.doit("rollback:production", "migrations=back").failed()
    assert "boom failed" in done.out
    assert "taken away" not in done.out
    assert project.current("web1") == second
    assert database(project) == ["0001", "0002"]


def test_a_guard_that_breaks_says_with_what_and_where(project: Project):
    recipe(project, "db", "\ndb = Recipe('db')\n@db.guard()\ndef watch(host, release):\n    return {}['lost']\n")
    deployed(project, "1")
    deployed(project, "2")
    done = project.doit("rollback:production").failed()
    assert "web1: KeyError: 'lost' (db.py:" in done.out
    assert "doit rollback:production migrations=keep" in done.out


def test_what_other_hosts_go_on_using_is_not_taken_away(project: Project):
    recipe(project, "db", WATCHING + BACK)
    deployed(project, "0001")
    second = deployed(project, "0001", "0002_price")
    done = project.doit("rollback:production", "hosts=web1", "migrations=back").failed()
    assert "web2, which would not go back, may need it" in done.out
    assert database(project) == ["0001", "0002_price"]
    assert project.current("web1") == project.current("web2") == second


def test_a_hook_whose_hosts_were_not_chosen_is_said_to_be_left_out(project: Project):
    project.hosts["web2"]["roles"] = ["db"]
    project.dodo(DODO + "@cap.after('updated', roles='db')\ndef migrate(host):\n    host.run('true')\n")
    project.config()
    done = project.doit("deploy:production", "hosts=web1", check=True)
    assert "warning: migrate was not called: of its hosts none was chosen (web2)" in done.out
    assert "warning" not in project.doit("deploy:production", check=True).out


def test_what_a_hook_began_to_take_away_is_said_when_it_was_cut_off(project: Project):
    recipe(project, "db", WATCHING + BACK)
    deployed(project, "0001")
    deployed(project, "0001", "0002_price")
    hangs = BACK.replace("    for name", "    host.run('sleep 9', timeout=0.2)\n    for name")
    recipe(project, "db", WATCHING + hangs)
    done = project.doit("rollback:production", "migrations=back").failed()
    assert "But 0002_price may have been taken away already: a deploy brings back what is missing." in done.out
