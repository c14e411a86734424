"""Scripts, their libraries and their values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from capdoit.shell_scripts import find_functions, read_shell_file, render, script_text

WriteScript = Callable[..., str]


@pytest.fixture
def body(tmp_path: Path) -> WriteScript:
    """Return a function that writes the file of a script, and returns its name."""

    def body(text: str, name: str = "body") -> str:
        (tmp_path / f"{name}.sh").write_text(text)
        return str(tmp_path / name)

    return body


def test_a_missing_value_is_refused(body: WriteScript) -> None:
    with pytest.raises(TypeError, match="body is not given one, two"):
        render("test", body("# Given: two one three\n"), {"three": ""})


def test_a_value_that_no_header_names_is_refused(body: WriteScript) -> None:
    with pytest.raises(TypeError, match="body is given three, two, which no header of it names"):
        render("test", body("# Given: one\n"), {"one": "", "two": "", "three": ""})


def test_a_script_gets_only_the_common_values_in_its_headers(body: WriteScript) -> None:
    script = render("test", body("# Given: one two\n"), {"one": "1"}, common={"one": "x", "two": "2", "three": "3"})
    assert script.given == "one='1'\ntwo='2'\n"


def test_values_of_a_library_must_be_given(body: WriteScript) -> None:
    with pytest.raises(TypeError, match="body is not given deploy_to"):
        render("test", body("# Needs: enter_deploy_to\nenter_deploy_to\n"), {})


def test_a_value_that_an_earlier_file_sets_is_not_given(body: WriteScript) -> None:
    files = [body("# Sets: one\none=1\n", "first"), body('# Given: one two\necho "$one$two"\n', "second")]
    assert render("test", files, {"two": "2"}).given == "two='2'\n"
    with pytest.raises(TypeError, match="first is not given one"):
        render("test", reversed(files), {"two": "2"})


def test_each_library_is_in_front_once_with_the_libraries_that_it_needs(body: WriteScript) -> None:
    text = "remove_release 1; remove_tree x; die y\n"
    script = render("test", body(f"# Needs: remove_release remove_tree die\n{text}"), {"deploy_to": "/srv"})
    assert [script.body.count(f"\n{name}() {{") for name in ("remove_tree", "die")] == [1, 1]
    assert script.body.endswith(f"}}\n{text}")


def test_fields_of_a_header_may_take_several_lines(body: WriteScript) -> None:
    assert read_shell_file(body("# Given: a b\n# Needs: die\n# Given: c\n")).given == ("a", "b", "c")


def test_a_script_without_values_is_sent_as_text(body: WriteScript) -> None:
    assert script_text(body("# Prints.\necho $# # behind a command\n")) == "echo $# # behind a command\n"
    with pytest.raises(TypeError, match="is not given one"):
        script_text(body("# Given: one\n", "other"))


def test_libraries_are_in_sh() -> None:
    assert find_functions()["die"] == "sh/errors"
