"""A scanner of POSIX sh that finds which commands, functions and variables a script uses."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")
PARAMETER = re.compile(r"\$\{?#?([A-Za-z_][A-Za-z0-9_]*)")
SKIPPED = re.compile(r"[ \t]+|#[^\n]*")
LITERAL = re.compile(r"[\w:.\[-]+")
OPERATORS = re.compile(r"[\n;&|]+")
REDIRECTION = re.compile(r"[0-9]?(?:>>|<>|[<>]&?)[ \t]*")
BETWEEN_PATTERNS = re.compile(r"[ \t\n]+|#[^\n]*")
BLANK = " \t"
WORD_ENDS = " \t\n;&|()<>"
BEFORE_COMMAND = {"if", "then", "else", "elif", "do", "while", "until", "!", "{"}
AFTER_COMMAND = {"fi", "done", "esac", "}"}
RUNS_ITS_ARGUMENTS = {"for_each_shared_path", "try_with_reserve"}


@dataclass
class Source:
    """The names that a script uses. Single-quoted text, such as a program for awk, is not scanned.

    Attributes:
        calls: the words in the place of a command that are literal and not reserved.
        functions: the functions that it defines.
        reads: the variables that it expands.
        assigns: the variables that it assigns.
        is_library: it does nothing but define functions.
    """

    calls: set[str] = field(default_factory=set)
    functions: list[str] = field(default_factory=list)
    reads: set[str] = field(default_factory=set)
    assigns: set[str] = field(default_factory=set)
    is_library: bool = True


def scan(text: str) -> Source:
    """Return what a script uses."""
    source = Source()
    text = text.replace("\\\n", "  ")
    end = _Scanner(text, source).scan_code(0)
    assert end == len(text), f"the scanner stopped at: {text[end : end + 80]!r}"
    return source


class _Scanner:
    def __init__(self, text: str, source: Source, braces: int = 0) -> None:
        self._text, self._source, self._braces = text, source, braces
        self._expects_command, self._command = True, ""

    def scan_code(self, here: int) -> int:
        """Scan commands until the text ends or a parenthesis closes that this code did not open; return that place."""
        while here < len(self._text) and self._text[here] != ")":
            if match := SKIPPED.match(self._text, here):
                here = match.end()
            elif self._text.startswith(";;", here):
                here = self._skip_pattern(here + 2)
                self._expects_command = True
            elif match := OPERATORS.match(self._text, here):
                here = match.end()
                self._expects_command = True
            elif self._text[here] == "(":
                self._expects_command = True
                here = self.scan_code(here + 1) + 1
                self._expects_command = False
            elif match := REDIRECTION.match(self._text, here):
                here = self._scan_word(match.end())[1]
            else:
                here = self._take_word(*self._scan_word(here))
        return here

    def _take_word(self, word: str, here: int) -> int:
        """Record a word that ends here; return the place from where to go on."""
        if self._expects_command:
            return self._take_command(word, here)
        if self._command == "export" and "=" not in word:
            self._source.reads.add(word)
        elif self._command in ("export", "read") and not word.startswith("-"):
            self._source.assigns.add(word.partition("=")[0])
        return here

    def _take_command(self, word: str, here: int) -> int:
        """Record a word in the place of a command; return the place from where to go on."""
        if self._text.startswith("() {", here):
            self._source.functions.append(word)
            self._braces += 1
            return here + 4
        if word in BEFORE_COMMAND:
            self._braces += word == "{"
            return here
        self._expects_command = False
        if word in AFTER_COMMAND:
            self._braces -= word == "}"
            return here
        self._source.is_library &= self._braces > 0
        if match := ASSIGNMENT.match(word):
            self._source.assigns.add(match[1])
            self._expects_command = True
        elif word == "for":
            name, here = self._scan_word(self._skip_blanks(here))
            self._source.assigns.add(name)
            self._command = word
        elif word == "case":
            here = self._scan_word(self._skip_blanks(here))[1]
            here = self._skip_pattern(self._text.index(" in", here) + 3)
            self._expects_command = True
        else:
            self._command = word
            if LITERAL.fullmatch(word):
                self._source.calls.add(word)
            self._expects_command = word in RUNS_ITS_ARGUMENTS
        return here

    def _skip_blanks(self, here: int) -> int:
        while self._text[here] in BLANK:
            here += 1
        return here

    def _skip_pattern(self, here: int) -> int:
        """Skip the pattern of a case, unless the case ends here."""
        while match := BETWEEN_PATTERNS.match(self._text, here):
            here = match.end()
        while not self._text.startswith("esac", here) and self._text[here] != ")":
            here = here + 1 if self._text[here] in BLANK + "|" else self._scan_word(here)[1]
        return here + (self._text[here] == ")")

    def _scan_word(self, start: int) -> tuple[str, int]:
        """Return the text of a word, as it is written, and its end; record the variables that it expands."""
        text, here = self._text, start
        while here < len(text) and text[here] not in WORD_ENDS:
            if text[here] == "'":
                here = text.index("'", here + 1) + 1
            elif text[here] == '"':
                here = self._scan_quoted(here + 1)
            elif text[here] == "\\":
                here += 2
            elif text[here] == "$":
                here = self._scan_expansion(here)
            else:
                here += 1
        return text[start:here], here

    def _scan_quoted(self, here: int) -> int:
        """Scan to behind the double quote that closes a text."""
        while self._text[here] != '"':
            if self._text[here] == "\\":
                here += 2
            elif self._text[here] == "$":
                here = self._scan_expansion(here)
            else:
                here += 1
        return here + 1

    def _scan_expansion(self, here: int) -> int:
        text = self._text
        if text.startswith("$((", here):
            end = text.index("))", here)
            self._source.reads.update(NAME.findall(text[here:end]))
            return end + 2
        if text.startswith("$(", here):
            return _Scanner(text, self._source, self._braces).scan_code(here + 2) + 1
        if match := PARAMETER.match(text, here):
            self._source.reads.add(match[1])
        if text.startswith("${", here):
            here += 2
            while text[here] != "}":
                here = self._scan_inside_braces(here)
            return here + 1
        return match.end() if match else here + 2

    def _scan_inside_braces(self, here: int) -> int:
        if self._text[here] == '"':
            return self._scan_quoted(here + 1)
        if self._text[here] == "$":
            return self._scan_expansion(here)
        return here + (2 if self._text[here] == "\\" else 1)
