"""Values and names that scripts must not get."""

from __future__ import annotations

import pytest

from capdoit.script import assign, check_name, quote
from capdoit.shell_scripts import render
from tests.support import WriteScript


@pytest.mark.parametrize("value", ["\0", "a\0b"])
def test_a_nul_byte_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="a NUL byte cannot be given to a shell"):
        quote(value)


@pytest.mark.parametrize("name", ["", "1a", "a-b", "a b", "a=b", "a;touch made", "é", "a\n"])
def test_an_invalid_variable_name_is_refused(body: WriteScript, name: str) -> None:
    with pytest.raises(ValueError, match="not a name of an environment variable"):
        check_name(name)
    with pytest.raises(ValueError, match="not a name of an environment variable"):
        assign({name: "x"})
    with pytest.raises(ValueError, match="not a name of an environment variable"):
        render("test", body("true"), {}, {name: "x"}).frame()


def test_the_environment_of_a_script_is_not_in_its_text_or_repr(body: WriteScript) -> None:
    script = render("test", body("true"), {}, {"KEY": "hunter2"})
    assert "hunter2" in script.frame()
    assert "hunter2" not in script.text + repr(script) + str(script)
