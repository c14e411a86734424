"""Files that are not a deploy.yml."""

from __future__ import annotations

from pathlib import Path

import pytest

from capdoit.config.deploy_file import load_config
from capdoit.config.stages import HostConfig
from capdoit.errors import ConfigError
from capdoit.transfers import TRANSFERS
from tests.unit.config.texts import NEEDED, STAGES, Mistakes, Read


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
        ("a: {b: !ask, c: 1}\n", "1:15: not YAML: !ask needs a space behind it"),
        ("a: {b: 1, c: !current}\n", "1:22: not YAML: !current needs a space behind it"),
        ("# {a: !ask, b: 1}\n\n\na: [\n", "5:1: not YAML: expected the node content, but found '<stream end>'"),
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


# -- merge keys

WEB = "web1: &web {user: deploy, port: 22, default_env: &env {A: a, B: b}}"


def hosts_of(read: Read, *hosts: str) -> dict[str, HostConfig]:
    text = "\n".join(f"      {host}" for host in hosts)
    config = read(f"{NEEDED}stages:\n  production:\n    hosts:\n{text}\n")
    return {host.name: host for host in config.stages["production"].hosts}


def test_a_merge_key_adds_what_a_host_does_not_have(read: Read) -> None:
    host = hosts_of(read, WEB, "web2: {<<: *web, port: 2222, default_env: {<<: *env, B: own}}")["web2"]
    assert (host.user, host.port, host.env) == ("deploy", 2222, {"A": "a", "B": "own"})


def test_of_several_merged_mappings_the_first_wins(read: Read) -> None:
    host = hosts_of(read, WEB, "web2: &two {user: root, hostname: two}", "web3: {<<: [*two, *web]}")["web3"]
    assert (host.user, host.hostname, host.port) == ("root", "two", 22)


def test_a_merged_mapping_may_merge_another_one(read: Read) -> None:
    host = hosts_of(read, WEB, "web2: &two {<<: *web, hostname: two}", "web3: {<<: *two, hostname: three}")["web3"]
    assert (host.user, host.hostname, host.port) == ("deploy", "three", 22)


def test_a_stage_may_merge_another_stage(read: Read) -> None:
    stages = "staging: &all {keep_releases: 2, hosts: {a: {}}}\n  production: {<<: *all, keep_releases: 9}"
    config = read(f"{NEEDED}stages:\n  {stages}\n")
    assert [stage.keep_releases for stage in config.stages.values()] == [2, 9]
    assert [host.name for host in config.stages["production"].hosts] == ["a"]


@pytest.mark.parametrize("merged", ["deploy", "[a, b]", "3", "~"])
def test_a_merge_of_something_else_is_reported(mistakes: Mistakes, merged: str) -> None:
    text = f"{NEEDED}<<: {merged}\n{STAGES}"
    assert mistakes(text) == ["3:1: << expects a mapping, such as an alias (*NAME), or a list of mappings"]


def test_a_mistake_in_a_merged_mapping_has_its_own_place(mistakes: Mistakes) -> None:
    hosts = "web1: &web {prot: 22}\n      web2: {<<: *web}"
    found = mistakes(f"{NEEDED}stages:\n  production:\n    hosts:\n      {hosts}\n")
    assert [text.partition(":")[0] for text in found] == ["6", "6"]
    assert "web2.prot: no such setting of a host; did you mean port?" in found[1]


def test_a_mapping_that_merges_itself_or_another_many_times_is_read_at_once(mistakes: Mistakes) -> None:
    lines = ["a0: &a0 {<<: *a0, x: y}", *(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 60))]
    assert len(mistakes("\n".join([*lines, "<<: *a59"]))) > 60
