"""Fixtures that read a text as deploy.yml."""

from __future__ import annotations

from pathlib import Path

import pytest

from capdoit.config.deploy_file import Config, load_config
from capdoit.errors import ConfigError
from capdoit.transfers import TRANSFERS
from tests.editor_schema import find_editor_mistakes
from tests.unit.config.texts import Mistakes, Read


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Return a function that reads a text as deploy.yml of the working directory; editors accept the text, too."""
    monkeypatch.chdir(tmp_path)

    def read(text: str) -> Config:
        Path("deploy.yml").write_text(text, encoding="utf-8")
        config = load_config(Path("deploy.yml"), TRANSFERS)
        assert find_editor_mistakes(text, recipes_are_bundled=False) == []
        return config

    return read


@pytest.fixture
def mistakes(read: Read) -> Mistakes:
    """Return a function that returns the mistakes of a text, each without the name of the file."""

    def mistakes(text: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            read(text)
        assert all(mistake.startswith("deploy.yml:") for mistake in caught.value.mistakes)
        return [mistake.removeprefix("deploy.yml:") for mistake in caught.value.mistakes]

    return mistakes
