"""Reads a project by its own Capistrano: `export.rb` lets it print what it declares, once for each stage."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from capdoit.capistrano.project import (
    Block,
    CapistranoCommand,
    CapistranoHook,
    CapistranoServer,
    CapistranoSetting,
    CapistranoStage,
    CapistranoTask,
    Place,
    SourceFiles,
    find_capfile,
)
from capdoit.capistrano.ruby_origins import VARIABLES_OF_ONE_RUN, OriginReader, without_texts
from capdoit.capistrano.ruby_statements import CHECKED_OUT, is_part_of_text
from capdoit.capistrano.stage_names import find_deploy_file, find_stage_folder
from capdoit.capistrano.unmet_conditions import Declared, find_unmet_lines
from capdoit.errors import ConfigError
from capdoit.sources import EnvironmentVariable

EXPORT = Path(__file__).with_name("export.rb")
MOST_LINES = 15
ADVICE = (
    "nothing was written. Make it work (perhaps: bundle install), name another command with --cap, or read the files "
    "without Ruby: --cap none"
)
CODE = re.compile(r"`|#\{|%x|\bENV\b|\bFile\.|\bIO\.|\bfetch\b|->|\blambda\b|\bproc\b")
# ENV["A"] || ENV["B"] || "x"; ENV.fetch("A", "x")
READ = r"""\bENV(?:\[|\.fetch\()\s*["'](\w+)["']\s*"""
CHAIN = re.compile(rf"""{READ}(?:\]\s*\|\||,|\)\s*\{{)\s*(?=ENV\b|["':])""")
READS = re.compile(READ)
OCTAL = re.compile(r"(?<![\w.])0o?([0-7]{2,})\b(?!\.)")
# A place in a backtrace: "\tfrom /usr/lib/x.rb:3:in `load'", or in front of the message of an error.
FRAME = re.compile(r"^\s*(?:from )?(?:/|<internal:)\S*:\d+:in [`'].*?'(?:: |$)")
LITERAL_NAME = re.compile(r"\b(?:server|role)\b[ (]*(?::\w+ *, *)?(?:%w|\[|[\"'](?!.*#\{)|:local)")


def find_command(folder: Path) -> tuple[str, ...] | None:
    """Return the command that runs the Capistrano of a project; None if there is none."""
    lists = [folder / name for name in ("Gemfile.lock", "Gemfile")]
    bundled = any("capistrano" in path.read_text("utf-8", "replace") for path in lists if path.is_file())
    if bundled and shutil.which("bundle"):
        return ("bundle", "exec", "cap")
    return ("cap",) if shutil.which("cap") else None


def read_stage(folder: Path, command: Sequence[str], stage: str) -> CapistranoStage:
    """Return what a project declares for a stage.

    Args:
        folder: directory of the project.
        command: the words that run Capistrano.
        stage: name of the stage.

    Raises:
        ConfigError: Capistrano cannot be run; has its last lines.
    """
    report = _run(folder, command, stage)
    sources = SourceFiles(folder)
    places = {raw["name"]: _own_places(raw) for raw in report["settings"]}
    origins = OriginReader(sources, places)
    variables = report["environment"]
    tasks = {raw["name"]: _read_task(raw) for raw in report["tasks"]}
    of_servers = [place for raw in report["servers"] for place in _own_places(raw)]
    declared = Declared(
        {**places, "server": of_servers, "role": of_servers},
        [block for task in tasks.values() for block in task.blocks],
    )
    return CapistranoStage(
        name=stage,
        settings={raw["name"]: _read_setting(raw, sources, origins, variables) for raw in report["settings"]},
        servers=[_read_server(raw, sources) for raw in report["servers"]],
        tasks=tasks,
        hooks=_read_hooks(report["hooks"]),
        features=report["features"],
        umask=str(report["umask"] or ""),
        commands=[CapistranoCommand(**{**raw, "place": Place(*raw["place"])}) for raw in report["commands"]],
        unmet=[*find_unmet_lines(sources, origins, _list_files(folder, stage, declared), declared)],
        skipped=[Place(*place) for place in report["skipped"]],
        failure=report["failure"] or "",
    )


def _run(folder: Path, command: Sequence[str], stage: str) -> Any:
    mark = f"capdoit-{secrets.token_hex(8)}"
    kept = {name: value for name, value in os.environ.items() if name not in VARIABLES_OF_ONE_RUN}
    words = [*command, "-f", str(EXPORT), stage]
    try:
        done = subprocess.run(
            words,
            cwd=folder,
            env={**kept, "CAPDOIT_CAPFILE": str(find_capfile(folder).absolute()), "CAPDOIT_MARK": mark},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except OSError as error:
        raise ConfigError(f"{command[0]}: {error.strerror}; {ADVICE}") from None
    output = done.stdout.decode("utf-8", "replace")
    before, *found = output.split(f"\n{mark}\n")
    report = json.loads(found[0]) if found else {}
    if not report or (report["failure"] and not report["servers"] and not _has_repository(report)):
        said = _drop_frames(before + done.stderr.decode("utf-8", "replace"), folder)[-MOST_LINES:]
        head = f"`{' '.join(command)}` could not load the stage {stage} (exit status {done.returncode}):"
        raise ConfigError("\n".join([head, *(f"  {line}" for line in said), ADVICE]))
    return report


def _drop_frames(output: str, folder: Path) -> list[str]:
    """Return the lines of Ruby's output, without the frames of a backtrace that are not in the project."""
    lines = (FRAME.sub(lambda frame: frame[0] if str(folder) in frame[0] else "", line) for line in output.splitlines())
    return [line for line in lines if line.strip()]


def _has_repository(report: Any) -> bool:
    return any(setting["name"] == "repo_url" for setting in report["settings"])


def _own_places(raw: Mapping[str, Any]) -> list[Place]:
    return [place for place in (Place(*place) for place in raw["places"] if place) if place.is_own]


def _list_files(folder: Path, stage: str, declared: Declared) -> list[str]:
    """Return the files of the project that were loaded; the last ones are those of tasks and of the stage."""
    known = {place.file for places in declared.places.values() for place in places}
    others = sorted({*known, *(block.file for block in declared.tasks)})
    first, last = [find_capfile(folder).name, find_deploy_file(folder)], f"{find_stage_folder(folder)}/{stage}.rb"
    return [*first, *(file for file in others if file not in (*first, last)), last]


def _read_setting(
    raw: Mapping[str, Any], sources: SourceFiles, origins: OriginReader, environment: Mapping[str, str | None]
) -> CapistranoSetting:
    own = _own_places(raw)
    code = Block(*raw["code"]) if raw["code"] else None
    place = own[-1] if own else None
    line = sources.line(place).replace(f"fetch(:{raw['name']}", "") if place else ""
    statements = origins.read_statements(raw["name"])
    if code and code.place.is_own and not any(sources.line(code.place).strip() in text for text in statements):
        statements.append("\n".join(sources.block(code)))
    source = "\n".join(statements)
    reads = {name: environment[name] for name in READS.findall(source) if name in environment}
    return CapistranoSetting(
        name=raw["name"],
        value=_restore_octal_numbers(raw["value"], statements),
        error=raw["error"] or "",
        place=place,
        is_computed=bool(place and ((code and code.file == place.file) or CODE.search(line))),
        is_question=raw["is_question"],
        asks_git=bool(CHECKED_OUT.search(source)) and not is_part_of_text(source),
        variables={**reads, **raw["variables"]},
        defaults=find_defaults(source),
        statements=statements,
        conditions=origins.read_conditions(place) if place else (),
    )


def find_defaults(source: str) -> dict[str, str | EnvironmentVariable | None]:
    """Return what code takes where a variable is not set: a text, or another variable, which may have a default."""
    found: dict[str, str | EnvironmentVariable | None] = {}
    for match in reversed([*CHAIN.finditer(source)]):
        name, rest = match[1], source[match.end() :]
        text = re.match(r"""(["'])((?:(?!\1|#\{).)*)\1|:(\w+)""", rest)
        other = re.match(READ, rest)
        value = found.get(other[1], EnvironmentVariable(other[1])) if other else text and (text[2] or text[3])
        if other and not isinstance(value, EnvironmentVariable):
            value = EnvironmentVariable(other[1], value)
        if value is not None:
            found[name] = value
    return {name: value for name, value in reversed(found.items()) if name not in VARIABLES_OF_ONE_RUN}


def _restore_octal_numbers(value: Any, statements: Sequence[str]) -> Any:
    """Return a value in which numbers that the code has in octal digits, such as modes of files, have them again."""
    digits = [found for text in statements for found in OCTAL.findall(without_texts(text))]
    texts = {int(found, 8): f"0{found}" for found in digits}
    return _replace_numbers(value, texts) if texts else value


def _replace_numbers(value: Any, texts: Mapping[int, str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _replace_numbers(item, texts) for key, item in value.items()}
    if isinstance(value, list):
        return [_replace_numbers(item, texts) for item in value]
    return texts.get(value, value) if isinstance(value, int) and not isinstance(value, bool) else value


def _read_server(raw: Mapping[str, Any], sources: SourceFiles) -> CapistranoServer:
    own = _own_places(raw)
    return CapistranoServer(
        hostname=raw["hostname"],
        user=raw["user"] or "",
        port=int(raw["port"]) if raw["port"] else None,
        roles=tuple(raw["roles"]),
        is_local=bool(raw["is_local"]),
        has_password=raw["has_password"],
        keys=tuple(raw["keys"]),
        ssh_options=raw["ssh_options"],
        properties=raw["properties"],
        place=own[0] if own else None,
        is_computed=bool(own) and not any(LITERAL_NAME.search(sources.line(place)) for place in own),
        variables=raw["variables"],
    )


def _read_task(raw: Mapping[str, Any]) -> CapistranoTask:
    blocks = [Block(*block) for block in raw["blocks"]]
    own = tuple(block for block in blocks if block.place.is_own)
    places = [Place(*place) for place in raw["places"]]
    is_foreign = len(own) < len(blocks) or not all(place.is_own for place in places)
    if not own and raw["prerequisites"]:  # it only calls other tasks
        own = tuple(Block(*place, place.line) for place in places if place.is_own)
    return CapistranoTask(
        name=raw["name"],
        description=raw["description"] or "",
        arguments=tuple(raw["arguments"]),
        prerequisites=tuple(raw["prerequisites"]),
        blocks=own,
        adds_to_other=bool(own) and is_foreign,
    )


def _read_hooks(records: Sequence[Mapping[str, Any]]) -> list[CapistranoHook]:
    """Return the hooks that files of the project declare; those of plugins are a matter of recipes."""
    found = [
        CapistranoHook(raw["kind"], raw["target"], raw["task"], Place(*raw["place"])) for raw in records if raw["place"]
    ]
    return [hook for hook in found if hook.place.is_own]
