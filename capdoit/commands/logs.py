"""`doit cap logs`: the logs of all hosts, as they are written."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from posixpath import dirname

from capdoit.commands.command_request import CommandRequest
from capdoit.commands.exit_statuses import NO_ANSWER
from capdoit.commands.host_lines import AT_ONCE, HostLines
from capdoit.commands.inspection import ask_every_host
from capdoit.commands.subcommand import SELECTION, Subcommand, ValueOption
from capdoit.config.stages import HostConfig, Stage
from capdoit.errors import ConfigError
from capdoit.hosts.connection import Connection
from capdoit.hosts.request import Answer, Request
from capdoit.operations.connections import without_unknown_secrets

DEFAULT_LINES = 10
HEADER = re.compile(r"==> (.+) <==")  # tail prints it where the lines of another file begin
DEFAULT_FOLDER = "shared/log/"


def parse_lines(text: str) -> int:
    """Return the number of lines to begin with.

    Raises:
        ConfigError: the text is not a number.
    """
    if not text.isdecimal() or len(text) > 9:
        raise ConfigError(f"--lines {text}: expected a number of lines")
    return int(text)


LINES = ValueOption("lines", f"begin with the last N lines of each file ({DEFAULT_LINES})", parse_lines, short="n")


def follow_logs(request: CommandRequest) -> int:
    """Print what is written to the logs of all hosts, each line with its host and file, until Ctrl-C."""
    request, files = _take_files(request)
    stage = _select_hosts(request.select_stage(), files)
    with HostLines(request.console, [host.name for host in stage.hosts], AT_ONCE) as lines:
        follow = partial(_follow, lines=lines, files=files, last_lines=request.value_of(LINES))
        outcomes = ask_every_host(without_unknown_secrets(stage), request, lines.watch(follow))
    return 0 if all(outcome.answer and outcome.answer.status == 0 for outcome in outcomes) else NO_ANSWER


def _take_files(request: CommandRequest) -> tuple[CommandRequest, list[str]]:
    """Return the request with a stage as its only word, and the other words."""
    files = [*request.words]
    if files and is_stage(files[0], request.load_project().config.stages):
        return request.with_words(files.pop(0)), files
    return request.with_words(), files


def is_stage(word: str, stages: Collection[str]) -> bool:
    """Return True if a word names a stage, or is no path or pattern, so that it may be a stage that is misspelled."""
    return word in stages or not re.search(r"[./*?\[]", word)


def _select_hosts(stage: Stage, files: Sequence[str]) -> Stage:
    hosts = tuple(host for host in stage.hosts if choose_patterns(host, files))
    if not hosts:
        raise ConfigError(f"no host of {stage.name} has logs; set logs: in deploy.yml, or name a path")
    return stage.only(hosts)


def choose_patterns(host: HostConfig, files: Iterable[str]) -> list[str]:
    """Return the paths to follow on a host: its logs, or else the named files.

    Args:
        host: settings of the host.
        files: a name without a slash is looked for in the directories of the host's logs.
    """
    folders = [dirname(pattern) for pattern in host.logs]
    named = [f"{folder}/{file}" if folder else file for file in files if "/" not in file for folder in folders]
    return [*dict.fromkeys([*named, *(file for file in files if "/" in file)])] if files else [*host.logs]


# -- on one host


def _follow(connection: Connection, lines: HostLines, files: Sequence[str], last_lines: int | None) -> Answer:
    source = LogLines(connection.name, lines.show)
    patterns = choose_patterns(connection.config, files)
    count = DEFAULT_LINES if last_lines is None else last_lines
    script = connection.script("logs", "commands/logs_follow", {"patterns": patterns, "lines": count})
    return connection.ask([Request(script, show=source.add)])[0]


class LogLines:
    """The output of tail on one host, whose lines are shown with the name of their file if there are several files.

    Args:
        host: name of the host.
        show: shows lines behind a name.
    """

    def __init__(self, host: str, show: Callable[[str, str], None]) -> None:
        self._host, self._show = host, show
        self._file = ""
        self._blank_lines = 0  # not shown yet: one of them belongs to a header
        self._lines: list[str] = []  # of the file, which arrived together

    def add(self, stream: str, text: str) -> None:
        """Add lines of stdout or stderr."""
        if stream == "err":
            self._show(self._host, text)
            return
        for line in text.split("\n"):
            self._add_line(line)
        self._flush()

    def _add_line(self, line: str) -> None:
        if not line:
            self._blank_lines += 1
        elif header := HEADER.fullmatch(line):
            self._add_blank_lines(self._blank_lines - 1)
            self._flush()
            self._file = header[1].removeprefix(DEFAULT_FOLDER)
        else:
            self._add_blank_lines(self._blank_lines)
            self._lines.append(line)

    def _add_blank_lines(self, count: int) -> None:
        self._lines += [""] * count
        self._blank_lines = 0

    def _flush(self) -> None:
        if self._lines:
            self._show(f"{self._host} {self._file}".rstrip(), "\n".join(self._lines))
            self._lines = []


COMMAND = Subcommand(
    name="logs",
    help="show what is written to the logs of all hosts, until Ctrl-C",
    description=(
        "Without a FILE these are the files of the setting logs, shared/log/*.log if it is not set. A FILE without a "
        "slash is in the directories of these files, others are in deploy_to, or absolute. A word with a dot, slash or "
        "wildcard is a FILE, and no stage. Hosts that get no code have no logs unless logs is set."
    ),
    run=follow_logs,
    words=("[STAGE]", "[FILE…]"),
    options=(LINES,),
    variables=SELECTION,
    examples=("logs production", "logs production.log", "logs --roles web -n 100 /var/log/nginx/*.log"),
    exit_statuses=(
        (NO_ANSWER, "a host did not answer, or has no such file"),
        (130, "Ctrl-C"),
    ),
)
