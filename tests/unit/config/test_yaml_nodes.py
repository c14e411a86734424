"""Files that are not a deploy.yml."""

from __future__ import annotations

from pathlib import Path

import pytest

from capdoit.config.stages import load_config
from capdoit.errors import ConfigError
from capdoit.transfers import TRANSFERS
from tests.unit.config.texts import NEEDED, STAGES, Mistakes


def test_a_duplicate_key_is_reported_with_the_place_of_the_first(mistakes: Mistakes) -> None:
    assert mistakes(f"{NEEDED}branch: main\n{STAGES}branch: release\n") == [
        "5:1: branch: duplicate key; the first one is at 3:1"
    ]


def test_a_duplicate_host_is_reported_with_the_place_of_the_first(mistakes: Mistakes) -> None:
    assert mistakes(f"{NEEDED}stages: {{production: {{hosts: {{web1: {{}}, web1: {{}}}}}}}}\n") == [
        "3:41: stages.production.hosts.web1: duplicate key; the first one is at 3:31"
    ]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("stages: [\n", "2:1: not YAML: expected the node content, but found '<stream end>'"),
        ("a: b: c\n", "1:5: not YAML: mapping values are not allowed here"),
        ("a: b\n\tc: d\n", "2:1: not YAML: found character '\\t' that cannot start any token"),
        ("a: *b\n", "1:4: not YAML: found undefined alias 'b'"),
        ("a: 1\n---\nb: 1\n", "2:1: not YAML: but found another document"),
        ("a: 1\nb: \x01\n", "2:4: not YAML: special characters are not allowed"),
        ("[]\n", "1:1: found a list, expected a mapping"),
        ("shop\n", "1:1: found a string (shop), expected a mapping"),
        ("", " is empty; remove it, and `doit cap install` writes an example"),
        ("# nothing yet\n", " is empty; remove it, and `doit cap install` writes an example"),
    ],
)
def test_a_file_that_is_not_a_mapping_is_reported_with_line_and_column(
    mistakes: Mistakes, text: str, mistake: str
) -> None:
    assert mistakes(text) == [mistake]


@pytest.mark.parametrize("levels", [3_000, 100_000])
@pytest.mark.parametrize("opening", ["[", "- ", "{a: "])
def test_a_too_deeply_nested_file_is_reported_with_the_place(mistakes: Mistakes, opening: str, levels: int) -> None:
    column = 40 * len(opening) + 1
    assert mistakes(opening * levels) == [f"1:{column}: is nested more than 40 levels deep"]


def test_a_missing_deploy_yml_names_the_command_that_writes_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "deploy.yml", TRANSFERS)
    assert str(caught.value) == (
        f"{tmp_path}/deploy.yml: No such file or directory; `doit cap install` writes an example"
    )


def test_a_file_that_is_not_utf_8_is_reported_with_the_byte(tmp_path: Path) -> None:
    file = tmp_path / "deploy.yml"
    file.write_bytes(b"application: caf\xe9\n")
    with pytest.raises(ConfigError, match=r"deploy\.yml: not UTF-8 at byte 16$"):
        load_config(file, TRANSFERS)


@pytest.mark.parametrize(
    ("line", "mistake"),
    [
        (
            "user: !!python/object/apply:os.system ['touch made']",
            "3:1: user: found python/object/apply:os.system, expected a string",
        ),
        (
            "default_env: !!python/object:builtins.dict {A: b}",
            "3:1: default_env: found python/object:builtins.dict, expected a mapping of names to strings",
        ),
        (
            "linked_dirs: !!python/tuple [log]",
            "3:1: linked_dirs: found python/tuple, expected a list of paths",
        ),
        ("user: !!python/name:os.system", "3:7: user: found python/name:os.system, expected a string"),
    ],
)
def test_a_yaml_tag_that_would_create_an_object_is_refused(mistakes: Mistakes, line: str, mistake: str) -> None:
    assert mistakes(f"{NEEDED}{line}\n{STAGES}") == [mistake]
    assert not Path("made").exists()


def test_control_characters_of_the_file_are_escaped_in_messages(mistakes: Mistakes) -> None:
    found = mistakes(f'{NEEDED}transfer: "\\e[2J"\n"\\e[31mx": 1\n{STAGES}')
    assert len(found) == 2
    assert all(mistake.isprintable() for mistake in found)
