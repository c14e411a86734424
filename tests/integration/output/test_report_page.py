"""The report pages of real flows, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from capdoit.testing import GitRepo, Project
from tests.browser import Browser, open_browser
from tests.support import deploy, further, write_hooks

PHONE, DESKTOP = 390, 1280
HOSTILE = "<script>document.title = 'hacked'</script><img src=http://127.0.0.1:9/x.png>"
DARK, LIGHT = 200, 550
# The sum of the luminance of a color, from 0 (black) to 765 (white).
BRIGHTNESS = "getComputedStyle(document.body).{}.match(/[0-9]+/g).slice(0, 3).reduce((a, b) => a + +b, 0)"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with open_browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


def pages(project: Project) -> list[Path]:
    return sorted((project.path / "log/reports").iterdir())


def write_hostile_hook(project: Project, fails: bool) -> None:
    """Write a hook whose output is hostile and has a line without any space; it fails on web2."""
    write_hooks(
        project,
        f"""
        @cap.after('updated')
        def build(host, release):
            host.run('''echo "{HOSTILE}"; printf 'x%.0s' $(seq 3000); echo''')
            if {fails} and host.name == 'web2':
                host.run('exit 7')
        """,
    )


# Pixels by which a command, its output and its result cover each other; the boxes of lines may touch.
OVERLAPS = """[...document.querySelectorAll('pre > span')].filter(span => span.nextElementSibling).map(
    span => span.getBoundingClientRect().bottom - span.nextElementSibling.getBoundingClientRect().top)"""
# The place of the line "live on all hosts", and the end of the step publishing, in percent of the width.
FLIP = "parseFloat(document.querySelector('.timeline line.flip').getAttribute('x1'))"
PUBLISHING = """[...document.querySelectorAll('.timeline svg')].filter(
    one => one.ariaLabel.startsWith('publishing:')).map(
    one => ['x', 'width'].map(name => parseFloat(one.querySelector('rect').getAttribute(name))))[0]"""
# The labels of the timeline of which a part is not visible.
CUT_LABELS = """[...document.querySelectorAll('.timeline .host')].filter(
    one => one.scrollWidth > one.clientWidth + 1).map(one => one.textContent)"""


def assert_readable(browser: Browser, page: Path, width: int, *, is_dark: bool) -> None:
    """Check that a page fits the window, and that nothing of it was run or asked of the network."""
    browser.requested.clear()
    browser.open(page, width, is_dark=is_dark)
    browser.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    right_edges = "[...document.querySelectorAll('body *')].map(one => one.getBoundingClientRect().right)"
    assert max(browser.evaluate(right_edges)) <= width
    assert max(browser.evaluate(OVERLAPS)) < 5
    assert browser.evaluate(CUT_LABELS) == []
    assert "the full width is" in browser.evaluate("document.querySelector('.timeline').innerText")
    colors = [browser.evaluate(BRIGHTNESS.format(name)) for name in ("backgroundColor", "color")]
    dark, light = colors if is_dark else colors[::-1]
    assert dark < DARK
    assert light > LIGHT
    assert browser.evaluate("document.title").startswith("deploy:production: ")
    assert browser.evaluate("document.querySelectorAll('script, img').length") == 0
    assert browser.requested == [page.as_uri()]
    assert browser.complaints == []


def test_a_page_fits_a_phone_and_a_desktop_and_hostile_output_is_harmless(project: Project, browser: Browser) -> None:
    write_hostile_hook(project, fails=True)
    project.doit("deploy:production", f"message={HOSTILE}").failed()
    (page,) = pages(project)
    assert "-deploy-production-failed-" in page.name
    browser.open(page, PHONE)
    assert HOSTILE in browser.evaluate("document.querySelector('details[open] pre').innerText")
    for width in (PHONE, DESKTOP):
        for is_dark in (False, True):
            assert_readable(browser, page, width, is_dark=is_dark)
    assert "exit 7: exit status 7" in browser.evaluate("document.querySelector('header').innerText")


@pytest.mark.extended("detail")
def test_bars_are_as_long_as_the_work_and_output_is_folded_under_its_bar(project: Project, browser: Browser) -> None:
    write_hooks(
        project,
        """
        @cap.after('updated')
        def build(host):
            host.run('echo building; sleep 1.5' if host.name == 'web2' else 'echo building')
        """,
    )
    deploy(project)
    browser.open(pages(project)[0], DESKTOP)
    bars = "[...document.querySelectorAll('.part svg')].filter(s => s.ariaLabel.startsWith('web')).length"
    assert browser.evaluate(bars) >= 8
    widths = browser.evaluate(
        "[...document.querySelectorAll('.part rect.hook')].map(r => r.getBoundingClientRect().width)"
    )
    assert len(widths) == 2
    assert max(widths) > 3 * min(widths)
    began, width = browser.evaluate(PUBLISHING)
    assert began <= browser.evaluate(FLIP) <= began + width + 0.5  # the clock is read at different moments
    assert "the rest waited up to" in browser.evaluate("document.body.innerText")
    is_visible = "document.querySelector('.part pre').checkVisibility()"
    assert not browser.evaluate(is_visible)
    browser.evaluate("document.querySelector('.part summary').click()")
    assert browser.evaluate(is_visible)


@pytest.mark.extended("detail")
def test_the_commits_of_the_projects_clone_are_on_the_page(project: Project, git_repo: GitRepo) -> None:
    deploy(project)
    project.repo.commit({"app.txt": "second\n"})
    deploy(project)
    assert "are not known: the directory of deploy.yml is not a git clone" in pages(project)[1].read_text()
    project.repo.commit({"app.txt": "third\n"})
    git_repo.git("clone", "--quiet", "--bare", ".", str(project.path / ".git"))
    deploy(project)
    assert "1 new, since" in pages(project)[2].read_text()
    assert "change app.txt" in pages(project)[2].read_text()
    project.doit("rollback:production", check=True)
    assert "1 taken away, since" in pages(project)[3].read_text()


def test_each_flow_has_a_page_and_report_names_another_file(project: Project) -> None:
    deploy(project, "report=deploy.html")
    deploy(project, "report=deploy.html")
    project.doit("rollback:production", check=True)
    project.doit("check:production", check=True)
    project.doit("deploy:production", "dry_run=yes", check=True)
    project.doit("drill:production")
    kinds = [re.sub(r"^[0-9]{14}-(.*)-[0-9a-f]{16}\.html$", r"\1", page.name) for page in pages(project)]
    assert kinds == ["deploy-production-done", "deploy-production-done", "rollback-production-done"]
    assert (project.path / "deploy.html").read_text() == pages(project)[1].read_text()


@pytest.mark.parametrize(
    ("file", "refusal"),
    [
        ("deploy.yml", "exists and is not a report page"),
        *further(
            ("none/a.html", "none is not a directory that you can write to"), ("log", "exists and is not a report")
        ),
    ],
)
def test_a_page_that_cannot_be_written_is_refused_before_a_host_is_touched(
    project: Project, file: str, refusal: str
) -> None:
    (project.path / "log").mkdir()
    said = project.doit("deploy:production", f"report={file}").failed().out
    assert f"report={file}: {refusal}" in said
    assert "nothing was done" in said
    assert project.releases("web1") == []


@pytest.mark.extended("variant")
def test_a_page_that_cannot_be_written_at_the_end_is_a_warning(project: Project) -> None:
    (project.path / "log").mkdir()
    (project.path / "log/reports").write_text("a file in its place")
    said = project.doit("deploy:production", check=True).out
    assert said.count("the report page cannot be written") == 1
    assert "log/reports" in said


@pytest.mark.extended("detail")
def test_an_automatic_rollback_has_a_page_and_the_deploy_that_it_undid_says_so(project: Project) -> None:
    deploy(project)
    project.config(on_failure="rollback")
    write_hooks(
        project,
        """
        @cap.after('published', flows=('deploy',))
        def fail(host):
            host.run('exit 7')
        """,
    )
    project.doit("deploy:production", "report=deploy.html").failed()
    names = [page.name for page in pages(project)]
    assert ["-done-" in names[0], "-deploy-production-undone-" in names[1], "-rollback-production-done-" in names[2]]
    assert "failed, and was rolled back" in (project.path / "deploy.html").read_text()


@pytest.mark.extended("detail")
def test_without_a_log_only_the_page_of_report_is_written(project: Project) -> None:
    project.config(log=False)
    deploy(project, "report=deploy.html")
    assert (project.path / "deploy.html").exists()
    assert not (project.path / "log").exists()
    said = project.doit("cap", "report").failed(3).out
    assert "deploy.yml has log: off" in said
