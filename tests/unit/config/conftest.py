"""Fixtures that read a text as deploy.yml."""

from __future__ import annotations

from pathlib import Path

import pytest

from capdoit.config.stages import Config, load
from capdoit.errors import ConfigError


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Reads a text as deploy.yml of the working directory."""
    monkeypatch.chdir(tmp_path)

    def read(text: str) -> Config:
        Path("deploy.yml").write_text(text, encoding="utf-8")
        return load(Path("deploy.yml"))

    return read


@pytest.fixture
def mistakes(read):
    """The mistakes of a text, without the file's name that each begins with."""

    def mistakes(text: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            read(text)
        assert all(mistake.startswith("deploy.yml:") for mistake in caught.value.mistakes)
        return [mistake.removeprefix("deploy.yml:") for mistake in caught.value.mistakes]

    return mistakes
