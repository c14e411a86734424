"""`doit cap install`: a first deploy.yml and dodo.py, and the JSON Schema that checks deploy.yml in editors."""

from __future__ import annotations

import re
from pathlib import Path

from capdoit.commands.command_request import CommandRequest
from capdoit.commands.schema import SCHEMA_FILE, make_schema_text, warn_of_unknown_options
from capdoit.commands.subcommand import Subcommand
from capdoit.config.settings import is_stage_name
from capdoit.errors import ConfigError
from capdoit.output.console import Console

IGNORED = "/log/"
IGNORING = re.compile(r"^/?log(/|/\*)?[ \t]*$", re.MULTILINE)  # lines of a .gitignore that do so already
MODELINE = "# yaml-language-server: $schema="
TEMPLATES = Path(__file__).parent / "templates"
DEFAULT_STAGES = ("staging", "production")  # Capistrano's


def install_files(request: CommandRequest) -> int:
    """Write deploy.yml and dodo.py unless they exist, the JSON Schema, and a line of .gitignore for the log."""
    stages = request.words or DEFAULT_STAGES
    for stage in stages:
        if not is_stage_name(stage) or stages.count(stage) > 1:
            raise ConfigError(f"{stage} cannot be the name of a stage, or occurs twice; nothing was written")
    project = request.dodo_file.parent
    deploy = _read_template("deploy.yml").replace("{default_stage}", stages[0]).replace("{schema}", SCHEMA_FILE)
    blocks = [_read_template("stage.yml").replace("{stage}", stage) for stage in stages]
    _write(request.console, project / "deploy.yml", deploy + "".join(blocks))
    _write(request.console, request.dodo_file, _read_template("dodo.py"))
    _write_schema(request.console, project)
    _ignore_log(request.console, project)
    request.console.write("Next: put your hosts into deploy.yml, then run `doit check` and `doit deploy`.")
    return 0


def _read_template(name: str) -> str:
    return (TEMPLATES / f"{name}.in").read_text(encoding="utf-8")


def _write(console: Console, file: Path, text: str) -> None:
    try:
        with file.open("x", encoding="utf-8") as target:
            target.write(text)
    except FileExistsError:
        console.write(f"[skip] {file} exists")
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from None
    else:
        console.write(f"[write] {file}")


def _write_schema(console: Console, project: Path) -> None:
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


def _ignore_log(console: Console, project: Path) -> None:
    """Let git ignore the logs. Without a git repository and a .gitignore, none is written."""
    file = project / ".gitignore"
    try:
        text = file.read_text(encoding="utf-8", errors="surrogateescape") if file.exists() else ""
        if IGNORING.search(text) or not (file.exists() or _is_in_git_repository(project)):
            return
        newline = "" if text.endswith("\n") or not text else "\n"
        with file.open("a", encoding="utf-8") as target:
            target.write(f"{newline}{IGNORED}\n")
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from None
    console.write(f"[write] {file}: {IGNORED}")


def _is_in_git_repository(project: Path) -> bool:
    return any((folder / ".git").exists() for folder in (project.absolute(), *project.absolute().parents))


COMMAND = Subcommand(
    name="install",
    help="write deploy.yml, dodo.py, and the JSON Schema of deploy.yml",
    description=(
        "The stages are staging and production unless you name others. A deploy.yml or dodo.py that exists is not "
        "changed; the schema is renewed. In a git repository, .gitignore gets a line for the log."
    ),
    run=install_files,
    words=("[STAGE…]",),
)
