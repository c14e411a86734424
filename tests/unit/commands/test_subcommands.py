"""The descriptions of the subcommands, and the usage text, checks and completions that are made from them."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from capdoit.commands import catalog
from capdoit.commands.cap_command import CapCommand, make_doit_options
from capdoit.commands.catalog import COMMANDS, commands_by_option
from capdoit.commands.completion import describe_subcommands
from capdoit.commands.subcommand import JSON, SELECTION, VARIABLE_OPTIONS, Subcommand, ValueOption
from capdoit.commands.usage import describe_command, describe_commands, spell_usage
from capdoit.config import variables

LINES = ValueOption("lines", "print N lines", int, short="l")
TAIL = Subcommand(
    name="tail",
    help="print the end of a log",
    description="It needs tail.",
    run=lambda _: 0,
    words=("FILE", "[STAGE]"),
    options=(JSON, LINES),
    variables=(*SELECTION, "message"),
    examples=("tail app.log production",),
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
    assert command.all_options[: len(command.variables)] == tuple(VARIABLE_OPTIONS[name] for name in command.variables)
    assert not command.help.endswith(".")


def test_options_of_one_name_are_one_option() -> None:
    options = list(commands_by_option(COMMANDS))
    assert len({option.name for option in options}) == len(options)


def test_the_synopsis_for_doit_has_no_word_that_doit_would_complete() -> None:
    assert [word for word in CapCommand.doc_usage.split() if word != "|"] == [command.name for command in COMMANDS]
    assert "TASK" not in CapCommand.doc_usage  # doit would offer tasks
    assert "COMMAND" not in CapCommand.doc_usage  # doit would offer its commands


def test_the_usage_text_of_cap_is_one_screen_with_a_line_for_each_command() -> None:
    lines = describe_commands(COMMANDS).splitlines()
    assert len(lines) < 24  # the next prompt needs a line, too
    assert max(map(len, lines)) < 80
    assert [line.split()[0] for line in lines if line.startswith("  ")] == [command.name for command in COMMANDS]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_usage_text_of_a_command_fits_the_width_of_a_terminal(command: Subcommand) -> None:
    assert max(map(len, describe_command(command).splitlines())) < 80


def test_a_command_is_described_by_its_usage_options_examples_and_exit_statuses() -> None:
    assert spell_usage(TAIL) == "tail FILE [STAGE] [OPTION…]"
    lines = describe_command(TAIL).splitlines()
    assert "Print the end of a log. It needs tail." in lines
    assert "  -l, --lines N      print N lines" in lines
    assert "  --hosts HOSTS      only these hosts, with commas between them" in lines
    assert "These can also be typed as variables: stage=, hosts=, roles=, message=" in lines
    assert "  doit cap tail app.log production" in lines
    assert "  3  some hosts did not answer" in lines


def test_a_command_without_variables_and_examples_has_no_lines_about_them() -> None:
    assert describe_command(IDLE).splitlines() == [
        "doit cap idle [OPTION…]",
        "",
        "Do nothing.",
        "",
        "Options:",
        "  -h, --help  print this text",
        "",
        "Exit status:",
        "  0  all is well",
    ]


def test_doit_gets_each_option_once_with_the_commands_that_take_it() -> None:
    found = make_doit_options([TAIL, Subcommand("other", "do more", lambda _: 0, options=(JSON,))])
    stage, _, _, _, json, lines = found
    assert (json["type"], json["default"], json["help"]) == (bool, False, "print the answer as JSON (tail, other)")
    assert (lines["short"], lines["long"], lines["type"], lines["default"]) == ("l", "lines", str, None)
    assert stage["help"] == "the stage (tail)"


def test_the_completion_knows_the_words_options_and_variables_of_each_command() -> None:
    found = describe_subcommands([TAIL, IDLE])
    assert found["tail"]["words"] == ("FILE", "[STAGE]")
    assert found["tail"]["variables"] == ("stage", "hosts", "roles", "message")
    assert [row["names"] for row in found["tail"]["options"]][3:] == [
        ["--message"],
        ["--json"],
        ["-l", "--lines"],
        ["-h", "--help"],
    ]
    assert [row["value"] for row in found["tail"]["options"]][3:] == ["message", "", "lines", ""]
    assert found["idle"] == {
        "help": "do nothing",
        "words": (),
        "options": found["tail"]["options"][-1:],
        "variables": (),
    }
