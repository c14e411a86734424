"""Values are written so that YAML reads them back as they were."""

from __future__ import annotations

import math
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from capdoit.config.yaml_text import Remark, YamlEntry, format_entries, format_value
from capdoit.sources import EnvironmentVariable

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])) | st.sampled_from(
    ["yes", "No", "null", "~", "1", "1.5", "2026-01-01", "a: b", "a #b", "- a", "*a", "&a", "!env A", "", " ", "$PATH"]
)
VALUES = st.recursive(
    TEXTS | st.booleans() | st.integers() | st.floats().filter(math.isfinite) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)


def text_of(*entries: YamlEntry | Remark) -> str:
    return "".join(f"{line}\n" for line in format_entries(entries))


@given(VALUES.filter(lambda value: "%{" not in repr(value)))
def test_a_value_is_read_back(value: Any) -> None:
    assert yaml.safe_load(text_of(YamlEntry("key", value, "a remark"))) == {"key": value}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("git@git.example.com:acme/shop.git", "git@git.example.com:acme/shop.git"),
        ("/srv/shop", "/srv/shop"),
        ("yes", '"yes"'),
        ("3.1", '"3.1"'),
        ("%{x}", '"%%{x}"'),
        ("$PATH:/bin", '"$PATH:/bin"'),
        ([".env", "log"], "[.env, log]"),
        ({"roles": ["web"], "primary": True}, "{roles: [web], primary: true}"),
        (EnvironmentVariable("TOKEN"), "!env TOKEN"),
        (EnvironmentVariable("STAGE", "a b"), '!env {name: STAGE, default: "a b"}'),
    ],
)
def test_only_what_needs_quotes_has_them(value: Any, text: str) -> None:
    assert format_value(value) == text


def test_long_lists_and_mappings_take_a_line_for_each_item() -> None:
    names = [f"config/some/long/name/of/a/file/number/{n}.yml" for n in range(4)]
    text = text_of(YamlEntry("linked_files", names, "from deploy.rb"))
    assert text.splitlines()[:2] == ["linked_files:  # from deploy.rb", f"  - {names[0]}"]
    assert yaml.safe_load(text) == {"linked_files": names}


def test_entries_that_are_not_active_are_comments() -> None:
    assert text_of(Remark(("first",)), YamlEntry("a", (YamlEntry("b", 1, is_active=False), YamlEntry("c", 2)))) == (
        "# first\na:\n  # b: 1\n  c: 2\n"
    )
