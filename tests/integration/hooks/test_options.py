"""Options of recipes."""

from __future__ import annotations

import pytest

from capdoit.testing import Project
from tests.integration.database_recipe import use_recipe
from tests.support import deploy, further

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
    """Write a deploy.yml with this text for the recipes."""
    project.config()
    file = project.path / "deploy.yml"
    stages = f"stages: {{production: {{hosts: {project.hosts!r}}}}}\n".replace("'", '"')
    file.write_text(f"application: shop\nrepo_url: {project.repo.path}\nbranch: main\n{stages}{text}")


def test_options_of_every_type_are_read_and_secrets_never_shown(project: Project) -> None:
    use_recipe(project, "many", OPTIONS)
    options_are(project, GOOD)
    done = project.doit("deploy:production", env={"API_KEY": "hush-hush"}, check=True)
    assert "< *** slow 2.0 up.html {'A': 'b'} >" in done.out
    assert (project.deploy_to("web1") / "current/public/slow").readlink() == project.shared("web1") / "public/slow"


def test_an_unset_secret_stops_the_flow_before_any_host_is_touched(project: Project) -> None:
    use_recipe(project, "many", OPTIONS)
    options_are(project, GOOD)
    assert "needs the environment variable API_KEY" in project.doit("deploy:production").failed().out
    assert not (project.deploy_to("web1") / "releases").exists()


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        ("key: plain", "option key is not a secret, expected secret (!env NAME)"),
        ("on: [wbe]", "option on: no host has the role wbe; did you mean web?"),
        *further(
            ("how: sloww", "option how is 'sloww', expected fast or slow"),
            ("every: often", "option every is 'often', expected number"),
            ("page: [a]", "option page is ('a',), expected string or null"),
            ("evry: 1", "has no option evry; did you mean every? doit cap recipes "),
            ("nothing_like_it: 1", "has no option nothing_like_it; doit cap recipes "),
        ),
    ],
)
def test_a_wrong_option_is_reported_with_its_place(project: Project, option: str, complaint: str) -> None:
    use_recipe(project, "many", OPTIONS)
    options_are(project, f"recipes: {{many: {{key: !env K, {option}}}}}\n".replace("key: !env K, key", "key"))
    done = project.doit("list", "--all").failed(3)
    assert complaint in done.out
    assert "deploy.yml:5:" in done.out


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("@odd.after('publishd')\ndef f(host): ...", "recipe odd: odd.py:8: no step publishd; did you mean published?"),
        ("@odd.after('published')\ndef f(hots): ...", "recipe odd: odd.py:8: hook odd.f has the argument hots"),
        *further(
            (
                "@odd.probe(roels='db')\ndef f(host): ...",
                "recipe odd: odd.py:8: probe has no roels=; did you mean roles?",
            ),
            ("@odd.guard()\ndef f(reocrded): ...", "did you mean recorded?"),
            ("odd.linked_dirs = ['../up']", "linked_dirs outside the release: '../up'"),
            ("odd.requires = 'capdoit>=99'", "requires capdoit>=99, but capdoit "),
            ("odd.requires = 'rails>=6'", "must name capdoit"),
            ("odd.requires = 5", "requires=5: "),
        ),
    ],
)
def test_a_wrongly_declared_recipe_is_refused_with_its_place(project: Project, text: str, complaint: str) -> None:
    use_recipe(project, "odd", f"odd = Recipe('odd')\n{text}\n")
    done = project.doit("list").failed(3)
    assert complaint in done.out
    assert "Traceback" not in done.out


@pytest.mark.extended("detail")
def test_a_recipe_for_another_capdoit_version_is_listed_as_unusable(project: Project) -> None:
    (project.path / "recipes").mkdir()
    (project.path / "recipes/odd.py").write_text(
        '"""odd: does odd things."""\nfrom capdoit import Recipe\nodd = Recipe("odd", requires="capdoit>=99")\n'
    )
    said = project.doit("cap", "recipes", check=True).out
    assert "does odd things" not in said
    assert "odd: recipe odd: " in said
    assert "requires capdoit>=99" in said


COMPUTED = """
@dataclass(frozen=True)
class Options:
    text: str
    count: int = 1
    ratio: float = 0.5
    is_on: bool = False
    how: Literal["fast", "slow"] = "fast"

many = Recipe("many", options=Options, linked_dirs=lambda options: [f"public/{options.how}"])

@many.after("published")
def show(host, options):
    shown = [len(options.text), options.count + 1, options.ratio * 2, not options.is_on, options.how[::-1]]
    host.run(["echo", "<", *map(str, shown), ">"])
"""


@pytest.mark.parametrize("tag", ["!env {}", *further("!cmd 'cat {}'")])
def test_options_of_every_type_may_come_from_elsewhere(project: Project, tag: str) -> None:
    values = {"text": "hello-there", "count": "12", "ratio": "0.75", "is_on": "yes", "how": "slow"}
    for name, value in values.items():
        (project.path / name).write_text(value)
    use_recipe(project, "many", COMPUTED)
    options_are(project, f"recipes: {{many: {{{', '.join(f'{name}: {tag.format(name)}' for name in values)}}}}}\n")
    assert "many.show" in project.doit("list", "--all", check=True).out
    said = project.doit("deploy:production", env=values if "env" in tag else {}, check=True).out
    assert "< 11 13 1.5 False wols >" in said
    assert "hello-there" not in said
    assert (project.deploy_to("web1") / "current/public/slow").is_symlink()


def test_a_rollback_needs_no_option_of_a_recipe_that_has_no_hook_in_it(project: Project) -> None:
    first, _ = deploy(project), deploy(project)
    use_recipe(project, "many", COMPUTED.replace('"published"', '"published", flows=("deploy",)'))
    options_are(project, "recipes: {many: {text: !cmd exit 3, count: !env COUNT}}\n")
    project.doit("rollback:production", check=True)
    assert project.current("web1") == first
    said = project.doit("deploy:production").failed().out
    assert "recipes.many.text needs the output of `exit 3`, which failed with exit status 3" in said
    assert "recipes.many.count needs the environment variable COUNT, which is not set" in said


def test_a_rollback_whose_hook_has_an_option_that_cannot_be_had_names_it(project: Project) -> None:
    _, live = deploy(project), deploy(project)
    use_recipe(project, "many", COMPUTED)
    options_are(project, "recipes: {many: {text: !cmd exit 3}}\n")
    said = project.doit("rollback:production").failed().out
    assert "which failed with exit status 3, for many.show; provide it, or leave them out with skip=" in said
    assert project.current("web1") == live
    project.doit("rollback:production", "skip=many.show", check=True)


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        ("count: !cmd echo many", "option count is the output of `echo many`, expected integer"),
        *further(
            ("is_on: !cmd echo many", "option is_on is the output of `echo many`, expected true or false"),
            ("how: !env HOW", "option how is the value of HOW, expected fast or slow"),
        ),
    ],
)
def test_an_option_from_elsewhere_that_has_another_type_is_refused(
    project: Project, option: str, complaint: str
) -> None:
    use_recipe(project, "many", COMPUTED)
    options_are(project, f"recipes: {{many: {{text: x, {option}}}}}\n")
    done = project.doit("deploy:production", env={"HOW": "sloww"})
    assert done.code
    assert complaint in done.out
