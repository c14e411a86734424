"""The words behind `doit cap`, parsed: a subcommand, its options, its variables and its positional words.

Options may stand before and after words. A word after ``--`` is never an option or a variable.
"""

from __future__ import annotations

import re
import shlex
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from capdoit.commands.catalog import COMMANDS, commands_by_option
from capdoit.commands.subcommand import HELP, Flag, Option, Subcommand, spellings
from capdoit.config.variables import is_meant_as_variable
from capdoit.errors import ConfigError
from capdoit.task_names import SHORT_NAMES
from capdoit.text import find_meant_name, join_names, suggest_name

VARIABLE = re.compile(r"([A-Za-z_]\w*)=(.*)", re.ASCII | re.DOTALL)
LISTS_OF_TASKS = ("list", "-T", "--tasks")  # of doit, rake and Capistrano
DRY_RUN_OPTIONS = ("-n", "--dry-run")  # of Capistrano
Given = tuple[Option, str]  # an option on the command line, and the text of its value; empty for a flag


@dataclass(frozen=True)
class CommandCall:
    """A call of `doit cap`.

    Attributes:
        command: the subcommand; None if none was named.
        wants_help: whether its usage text is wanted instead.
        words: the positional words.
        command_words: the words after ``--``, for a subcommand that runs a command on hosts.
        options: the values of its options by name; True for a flag.
        variables: the texts of the variables by name, typed as NAME=VALUE or as --NAME VALUE.
        doit_words: the options of doit itself: ``--file=shop/dodo.py``.
    """

    command: Subcommand | None
    wants_help: bool = False
    words: tuple[str, ...] = ()
    command_words: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    doit_words: tuple[str, ...] = ()

    def with_answers(self, questions: Collection[str]) -> CommandCall:
        """Return the call in which words such as ``tag=3`` are variables, if they answer a question of deploy.yml.

        Args:
            questions: the variables that answer the questions.
        """
        found = {word: match for word in self.words if (match := VARIABLE.fullmatch(word)) and match[1] in questions}
        if len(found) == len(self.words):  # then it is the command
            return self
        variables = dict(self.variables)
        for match in found.values():
            _add_variable(variables, match[1], match[2])
        return replace(self, words=tuple(word for word in self.words if word not in found), variables=variables)


def restore_words(words: Sequence[str], taken: Mapping[str, str], arguments: Sequence[str]) -> list[str]:
    """Return the words behind `cap` with the variables that doit took out of the command line at their places.

    Args:
        words: the words that doit left.
        taken: the variables that doit took out, by name.
        arguments: all arguments of doit; the variables before `cap` become the first words.
    """

    def is_taken(word: str) -> bool:
        return not word.startswith("-") and "=" in word and word.partition("=")[0] in taken

    for place, argument in enumerate(arguments):
        rest = arguments[place + 1 :]
        if argument == "cap" and [word for word in rest if not is_taken(word)] == [*words]:
            return [*filter(is_taken, arguments[:place]), *rest]
    return [*(f"{name}={value}" for name, value in taken.items()), *words]


def parse_call(typed: Sequence[str], doit_options: Sequence[Option]) -> CommandCall:
    """Return the call that an operator typed.

    Args:
        typed: the words behind `doit cap`, NAME=VALUE included.
        doit_options: options of doit that stand between the others, such as ``--file``.

    Raises:
        ConfigError: the subcommand or an option does not exist, or an option has no value, or one too many, or a
            variable has two values.
    """
    before, after = _split_at_dashes(typed)
    place = _find_name(before, [*commands_by_option(COMMANDS), HELP, *doit_options])
    if place is None:
        return CommandCall(None, wants_help=True)
    command = _find_command(before[place], [*before[:place], *before[place + 1 :]])
    return _parse(command, [*before[:place], *before[place + 1 :]], after, doit_options)


def _split_at_dashes(words: Sequence[str]) -> tuple[list[str], list[str]]:
    place = words.index("--") if "--" in words else len(words)
    return [*words[:place]], [*words[place + 1 :]]


def _find_name(words: Sequence[str], options: Iterable[Option]) -> int | None:
    """Return the place of the name of the subcommand: the first word that is no option, value or variable."""
    known = _by_spelling(options)
    rest = iter(enumerate(words))
    for place, word in rest:
        if not _is_option(word):
            if not VARIABLE.fullmatch(word):
                return place
            continue
        spelling, value = _split_option(word)
        if spelling in LISTS_OF_TASKS:
            raise ConfigError(f"cap has no {spelling}; did you mean: doit list?")
        if spelling not in known:
            raise ConfigError(f"cap has no {spelling}{suggest_name(spelling, known)}")
        if value is None and not isinstance(known[spelling], Flag):
            next(rest, None)
    return None


def _find_command(name: str, others: Sequence[str]) -> Subcommand:
    commands = {command.name: command for command in COMMANDS}
    if name in commands:
        return commands[name]
    words = [name, *others]
    if name in LISTS_OF_TASKS:
        raise ConfigError(f"cap has no {name}; did you mean: doit list?")
    if name == "help":
        right = shlex.join([*(word for word in others if word in commands), "--help"])
        raise ConfigError(f"cap has no help; did you mean: doit cap {right}?")
    if task := next((word for word in words if word.partition(":")[0] in SHORT_NAMES), None):
        right = _call_task(SHORT_NAMES.get(task, task), [word for word in words if word != task])
        raise ConfigError(f"{task} is a task of doit, and no subcommand of cap; did you mean: {right}?")
    if command := next((word for word in others if word in commands), None):
        right = shlex.join([command, name, *(word for word in others if word != command)])
        raise ConfigError(f"cap has no {name}; the subcommand comes first; did you mean: doit cap {right}?")
    raise ConfigError(f"cap has no {name}{_suggest_command(name, others)}")


