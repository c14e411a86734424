"""Variables of the command line: near misses are refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from capdoit.config.variables import VARIABLES, read_variables
from capdoit.errors import ConfigError


@pytest.mark.parametrize(
    "name",
    ["rollback_relase", "rolback_release", "ROLLBACK_RELASE", "Rollback_Release",
     "release", "to", "plna", "wiat", "skpi", "dry", "noop", "msg",
     "host", "HOST", "role", "Roles", "branchs", "brnach", "stages", "STAGE", "hosst"],
)  # fmt: skip
def test_a_misspelled_variable_is_refused_with_a_suggestion(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}= is not a variable of capdoit.*(did you mean|Did you mean)"):
        read_variables({name: "x"}, {})


@pytest.mark.parametrize("name", ["confirm", "keep_releases", "KEEP_RELEASES", "deploy_to"])
def test_a_setting_is_refused_as_a_variable(name: str) -> None:
    with pytest.raises(ConfigError, match=f"^{name}= is not a variable of capdoit, but a setting of deploy.yml"):
        read_variables({name: "3"}, {})


@pytest.mark.parametrize("name", ["version", "v", "TAG", "colour", "note", "x"])
def test_a_variable_of_the_project_is_accepted(name: str) -> None:
    assert read_variables({name: "x"}, {}) == replace(read_variables({}, {}), custom={name: "x"})


def test_a_recipe_variable_accepts_only_its_values() -> None:
    recipes = {"maintenance": ("yes", "no")}
    assert read_variables({"maintenance": "yes"}, {}, recipes).custom == {"maintenance": "yes"}
    with pytest.raises(ConfigError, match=r"maintenance=yse: expected yes or no; did you mean yes\?"):
        read_variables({"maintenance": "yse"}, {}, recipes)
    with pytest.raises(ConfigError, match=r"maintenence= is not a variable of capdoit; did you mean maintenance\?"):
        read_variables({"maintenence": "yes"}, {}, recipes)


@pytest.mark.parametrize("name", ["clod", "codl"])
def test_a_recipe_variable_with_swapped_letters_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}= is not a variable of capdoit; did you mean cold"):
        read_variables({name: "yes"}, {}, {"cold": ("yes", "no")})


def test_migrations_accepts_only_keep_and_back() -> None:
    assert read_variables({"migrations": "keep"}, {}).migrations == "keep"
    with pytest.raises(ConfigError, match=r"migrations=kepe: expected keep or back; did you mean keep\?"):
        read_variables({"migrations": "kepe"}, {})


@pytest.mark.parametrize(
    "values", [{"branch": ""}, {"hosts": ""}, {"hosts": "web1,,web2"}, {"roles": ","},
               {"stage": ""}, {"rollback_release": ""}]
)  # fmt: skip
def test_an_empty_value_is_refused(values: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        read_variables(values, {})


def test_two_spellings_with_different_values_are_refused() -> None:
    with pytest.raises(ConfigError, match="given twice"):
        read_variables({"hosts": "web1", "HOSTS": "web2"}, {})


def test_the_command_line_wins_over_the_environment() -> None:
    assert read_variables({"branch": "a"}, {"BRANCH": "b"}).branch == "a"
    assert read_variables({}, {"BRANCH": "b"}).branch == "b"


def test_an_empty_environment_variable_is_ignored() -> None:
    assert read_variables({}, {"HOSTS": "", "BRANCH": ""}) == read_variables({}, {})


def test_spaces_around_names_in_a_list_are_ignored() -> None:
    assert read_variables({"hosts": "web1, web2"}, {}).hosts == ("web1", "web2")


def test_each_listed_choice_of_a_variable_is_accepted_and_another_word_is_not() -> None:
    listed = {name: rule for name, rule in VARIABLES.items() if rule.choices}
    assert {*listed} >= {"dry_run", "force", "migrations", "verify", "yes"}
    for name, rule in listed.items():
        for choice in rule.choices:
            rule.read(name, choice)
        with pytest.raises(ConfigError):
            rule.read(name, "neither")
