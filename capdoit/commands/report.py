"""`doit cap report`: the report pages of the last deploys and rollbacks."""

from __future__ import annotations

import os
from collections.abc import Sequence

from capdoit.commands.command_request import CommandRequest
from capdoit.commands.subcommand import Subcommand
from capdoit.errors import ConfigError
from capdoit.output.report_files import KeptPage, find_pages, list_pages, report_folder
from capdoit.text import fit_table, join_names, shorten_run

HEAD = ("run", "when (UTC)", "flow", "result")


def print_reports(request: CommandRequest) -> int:
    """Print a line for each page that is kept, newest first; with a run, print the path of its page only."""
    word = request.only_word("run")
    cap = request.load_project()
    folder = report_folder(cap.config.log)
    if not folder:
        raise ConfigError("deploy.yml has log: off, or a device; report=FILE.html of a flow writes a report")
    pages = list_pages(folder)
    if word:
        request.console.write(os.path.relpath(_find_page(pages, word).file, cap.typed_in))
    elif pages:
        request.console.write_table(fit_table(HEAD, map(_row, pages), request.console.table_width))
        request.console.write(
            f"They are in {os.path.relpath(folder, cap.typed_in)}. The path of one: doit cap report RUN"
        )
    else:
        request.console.write(f"There are no reports in {os.path.relpath(folder, cap.typed_in)} yet.")
    return 0


def _find_page(pages: Sequence[KeptPage], word: str) -> KeptPage:
    found = find_pages(pages, word)
    if not found:
        raise ConfigError(f"no report of a run {word}; doit cap report lists all")
    if len(found) > 1:
        runs = join_names(shorten_run(page.run_id) for page in found)
        raise ConfigError(f"{word} is the beginning of {len(found)} runs: {runs}")
    return found[0]


def _row(page: KeptPage) -> tuple[str, ...]:
    when = f"{page.began_at:%Y-%m-%d %H:%M:%S}"
    return shorten_run(page.run_id), when, f"{page.flow}:{page.stage}", page.verdict


COMMAND = Subcommand(
    name="report",
    help="list the report pages of the last deploys and rollbacks",
    description=(
        "RUN is the beginning of a run's id, as in the log, or of its time in UTC. With it, only the path of the page "
        "is printed. A page is one HTML file. The last 20 are kept next to the log."
    ),
    run=print_reports,
    words=("[RUN]",),
    examples=("report", "report 3f2a9c1d", "report 2026-11-28T14:03"),
)
