"""Every deploy.yml in this repository that is meant to be valid: editors mark nothing in it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from capdoit.commands.first_deploy_file import make_first_deploy_text
from capdoit.commands.git_origin import GitOrigin
from capdoit.config.deploy_file import load_config
from capdoit.errors import ConfigError
from capdoit.transfers import TRANSFERS
from tests.editor_schema import find_editor_mistakes

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "examples").rglob("*.md"))]


def blocks() -> Iterator[tuple[str, str]]:
    """Yield the name of a page, and each of its blocks of YAML."""
    for page in PAGES:
        for text in re.findall(r"^```yaml\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
            yield page.name, text


def texts_in_tests() -> set[str]:
    """Return the texts in tests that look like a deploy.yml."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "tests").rglob("*.py")))
    constants = (node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return {text for text in constants if isinstance(text, str) and "hosts:" in text and "stages:" in text}


@pytest.mark.parametrize(("page", "text"), [*blocks()])
def test_the_deploy_yml_on_a_page_has_no_mistakes_for_an_editor(page: str, text: str) -> None:
    hosts = "hosts: {web1: {}}"
    if "stages:" not in text:  # the page shows a part
        text += f"stages: {{production: {{{hosts}}}}}\n"
    elif "hosts:" not in text:
        text = text.replace("  production:\n", f"  production:\n    {hosts}\n")
    assert find_editor_mistakes(text) == [], page


def test_the_example_and_the_template_have_no_mistakes_for_an_editor() -> None:
    template = make_first_deploy_text(ROOT, ["production"], GitOrigin(), [])
    assert find_editor_mistakes(template) == []
    uncommented = re.sub(r"^( *)# (?=(?!web2)\w+: )", r"\1", template, flags=re.MULTILINE)
    assert "strip" not in uncommented
    assert "linked_dirs: [log" in uncommented
    assert find_editor_mistakes(uncommented) == []
    assert find_editor_mistakes((ROOT / "deploy.yml").read_text(encoding="utf-8")) == []


def test_each_deploy_yml_in_the_tests_that_the_loader_accepts_has_no_mistakes_for_an_editor(tmp_path: Path) -> None:
    file, accepted = tmp_path / "deploy.yml", 0
    for text in sorted(texts_in_tests()):
        file.write_text(text, encoding="utf-8")
        try:
            load_config(file, TRANSFERS)
        except ConfigError:
            continue
        accepted += 1
        assert find_editor_mistakes(text, recipes_are_bundled=False) == [], text
    assert accepted >= 5
