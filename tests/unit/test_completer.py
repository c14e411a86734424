"""The words that may follow on a command line of doit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from capdoit.commands.catalog import COMMANDS
from capdoit.commands.completion import describe_subcommands
from capdoit.completer import complete, read_cache, split_line, write_cache


@pytest.mark.parametrize("content", ["[1]", "1", "null", "{", ""])
def test_a_cache_that_is_no_mapping_is_read_as_an_empty_one(tmp_path: Path, content: str) -> None:
    (tmp_path / "cache").write_text(content)
    assert read_cache(str(tmp_path / "cache")) == {}


def test_a_cache_that_cannot_be_written_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    write_cache(str(tmp_path / "cache"), {})
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


def option(*names: str, value: str = "") -> dict[str, Any]:
    return {"names": names, "help": "", "value": value}


KNOWN: dict[str, Any] = {
    "commands": {
        "run": {
            "help": "",
            "takes": ["tasks"],
            "options": [
                option("-n", "--process", value="n"),
                option("--always"),
                option("-f", "--file", value="dodoFile"),
            ],
        },
        "list": {"help": "", "takes": ["tasks"], "options": [option("--all")]},
        "help": {"help": "", "takes": ["tasks", "commands"], "options": []},
        "cap": {"help": "", "takes": [], "options": [option("-f", "--file", value="dodoFile")]},
    },
    "tasks": {
        "deploy": {"of": None, "doc": ""},
        "deploy:production": {"of": None, "doc": ""},
        "deploy:production:updating": {"of": "deploy:production", "doc": ""},
    },
    "subcommands": describe_subcommands(COMMANDS),
    "variables": {
        "branch": {"help": "", "tasks": ["deploy"], "choices": []},
        "hosts": {"help": "", "tasks": ["deploy", "rollback"], "choices": []},
        "verify": {"help": "", "tasks": ["deploy"], "choices": [["quick", ""], ["full", ""]]},
        "plan": {"help": "", "tasks": ["deploy"], "choices": []},
        "force": {"help": "", "tasks": ["rollback"], "choices": [["yes", ""], ["no", ""]]},
    },
    "choices": {"shell": [["bash", ""], ["zsh", ""]], "name": [["rails", ""]]},
    "stages": {"production": {"web1": ["web"], "web2": ["web", "app"]}, "staging": {"stage1": ["db"]}},
    "default_stage": "staging",
    "releases_file": "",
    "reports_folder": "",
}
LINES = {
    "": "run list help cap deploy deploy:production",
    "de": "deploy deploy:production",
    "deploy:production:": "deploy:production:updating",
    "-": "--process --always --file",
    "-n ": "",
    "deploy branch=": "",
    "-n 2 dep": "deploy deploy:production",
    "-n 2 deploy ": "deploy deploy:production branch= hosts= verify= plan=",
    "list de": "deploy deploy:production",
    "list -": "--all",
    "list --all -": "",
    "help ca": "cap",
    "deploy bra": "branch=",
    "deploy branch=x bra": "",
    "deploy verify=": "verify=quick verify=full",
    "deploy force=": "",
    "deploy hosts=": "hosts=stage1",
    "deploy:production hosts=": "hosts=web1 hosts=web2",
    "deploy:production hosts=web1,": "hosts=web1,web2",
    "cap sta": "stages status",
    "cap --json sta": "stages status",
    "cap status ": "production staging",
    "cap status production ": "",
    "cap status --st": "--stage",
    "cap status --stage ": "production staging",
    "cap status --stage production --hosts ": "web1 web2",
    "cap status production --hosts=w": "--hosts=web1 --hosts=web2",
    "cap status --roles ": "db",
    "cap status HOSTS=": "HOSTS=stage1",
    "cap --hosts ": "stage1",
    "cap history -n 5 --j": "--json",
    "cap exec uptime p": "production",
    "cap verify --verify q": "quick",
    "cap recipes ": "rails",
    "cap completion z": "zsh",
    "cap install qa prod": "production",
    "cap unknown sta": "stages status",
}


@pytest.mark.parametrize(("line", "expected"), LINES.items(), ids=[line or "nothing" for line in LINES])
def test_the_words_that_fit_the_place_are_offered(line: str, expected: str) -> None:
    words, current = split_line(f"doit {line}")
    found = [word for word, _ in complete(KNOWN, words[1:], current)]
    assert found == expected.split()


@pytest.mark.parametrize(
    "line", ["-f ", "--file ", "deploy plan=", "cap -f ", "cap exec ", "cap exec production -- ls "]
)
def test_files_are_offered_where_they_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder/inner").mkdir(parents=True)
    (tmp_path / "file").touch()
    (tmp_path / ".hidden").touch()
    for typed, expected in (("", "file folder/"), ("fo", "folder/"), ("folder/", "folder/inner/"), ("nowhere/", "")):
        words, current = split_line(f"doit {line}{typed}")
        found = [word for word, _ in complete(KNOWN, words[1:], current)]
        prefix = "plan=" if "plan=" in line else ""
        assert found == [f"{prefix}{path}" for path in expected.split()]


def test_the_runs_of_report_pages_are_offered_newest_first(tmp_path: Path) -> None:
    for name in (
        "20260101000000-deploy-production-live-aaaaaaaa11111111",
        "20260102000000-rollback-qa-1-failed-bbbbbbbb22222222",
    ):
        (tmp_path / f"{name}.html").touch()
    assert complete({**KNOWN, "reports_folder": str(tmp_path)}, ["cap", "report"], "") == [
        ("bbbbbbbb", "20260102000000 rollback qa 1 failed"),
        ("aaaaaaaa", "20260101000000 deploy production live"),
    ]


def test_without_knowledge_nothing_is_offered() -> None:
    assert complete({}, [], "de") == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("doit", ([], "doit")),
        ("doit ", (["doit"], "")),
        ("doit cap exec 'df -h' pro", (["doit", "cap", "exec", "df -h"], "pro")),
        ("doit a\\ ", (["doit"], "a ")),
    ],
)
def test_a_line_is_split_as_a_shell_does(line: str, expected: tuple[list[str], str]) -> None:
    assert split_line(line) == expected