def _call_task(task: str, others: Sequence[str]) -> str:
    """Return the command line that calls a task, with the stage, variables and dry run among the other words."""
    variables = [word for word in others if VARIABLE.fullmatch(word)]
    stages = [word for word in others if not (_is_option(word) or word in variables or ":" in task)]
    dry_run = ["dry_run=yes"] if {*others} & {*DRY_RUN_OPTIONS} else []
    return shlex.join(["doit", ":".join([task, *stages[:1]]), *variables, *dry_run])


def _suggest_command(name: str, others: Sequence[str]) -> str:
    """Return what was probably meant by an unknown subcommand: another one, or a task of doit."""
    commands = [command.name for command in COMMANDS]
    command, _, stage = name.partition(":")
    if command in commands:
        return f"; did you mean: {shlex.join(['doit', 'cap', command, stage, *others])}?"
    there_are = f" (there are {join_names(commands)})"
    if suggestion := suggest_name(name, commands):
        return f"{suggestion}{there_are}"
    words = [name, *others]
    if word := next((word for word in words if find_meant_name(word, SHORT_NAMES)), None):
        task = SHORT_NAMES[find_meant_name(word, SHORT_NAMES)]
        return f"; did you mean: {_call_task(task, [other for other in words if other != word])}?"
    return f"{there_are}; a task is typed without cap, and doit list shows all"


def _parse(command: Subcommand, before: list[str], after: list[str], doit_options: Sequence[Option]) -> CommandCall:
    positional, given = _read_options(command, before, [*command.all_options, HELP, *doit_options])
    words, variables = _take_variables(command, positional)
    for option, text in given:
        if option.name in command.variables:
            _add_variable(variables, option.name, text)
    options = {o.name: True if isinstance(o, Flag) else o.parse(text) for o, text in given if o in command.options}
    return CommandCall(
        command,
        wants_help=any(option is HELP for option, _ in given),
        words=tuple(words if command.runs_command else [*words, *after]),
        command_words=tuple(after if command.runs_command else []),
        options=options,
        variables=variables,
        doit_words=tuple(_spell(*one) for one in given if one[0] in doit_options),
    )


# -- options


def _read_options(
    command: Subcommand, words: Sequence[str], options: Iterable[Option]
) -> tuple[list[str], list[Given]]:
    """Return the words that are no options, and the options with their values."""
    known, rest = _by_spelling(options), deque(words)
    positional: list[str] = []
    given: list[Given] = []
    while rest:
        word = rest.popleft()
        if not _is_option(word):
            positional.append(word)
            continue
        spelling, value = _split_option(word)
        if spelling not in known or (spelling == "-h" and command.runs_command and positional):
            raise _unknown_option(command, spelling, known, bool(positional))
        given.append((known[spelling], _take_value(command, spelling, known[spelling], value, rest)))
    return positional, given


def _take_value(command: Subcommand, spelling: str, option: Option, value: str | None, rest: deque[str]) -> str:
    """Return the value of an option: the text after ``=``, or else the next word; empty for a flag."""
    if isinstance(option, Flag):
        if value is not None:
            raise ConfigError(f"cap {command.name}: {spelling} takes no value, found {value}")
        return ""
    if value is None and not rest:
        raise ConfigError(f"cap {command.name}: {spelling} needs a value: {spelling} {option.metavar}")
    return rest.popleft() if value is None else value


def _unknown_option(command: Subcommand, spelling: str, known: Iterable[str], is_after_word: bool) -> ConfigError:
    """Return the error of an option that the command does not have."""
    first = f"cap {command.name} has no {spelling}"
    if command.runs_command and is_after_word:
        right = f"doit cap {command.name} production -- df -h"
        return ConfigError(f"{first}; a command with options of its own stands behind --, as in: {right}")
    if takers := _list_takers(spelling):
        return ConfigError(f"{first}; only these have it: {join_names(takers)}")
    return ConfigError(f"{first}{suggest_name(spelling, known)} (doit cap {command.name} --help shows all)")


def _list_takers(spelling: str) -> list[str]:
    """Return the names of the commands that have an option."""
    options = commands_by_option(COMMANDS).items()
    return [name for option, names in options if spelling in spellings(option) for name in names]


def _by_spelling(options: Iterable[Option]) -> dict[str, Option]:
    return {spelling: option for option in options for spelling in spellings(option)}


def _is_option(word: str) -> bool:
    return word.startswith("-") and word != "-"


def _split_option(word: str) -> tuple[str, str | None]:
    """Return an option and its value: of ``--hosts=web1``, ``-n5``, or without a value, ``--hosts``."""
    if word.startswith("--"):
        spelling, equals, value = word.partition("=")
        return spelling, value if equals else None
    return word[:2], word[2:] or None


def _spell(option: Option, text: str) -> str:
    return f"--{option.name}" if isinstance(option, Flag) else f"--{option.name}={text}"


# -- variables


def _take_variables(command: Subcommand, positional: Iterable[str]) -> tuple[list[str], dict[str, str]]:
    """Return the words without variables, and the variables. A command for hosts may contain ``=``, too."""
    words: list[str] = []
    variables: dict[str, str] = {}
    for word in positional:
        found = VARIABLE.fullmatch(word)
        if found and (is_meant_as_variable(found[1]) or not command.runs_command):
            _add_variable(variables, found[1], found[2])
        else:
            words.append(word)
    return words, variables


def _add_variable(variables: dict[str, str], name: str, value: str) -> None:
    if variables.setdefault(name, value) != value:
        given = f"{variables[name]} and {value}"
        raise ConfigError(f"{name} is given twice: {given}; separate several names with commas")
