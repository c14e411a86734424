"""The code behind a value: the statements that set it, those of variables and settings in them, and conditions."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from capdoit.capistrano.project import CapistranoSetting, Place, SourceFiles
from capdoit.capistrano.ruby_literals import NotLiteralError, read_arguments
from capdoit.capistrano.ruby_statements import read_statement
from capdoit.controller_command import CurrentBranch
from capdoit.sources import EnvironmentVariable

MOST_STATEMENTS = 50
# The operator's choice for one run, which must not become the setting of a file.
VARIABLES_OF_ONE_RUN = ("BRANCH", "HOSTS", "ROLES", "ROLLBACK_RELEASE")
ASSIGNMENT = re.compile(r"^\s*(?:([@$]?\w+)\s*(?:\|\|)?=(?![=~>])|def\s+(?:self\.)?(\w+))")
FETCH = re.compile(r"\bfetch[ (]+:(\w+)")
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"|\'(?:[^\'\\]|\\.)*\'')
INTERPOLATION = re.compile(r"#\{([^{}]*)\}")
BRANCH = re.compile(r"\s*(?:else|elsif|when|in)\b")
CONDITION = re.compile(
    r"\s*(?:if|unless|elsif|case|when|while|until|else|begin|rescue)\b|.*\bdo\b(?:\s*\|[^|]*\|)?\s*$"
)
# What may have another result tomorrow.
VARIABLE_CODE = re.compile(
    r"`|%x|\b(?:ENV|ARGV|File|Dir|IO|Time|Date|DateTime|Etc|Socket|Net|URI|open|system|rand|YAML|JSON|gets|exec)\b"
)


class OriginReader:
    """A reader of the code behind the settings of a project.

    Args:
        sources: the files of the project.
        places: the lines that set each setting, by its name.
    """

    def __init__(self, sources: SourceFiles, places: Mapping[str, Sequence[Place]]) -> None:
        self._sources, self._places = sources, places

    def read_statements(self, name: str) -> list[str]:
        """Return the statements that make a value; the last one, and earlier ones to which it adds, are at the end."""
        own = self._read_own(name)
        found: list[str] = [text for text, _ in own]
        for text, place in own:
            self._add_others(text, place, found)
        others = found[len(own) :]
        return [*others, *found[: len(own)]]

    def _read_own(self, name: str) -> list[tuple[str, Place]]:
        found: list[tuple[str, Place]] = []
        for place in reversed(self._places.get(name, ())):
            statement = read_statement(self._sources, place)
            found.insert(0, (statement, place))
            if f"fetch(:{name}" not in statement and not re.match(r"\s*(?:append|remove)\b", statement):
                break
        return found

    def _add_others(self, text: str, place: Place, found: list[str]) -> None:
        """Add the statements that a statement needs, and those that they need."""
        code = without_texts(text)
        of_variables = [(self._read_assignment(one), one) for one in self._find_assignments(code, place.file)]
        of_settings = [item for name in FETCH.findall(code) for item in self._read_own(name)]
        for statement, where in (*of_variables, *of_settings):
            if statement not in found and len(found) < MOST_STATEMENTS:
                found.append(statement)
                self._add_others(statement, where, found)

    def _find_assignments(self, code: str, file: str) -> Iterator[Place]:
        for number, line in enumerate(self._sources.lines(file), 1):
            match = ASSIGNMENT.match(line)
            name = match and (match[1] or match[2])
            if name and re.search(rf"(?<![:.\w@$]){re.escape(name)}\b", code):
                yield Place(file, number)

    def _read_assignment(self, place: Place) -> str:
        """Return the statement that gives a name its value; a method is read to its end."""
        lines = self._sources.lines(place.file)[place.line - 1 :]
        if not lines[0].lstrip().startswith("def "):
            return read_statement(self._sources, place)
        end = f"{' ' * _indent(lines[0])}end"
        return "\n".join(lines[: lines.index(end) + 1] if end in lines else lines[:1])

    def may_change(self, place: Place) -> bool:
        """Return whether the conditions of a line may have another result tomorrow."""
        behind = _split_condition(read_statement(self._sources, place))[1]
        found: list[str] = []
        for text in (behind, *self.read_conditions(place)):
            found.append(text)
            self._add_others(text, place, found)
        return any(map(VARIABLE_CODE.search, found))

    def read_conditions(self, place: Place) -> list[str]:
        """Return the lines of the blocks around a line: conditions and loops."""
        lines = self._sources.lines(place.file)[: place.line]
        depth, is_branch, found = _indent(lines[-1]) if lines else 0, False, []
        for line in reversed(lines[:-1]):
            if not line.strip() or not (_indent(line) < depth or (is_branch and _indent(line) == depth)):
                continue
            if CONDITION.match(line):
                found.append(line.strip())
            depth, is_branch = _indent(line), bool(BRANCH.match(line)) or (is_branch and not _begins(line))
        return found


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _begins(line: str) -> bool:
    return bool(re.match(r"\s*(?:if|unless|case|begin)\b", line))


def without_texts(code: str) -> str:
    """Return code without the texts in it; what is interpolated stays."""
    return STRING.sub(lambda found: f" {' '.join(INTERPOLATION.findall(found[1] or ''))} ", code)


# -- whether a value stays the same


def describe_lost_code(setting: CapistranoSetting, written: Any) -> str:
    """Return what deploy.yml lacks of the code of a setting; empty if it has the value, or can compute it.

    Args:
        setting: the setting.
        written: its value in deploy.yml.
    """
    variables = {*list_variables(written), *VARIABLES_OF_ONE_RUN}
    follows_git = isinstance(written, CurrentBranch) or getattr(written, "default", None) == CurrentBranch(".")
    if follows_git:
        lost = [name for name in setting.variables if name not in variables]
        return f"the environment variable {lost[0]} is not read; branch= names another branch" if lost else ""
    if is_constant(setting.statements, setting.conditions, variables):
        return ""
    return "code computes it, and deploy.yml has the value of today; !env, !cmd or a function can compute it each time"


def list_variables(written: Any) -> Iterator[str]:
    """Yield the environment variables from which deploy.yml takes a value, or parts of it."""
    if isinstance(written, EnvironmentVariable):
        yield written.variable
    items = written.values() if isinstance(written, Mapping) else written if isinstance(written, list) else ()
    for item in (*items, getattr(written, "default", None)):
        yield from list_variables(item) if item is not None else ()


def is_constant(statements: Sequence[str], conditions: Sequence[str], variables: Collection[str]) -> bool:
    """Return whether code gives the same value each time.

    Args:
        statements: the code of the value, with that of everything in it.
        conditions: the lines of the blocks around it.
        variables: environment variables that deploy.yml reads itself, so that their values may differ.
    """
    names = {found[1] or found[2] for text in statements if (found := ASSIGNMENT.match(text))}
    parts = [part for text in statements for part in _split_condition(text)]
    rest = [*parts[1::2], *conditions]
    return all(_is_literal(text, names, variables) for text in parts[::2]) and not any(map(VARIABLE_CODE.search, rest))


def _split_condition(statement: str) -> tuple[str, str]:
    """Return a statement, and the condition behind it."""
    found = re.match(r"(.*?)\s+(?:if|unless)\s+(.*)", statement.strip(), re.DOTALL)
    return (found[1], found[2]) if found else (statement, "")


def _is_literal(statement: str, names: Collection[str], variables: Collection[str]) -> bool:
    """Return whether a statement has nothing but literals, known names, and settings."""
    text = re.sub(r"^\s*(?:(?:set|set_if_empty|append|remove|ask)\b|[@$]?\w+\s*(?:\|\|)?=)", "", statement).strip()
    try:
        read_arguments(_simplify(text, names, variables))
    except (NotLiteralError, IndexError, TypeError, ValueError):
        return False
    return True


def _simplify(text: str, names: Collection[str], variables: Collection[str]) -> str:
    """Return code with a text in place of everything that is as constant as one."""
    rules = [*_variable_rules(variables), *RULES]
    if names:
        known = "|".join(map(re.escape, names))
        rules.append((re.compile(rf"(?<![:.\w@$\"']){{0}}(?<![\w@$:.])(?:{known})\b(?!\s*[:(\w])"), '"x"'))
    before = ""
    while before != text:
        before = text
        text = STRING.sub(lambda found: _simplify_text(found[0], rules), text)
        for pattern, replacement in rules:
            text = pattern.sub(replacement, text)
    return text


def _simplify_text(text: str, rules: Sequence[tuple[re.Pattern[str], str]]) -> str:
    """Return a text in quotes; an interpolation that is constant is left out."""

    def fill(found: re.Match[str]) -> str:
        inner = found[1].strip()
        for pattern, replacement in rules:
            inner = pattern.sub(replacement, inner)
        return "x" if re.fullmatch(r'"x"|\d+', inner) else found[0]

    return INTERPOLATION.sub(fill, text) if text.startswith('"') else text


def _variable_rules(variables: Collection[str]) -> list[tuple[re.Pattern[str], str]]:
    """Return the rules for environment variables that deploy.yml reads itself."""
    names = "|".join(map(re.escape, variables))
    if not names:
        return []
    name = rf"""["'](?:{names})["']"""
    return [
        (re.compile(rf"\bENV(?:\[\s*{name}\s*\]|\.fetch\(\s*{name}\s*\))\s*\|\|\s*"), ""),
        (re.compile(rf"\bENV\.fetch\(\s*{name}\s*,\s*([^()]*)\)"), r"\1"),
        (re.compile(rf"\bENV\.fetch\(\s*{name}\s*\)\s*\{{([^{{}}]*)\}}"), r"\1"),
        (re.compile(rf"\bENV(?:\[\s*{name}\s*\]|\.fetch\(\s*{name}\s*\))"), '"x"'),
    ]


PATHS = r"(?:deploy|current|release|releases|shared|repo|stage_config|deploy_config)_path"
TEXT = r"""(?:"[^"\\#`]*"|'[^'\\`]*')"""
METHODS = "to_s|to_sym|to_i|freeze|strip|chomp|downcase|upcase|dup|uniq|capitalize"
RULES = [
    (re.compile(r"\bfetch\(:\w+(?:,\s*(?:\[\]|\{\}|nil|true|false|\d+|:\w+|" + TEXT + r"))?\)"), '"x"'),
    (re.compile(r"\bfetch :\w+"), '"x"'),
    (re.compile(rf"\b{PATHS}\b"), '"x"'),
    (re.compile(rf"\b(?:File\.join|Pathname(?:\.new)?)\({TEXT}(?:,\s*{TEXT})*\)"), '"x"'),
    (re.compile(rf"%[wi]\[[^\]]*\]\.join\({TEXT}\)"), '"x"'),
    (re.compile(rf"({TEXT})\.join\({TEXT}\)"), r"\1"),
    (re.compile(rf"{TEXT}\.(?:push|concat|unshift)(?:\(([^()]*)\)|\s)"), r"\1"),
    (re.compile(rf"({TEXT}|[\])])\.(?:{METHODS})\b"), r"\1"),
    (re.compile(rf"({TEXT})\s*[+|]\s*(?=[\"'\[])"), ""),
    (re.compile(rf"({TEXT})\s*\|\|\s*{TEXT}"), r"\1"),
    (re.compile(r"(?:->\s*(?:\(\))?|\blambda|\bproc|\bProc\.new)\s*\{([^{}]*)\}"), r"\1"),
    (re.compile(r"\b0[0-7]+\b(?![.\w])"), "0"),
]  # fmt: skip
