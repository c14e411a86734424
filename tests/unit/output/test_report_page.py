"""The report page of a flow, as HTML."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from capdoit import events
from capdoit.errors import CapdoitError
from capdoit.events import Event
from capdoit.output.command_line import CommandLine
from capdoit.output.failure_report import FailureReport
from capdoit.output.page_data import PageData
from capdoit.output.report_files import MARK
from capdoit.output.report_page import render_page
from capdoit.records.revision_gap import Commit, Gap
from capdoit.redaction import Redactor
from capdoit.state.decision import Decision

HOSTILE = "<script>alert(1)</script><img src=http://evil.example/ onerror='alert(2)'>&\"'"
HOSTS = ("web1", "web2")
UPDATING = events.StepStarted("updating", is_hook=False)


class Elements(HTMLParser):
    """The elements and texts of a page.

    Attributes:
        found: name and attributes of each element.
        texts: the texts, with the names of the elements around them.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[tuple[str, ...], str]] = []
        self._open: list[str] = []
        self.feed(page)
        assert self._open == [], "an element has no end"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag != "meta":
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((tuple(self._open), data))

    @property
    def names(self) -> set[str]:
        return {name for name, _ in self.found}

    def text_in(self, name: str) -> str:
        return " ".join(text for around, text in self.texts if name in around)

    def with_class(self, name: str) -> list[str]:
        return [tag for tag, attributes in self.found if name in (attributes.get("class") or "").split()]


def page_of(*happened: Event, message: str = "", commits: tuple[Gap, ...] = ()) -> Elements:
    """Return the page of a flow; one of these events happens each second."""
    started = events.FlowStarted("production", HOSTS, "ann", "deploy", "main", message, run="1f" * 8)
    data = PageData.begin(started, 0.0)
    for second, event in enumerate(happened, 1):
        data.apply(event, float(second))
    redactor = Redactor()
    redactor.add(["hunter22"])
    return Elements(render_page(data, commits, redactor.redact_message, "log/capdoit.log"))


def work(*durations: float) -> list[Event]:
    starts = [events.WorkStarted(host) for host in HOSTS]
    return [*starts, *(events.WorkFinished(host, s) for host, s in zip(HOSTS, durations, strict=True))]


FINISHED = events.FlowFinished("deploy:production", (), 0, 9.0, "doit rollback:production rollback_release=1")


def test_the_page_tells_verdict_who_what_why_and_how_to_go_back() -> None:
    decision = Decision("20161123174643", "0123456789abcdef", subject="Fix the login")
    published = events.Published(dict.fromkeys(HOSTS, "20161123174643"), "0123456789abcdef", "main", 2.5)
    page = page_of(events.Decided(decision), published, FINISHED, message="a customer waits")
    assert page.text_in("h1") == "deploy:production  done"
    assert "20161123174643 is live on web1, web2, 2.5s after the start" in page.text_in("header")
    assert "doit rollback:production rollback_release=1" in page.text_in("header")
    facts = page.text_in("dl")
    for fact in ("ann", 'main 0123456789ab "Fix the login"', "a customer waits", "web1, web2"):
        assert fact in facts
    assert "log/capdoit.log" in page.text_in("footer")


def test_a_failure_has_its_report_without_secrets_and_the_output_of_the_host_is_open() -> None:
    error = CapdoitError("the password is hunter22")
    report = FailureReport("deploy:production: updating failed", error, (), CommandLine("deploy", "production"))
    page = page_of(
        UPDATING,
        *(events.WorkStarted(host) for host in HOSTS),
        *(events.HostOutput(host, "err", f"no space on {host}") for host in HOSTS),
        events.WorkFinished("web1", 1.0, "web1: stopped", is_cancelled=True),
        events.WorkFinished("web2", 1.0, "web2: disk full"),
        events.StepFailed("updating", "", "web2: disk full"),
        events.FlowFailed(report),
    )
    assert "updating failed: the password is ***" in page.text_in("header")
    assert [attributes for tag, attributes in page.found if tag == "details"] == [{}, {"open": None}]
    assert "no space on web2" in page.text_in("details")
    assert len(page.with_class("failed")) == 4  # step and host in the timeline, step, and legend
    assert len(page.with_class("stopped")) == 3


