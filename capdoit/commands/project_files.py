"""The files of a project that `doit cap install` writes. No file of the project is overwritten."""

from __future__ import annotations

import re
from pathlib import Path

from capdoit.commands.schema import SCHEMA_FILE, make_schema_text, warn_of_unknown_options
from capdoit.errors import ConfigError
from capdoit.output.console import Console

# What git has to ignore, and the lines of a .gitignore that do so already.
IGNORED = {
    "/log/": re.compile(r"^/?log(/|/\*)?[ \t]*$", re.MULTILINE),
    "/.doit.json": re.compile(r"^/?\.doit(\.json|\*|\.\*)[ \t]*$", re.MULTILINE),
}
TEMPLATES = Path(__file__).parent / "templates"
MODELINE = "# yaml-language-server: $schema="


def read_template(name: str) -> str:
    """Return the text of a template, such as ``deploy.yml``."""
    return (TEMPLATES / f"{name}.in").read_text(encoding="utf-8")


def write_file(console: Console, file: Path, text: str) -> None:
    """Write a file unless it exists."""
    try:
        with file.open("x", encoding="utf-8") as target:
            target.write(text)
    except FileExistsError:
        console.write(f"[skip] {file} exists")
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from None
    else:
        console.write(f"[write] {file}")


def write_schema(console: Console, project: Path) -> None:
    """Write the JSON Schema of deploy.yml, and replace an earlier one: it has no changes by hand."""
    file = project / SCHEMA_FILE
    text, errors = make_schema_text(project)
    warn_of_unknown_options(console, errors)
    try:
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"{text}\n", encoding="utf-8")
        names_schema = MODELINE in (project / "deploy.yml").read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from None
    console.write(f"[write] {file}")
    if not names_schema:
        console.write(f"Editors need this line at the top of deploy.yml: {MODELINE}{SCHEMA_FILE}")


def ignore_files(console: Console, project: Path) -> None:
    """Let git ignore logs and doit's database. Without a git repository and a .gitignore, none is written."""
    file = project / ".gitignore"
    try:
        text = file.read_text(encoding="utf-8", errors="surrogateescape") if file.exists() else ""
        missing = [line for line, ignoring in IGNORED.items() if not ignoring.search(text)]
        if not missing or not (file.exists() or _is_in_git_repository(project)):
            return
        newline = "" if text.endswith("\n") or not text else "\n"
        with file.open("a", encoding="utf-8") as target:
            target.write(newline + "".join(f"{line}\n" for line in missing))
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from None
    console.write(f"[write] {file}: {', '.join(missing)}")


def _is_in_git_repository(project: Path) -> bool:
    return any((folder / ".git").exists() for folder in (project.absolute(), *project.absolute().parents))
