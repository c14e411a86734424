"""Fixtures that read a text as deploy.yml."""

from __future__ import annotations

from pathlib import Path

import pytest

from capdoit.config.stages import Config, load_config
from capdoit.errors import ConfigError
from capdoit.transfers import TRANSFERS
from tests.unit.config.texts import Mistakes, Read


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Return a function that reads a text as deploy.yml of the working directory."""
    monkeypatch.chdir(tmp_path)

    def read(text: str) -> Config:
        Path("deploy.yml").write_text(text, encoding="utf-8")
        return load_config(Path("deploy.yml"), TRANSFERS)

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
