"""The descriptions of the subcommands, and the usage text, checks and completions that are made from them."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from capdoit.commands import catalog
from capdoit.commands.cap_command import CapCommand, make_doit_options
from capdoit.commands.catalog import COMMANDS, commands_by_option, find_command
from capdoit.commands.checks import refuse_unknown_options, refuse_unused_variables
from capdoit.commands.completion import Completions, list_completions
from capdoit.commands.subcommand import JSON, SELECTION, Flag, Subcommand, ValueOption
from capdoit.commands.usage import describe_commands, spell_usage
from capdoit.config import variables
from capdoit.errors import ConfigError

LINES = ValueOption("lines", "print N lines", int, short="l")
HOSTS = ValueOption("hosts", "only these hosts", str, is_variable=True)
TAIL = Subcommand(
    name="tail",
    help="print the end of a log",
    description="It needs tail.",
    run=lambda _: 0,
    words=("FILE", "[STAGE]"),
    options=(JSON, LINES, HOSTS),
    variables=(*SELECTION, "message"),
    exit_statuses=((1, "no host answered"), (3, "some hosts did not answer")),
)
IDLE = Subcommand(name="idle", help="do nothing", run=lambda _: 0)


def test_every_module_with_a_command_is_in_the_catalog() -> None:
    folder = Path(catalog.__file__).parent
    modules = [importlib.import_module(f"capdoit.commands.{path.stem}") for path in folder.glob("*.py")]
    found = {module.COMMAND.name for module in modules if hasattr(module, "COMMAND")}
    assert found == {command.name for command in COMMANDS}
    assert len(COMMANDS) == len(found)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_a_command_uses_known_variables_and_is_described_in_one_line(command: Subcommand) -> None:
    assert set(command.variables) <= set(variables.VARIABLES)
    assert command.help
    assert not command.help.endswith(".")
    assert all(option.name in command.variables for option in command.options if getattr(option, "is_variable", False))


def test_options_of_one_name_are_one_option() -> None:
    options = list(commands_by_option(COMMANDS))
    assert len({option.name for option in options}) == len(options)


def test_the_usage_text_names_every_command_and_no_word_that_doit_would_complete() -> None:
    assert [word for word in CapCommand.doc_usage.split() if word != "|"] == [command.name for command in COMMANDS]
    assert "TASK" not in CapCommand.doc_usage  # doit would offer tasks
    assert "COMMAND" not in CapCommand.doc_usage  # doit would offer its commands
    assert all(spell_usage(command) in CapCommand.doc_description for command in COMMANDS)


def test_a_command_is_described_by_its_usage_its_help_and_its_exit_statuses() -> None:
    assert spell_usage(TAIL) == "tail FILE [STAGE] [--json] [-l N] [--hosts HOSTS] [message=…]"
    text = describe_commands([TAIL, IDLE])
    assert "  Print the end of a log. It needs tail." in text.splitlines()
    assert "  tail: 1 if no host answered, 3 if some hosts did not answer" in text.splitlines()
    assert "idle:" not in text


def test_doit_gets_each_option_once_with_the_commands_that_take_it() -> None:
    json, lines, hosts = make_doit_options([TAIL, Subcommand("other", "do more", lambda _: 0, options=(JSON,))])
    assert (json["type"], json["default"], json["help"]) == (bool, False, "print the answer as JSON (tail, other)")
    assert (lines["short"], lines["long"], lines["type"], lines["default"]) == ("l", "lines", str, None)
    assert hosts["help"] == "only these hosts (tail)"


def test_completions_are_the_words_options_and_variables_of_each_command() -> None:
    assert list_completions([TAIL, IDLE]) == {
        "tail": Completions(
            words=("FILE", "[STAGE]"),
            options=("--json", "-l", "--lines=", "--hosts="),
            variables=("stage=", "hosts=", "roles=", "message="),
        ),
        "idle": Completions(words=(), options=(), variables=()),
    }
    found = list_completions(COMMANDS)
    assert found["history"].options == ("--json", "-n", "--number=")
    assert found["pending"].variables == ("stage=", "hosts=", "roles=", "branch=")


def test_an_unknown_command_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="cap has no statsu; did you mean status\\?"):
        find_command("statsu")


def test_an_option_of_other_commands_is_refused_with_their_names() -> None:
    with pytest.raises(ConfigError, match="cap idle has no --diff; only these have it: recipes"):
        refuse_unknown_options(IDLE, {"diff"})
    refuse_unknown_options(find_command("recipes"), {"diff"})


def test_a_variable_that_a_command_does_not_use_is_refused() -> None:
    with pytest.raises(ConfigError, match="cap tail does not use dry_run=; nothing was done"):
        refuse_unused_variables(TAIL, {"message", "dry_run"})
    refuse_unused_variables(TAIL, {"message", "stage"})


def test_a_flag_does_not_take_a_value() -> None:
    assert not TAIL.takes(Flag("lines", "print N lines"))