def test_barrier_and_slowest_host_are_drawn_for_each_step() -> None:
    hook = events.StepStarted("build", is_hook=True)
    steps = [UPDATING, *work(0.2, 2.0), events.StepFinished("updating", is_hook=False, seconds=5.0)]
    hooks = [hook, *work(0.3, 0.1), events.StepFinished("build", is_hook=True, seconds=5.0)]
    page = page_of(*steps, *hooks, FINISHED)
    in_timeline, in_steps, in_legend = 4, 4, 1  # two steps on two hosts
    assert len(page.with_class("barrier")) == in_timeline + in_steps + in_legend
    assert len(page.with_class("slowest")) == 2 + 2 + in_legend
    assert len(page.with_class("hook")) == 1 + 2 + 2 + in_legend  # the step, and its hosts in both places
    assert "the rest waited up to 2.8s for web2" in page.text_in("section")
    assert "web2: updating 2.0s (slowest), build 0.1s (slowest)" in {
        attributes.get("aria-label") for _, attributes in page.found
    }


def test_of_many_hosts_a_step_shows_the_failed_and_the_slowest_ones_and_folds_the_rest() -> None:
    names = [f"host{number}" for number in range(100)]
    ends = [events.WorkFinished(name, float(number)) for number, name in enumerate(names)]
    ends[3] = events.WorkFinished("host3", 3.0, "host3: disk full")
    page = page_of(UPDATING, *map(events.WorkStarted, names), *ends, FINISHED)
    shown = [text for around, text in page.texts if text.startswith("host") and around.count("details") == 0]
    assert [text for text in shown if text[4:].isdecimal()] == ["host3", *(f"host{n}" for n in range(99, 92, -1))]
    assert "92 more hosts" in page.text_in("summary")


@pytest.mark.parametrize("commits_are_for", ["all hosts", "one host"])
def test_commits_are_listed_newest_first_and_a_long_list_is_cut(commits_are_for: str) -> None:
    comes = tuple(Commit(f"{n:040x}", "2026-11-28", "Ann", f"change {n}") for n in range(150))
    change = Gap(HOSTS, "ab" * 20, comes, comes[:1])
    changes = (change,) if commits_are_for == "all hosts" else (change, Gap(("web3",), "cd" * 20, comes, ()))
    text = page_of(FINISHED, commits=changes).text_in("section")
    assert ("150 new, since abababababab" if len(changes) == 1 else "150 new on web1, web2, since") in text
    assert "and 50 more" in text
    assert "1 taken away" in text


def test_nothing_of_hosts_operators_and_commits_becomes_an_element() -> None:
    commit = Commit(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    page = page_of(
        events.StepStarted(HOSTILE, is_hook=True),
        events.WorkStarted("web1"),
        events.RequestSent("web1", HOSTILE, "run", "", ""),
        events.HostOutput("web1", "out", HOSTILE),
        events.WorkFinished("web1", 0.5, HOSTILE),
        events.Warned(HOSTILE),
        events.HostLeftOut("web2", HOSTILE),
        events.FlowFinished("deploy:production", (), 1, 9.0, HOSTILE),
        message=HOSTILE,
        commits=(Gap((HOSTILE,), HOSTILE, (commit,), ()),),
    )
    assert page.names.isdisjoint({"script", "img", "iframe", "link", "object", "a", "form"})
    attributes = {name for _, attributes in page.found for name in attributes}
    assert not {name for name in attributes if name.startswith("on") or name in ("src", "href", "style")}
    assert sum(text.count("<script>alert(1)</script>") for _, text in page.texts) > 10


def test_the_page_allows_only_its_own_style() -> None:
    page = page_of(FINISHED)
    (policy,) = [a["content"] for _, a in page.found if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_every_page_begins_with_the_mark_by_which_it_is_known() -> None:
    data = PageData.begin(events.FlowStarted("production", HOSTS, "ann", "rollback", "", "", run="1f"), 0.0)
    assert render_page(data, (), str, "").startswith(MARK)


def test_the_style_has_no_address_of_the_network() -> None:
    import capdoit.output.report_page as module

    style = Path(module.__file__).with_suffix(".css").read_text()
    assert "url(" not in style
    assert "@import" not in style
