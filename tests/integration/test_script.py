"""Values in scripts: the shell gets every byte of them, and runs none of them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from capdoit.script import Script, quote, words
from capdoit.shell_scripts import render
from tests.support import WriteScript, further

HOSTILE = [
    "",
    " ",
    "\n",
    "\n\n",
    "a\n",
    "\r\n",
    "'",
    "''",
    "'\\''",
    '"',
    "\\",
    "\\\n",
    "$(touch made)",
    "`touch made`",
    "'; touch made; '",
    "$HOME ${HOME} $$ $@",
    "-n",
    "--help",
    "*",
    "~root",
    "a b  c",
    "#no comment",
    "!!",
    "%s\\n",
    "Grüße, 世界 🚀",
    "\x1b[2J\x07",
    "\udcff\udce9",
]
# Every text that a shell can get: without NUL, and with bytes that are not UTF-8 as Python decodes them.
TEXTS = st.text(
    st.one_of(
        st.characters(exclude_characters="\0", exclude_categories=["Cs"]),
        st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF, categories=["Cs"]),
        st.sampled_from("'\"\\$`\n\t !*;&|<>(){}[]~#-"),
    )
)


def run(script: str, directory: Path | None = None, shell: tuple[str, ...] = ("sh",)) -> bytes:
    """Run a script from stdin, and return what it prints."""
    data = script.encode("utf-8", "surrogateescape")
    done = subprocess.run([*shell, "-s"], input=data, cwd=directory, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def raw(*texts: str) -> bytes:
    """Return texts as printf '%s\\0' prints them."""
    return b"".join(text.encode("utf-8", "surrogateescape") + b"\0" for text in texts)


def printed(script: Script, directory: Path) -> bytes:
    return run(script.frame(), directory)


@pytest.mark.parametrize(
    "shell", [("sh",), *further((("dash",),), (("bash",),), (("busybox", "ash"),), (("zsh",),))], ids=" ".join
)
@pytest.mark.parametrize("value", HOSTILE, ids=repr)
def test_a_hostile_value_is_one_word_and_nothing_in_it_runs(tmp_path: Path, shell: tuple[str, ...], value: str) -> None:
    assert run(f"printf '%s\\0' {quote(value)}", tmp_path, shell) == raw(value)
    assert list(tmp_path.iterdir()) == []


@given(TEXTS)
@example("$(exit 1)'")
def test_any_quoted_text_is_one_word(value: str) -> None:
    assert run(f"printf '%s\\0' {quote(value)}") == raw(value)


@given(st.lists(TEXTS, min_size=1))
def test_any_quoted_list_is_read_back_item_by_item(values: list[str]) -> None:
    script = f'list={quote(words(values))}\neval "set -- $list"\nprintf \'%s\\0\' "$@"'
    assert run(script) == raw(*values)


def test_an_empty_list_is_read_back_as_no_items() -> None:
    assert run('set -- before\neval "set -- "' + words([]) + "\necho $#") == b"0\n"


@pytest.mark.parametrize("value", HOSTILE, ids=repr)
def test_a_script_gets_its_values_unchanged_and_runs_none(tmp_path: Path, body: WriteScript, value: str) -> None:
    script = render(
        "test",
        body('printf \'%s\\0\' "$one"\neval "set -- $several"\nprintf \'%s\\0\' "$@"', "one", "several"),
        {"one": value, "several": [value, "between", value]},
    )
    assert printed(script, tmp_path) == raw(value, value, "between", value)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("value", HOSTILE, ids=repr)
def test_the_environment_of_a_script_reaches_its_commands_unchanged(
    tmp_path: Path, body: WriteScript, value: str
) -> None:
    script = render("test", body('sh -c \'printf "%s\\0" "$FROM_ENV"\''), {}, {"FROM_ENV": value})
    assert printed(script, tmp_path) == raw(value)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("value", "text"), [(True, "yes"), (False, ""), (0, "0"), (5, "5"), ((), ""), (("a b", "c"), "'a b' 'c'")]
)
def test_booleans_numbers_and_lists_have_one_spelling_each(
    tmp_path: Path, body: WriteScript, value: bool | int | tuple[str, ...], text: str
) -> None:
    script = render("test", body("printf '%s\\0' \"$value\"", "value"), {"value": value})
    assert printed(script, tmp_path) == raw(text)


@pytest.mark.parametrize("name", ["shop", "my shop", "it's", "$(touch made)", "a\nb", "-x", "*"])
def test_a_script_of_a_flow_starts_in_deploy_to_and_ends_at_its_first_failure(
    tmp_path: Path, body: WriteScript, name: str
) -> None:
    deploy_to = tmp_path / name
    deploy_to.mkdir()
    text = "# Needs: enter_deploy_to\nenter_deploy_to; pwd -P; false; echo never"
    script = render("test", body(text), {"deploy_to": str(deploy_to)})
    done = subprocess.run(["sh", "-c", script.frame()], cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stdout.decode()) == (1, f"{deploy_to}\n")
    assert not (tmp_path / "made").exists()


def test_several_files_become_one_script_in_order(tmp_path: Path, body: WriteScript) -> None:
    script = render("test", [body("echo one\n"), body("echo two\n")], {})
    assert printed(script, tmp_path) == b"one\ntwo\n"
