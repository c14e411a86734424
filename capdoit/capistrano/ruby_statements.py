"""Statements of Ruby: where they end, and the environment variables that they read."""

from __future__ import annotations

import re
from collections.abc import Mapping

from capdoit.capistrano.project import Place, SourceFiles

OPENING, CLOSING = "([{", ")]}"
MOST_LINES = 200
HEREDOC = re.compile(r"""<<[~-]?["']?([A-Z]\w*)""")
CHECKED_OUT = re.compile(r"\bgit\b.*(?:--abbrev-ref|--show-current|symbolic-ref|\bbranch\b.*\*)")
# A variable that is only a part of a text: "pre-#{ENV['FOO']}", or "pre-" + ENV["FOO"].
PARTS = re.compile(r"#\{([^{}]*)\}|(?:\+|<<)\s*(ENV\b[^,\n]*)|(\bENV\[[^\]\n]*\])\s*\+")
READ = re.compile(r"""\bENV(?:\[|\.fetch\()\s*["'](\w+)["']\s*(\]\s*\|\||,|\)\s*\{)?""")


def read_statement(sources: SourceFiles, place: Place) -> str:
    """Return the text of the statement that begins on a line."""
    lines = sources.lines(place.file)[place.line - 1 : place.line - 1 + MOST_LINES]
    text = ""
    for line in lines:
        text += f"{without_comment(line)}\n"
        if not continues(text) and not _has_open_heredoc(text):
            break
    return text


def _has_open_heredoc(text: str) -> bool:
    found = HEREDOC.search(text)
    return bool(found and not re.search(rf"^\s*{found[1]}$", text, re.MULTILINE))


def find_missing_part(ruby: str, variables: Mapping[str, str | None]) -> str:
    """Return a variable that is not set, and leaves a hole in a text; empty if there is none."""
    parts = ("".join(part) for part in PARTS.findall(ruby))
    reads = (read for part in parts for read in READ.findall(part))
    return next((name for name, fallback in reads if not fallback and variables.get(name, "") is None), "")


def is_part_of_text(ruby: str) -> bool:
    """Return whether a text is made of parts, so that no part of it is the complete text."""
    without_quotes = re.sub(r"`[^`]*`", "``", ruby)
    return bool(re.search(r"""["'`\w)]\s*(?:\+|<<)\s*["'`\w]|"[^"\n]*#\{""", without_quotes))


def continues(text: str) -> bool:
    """Return whether a statement goes on behind a text."""
    depth = sum(text.count(char) for char in OPENING) - sum(text.count(char) for char in CLOSING)
    return depth > 0 or text.rstrip().endswith((",", "\\", "=>", "||", "&&"))


def without_comment(line: str) -> str:
    """Return a line without a comment at its end, which has a space around its #."""
    return re.sub(r"(?:^|\s)#(?:\s|[^\s{\"'].*\s|$)[^\"']*$", "", line)
