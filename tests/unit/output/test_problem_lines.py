"""The lines about the problems of hosts: what several hosts share is said once."""

from __future__ import annotations

from capdoit.errors import HostError, Problem, Unreachable
from capdoit.output.problem_lines import describe_problems, summarize_problems
from capdoit.output.report_lines import Kind, as_text


def failed(host: str, *lines: str, reason: str = "restart: exit status 1") -> Problem:
    return HostError(host, reason, lines=lines).problem


def said(*problems: Problem) -> list[str]:
    return as_text(describe_problems(problems)).splitlines()


def test_an_error_that_hosts_share_is_said_once_with_its_output() -> None:
    assert said(failed("web1", "boom"), failed("web2", "boom")) == ["web1, web2: restart: exit status 1", "    boom"]


def test_output_that_differs_in_numbers_and_names_is_that_of_the_first_host() -> None:
    problems = (failed(host, f"{host}: no port {port}") for host, port in (("web1", 8001), ("web2", 8002)))
    assert said(*problems) == ["web1, web2: restart: exit status 1", "  on web1:", "    web1: no port 8001"]


def test_different_errors_of_hosts_are_all_there() -> None:
    assert said(failed("web1", "boom"), failed("web2", "bang")) == [
        "web1: restart: exit status 1",
        "    boom",
        "web2: restart: exit status 1",
        "    bang",
    ]


def test_output_keeps_its_indentation_and_loses_its_blank_lines() -> None:
    assert said(failed("web1", "Traceback:", "", "  File x", "")) == [
        "web1: restart: exit status 1",
        "    Traceback:",
        "      File x",
    ]


def test_one_hint_is_for_all_hosts_with_its_cause_and_the_line_that_tells_the_cause_is_marked() -> None:
    first = failed("web1", "sh: 1: bundle: not found", "giving up")
    second = failed("web2", "sh: 1: bundle: not found", "good bye")
    lines = describe_problems([first, second])
    hints = [line for line in lines if line.kind is Kind.HINT]
    assert [line.text.startswith("Hint: bundle is not on the PATH of web1, web2:") for line in hints] == [True]
    assert [line.text for line in lines if line.kind is Kind.CAUSE and line.indentation] == (
        ["sh: 1: bundle: not found"] * 2
    )


def test_a_hint_about_a_login_has_the_command_to_log_in_by_hand() -> None:
    denied = Unreachable("web1", "cannot connect: ann@web1: Permission denied (publickey).", login="ssh ann@web1")
    assert said(denied.problem)[-1].endswith("To see the keys that ssh offers: ssh ann@web1 -v")


def test_a_summary_has_the_last_line_of_output_or_the_one_that_tells_a_known_cause() -> None:
    assert summarize_problems([failed(host, "rake aborted!", "no database") for host in ("web1", "web2")]) == (
        "web1, web2: restart: exit status 1: no database"
    )
    lines = ("Host key verification failed.", "fatal: Could not read from remote repository.", "", "and so on")
    assert summarize_problems([failed("web1", *lines)]) == (
        "web1: restart: exit status 1: Host key verification failed."
    )


def test_a_long_command_does_not_push_the_telling_line_out_of_a_summary() -> None:
    summary = summarize_problems([failed("web1", "no database", reason=f"{'x ' * 1000}: exit status 1")])
    assert summary.endswith(" …: no database")
    assert len(summary) < 250


def test_a_summary_of_many_problems_has_the_first_ones_and_the_number_of_the_others() -> None:
    problems = [Problem(f"no {what}", "web1") for what in ("git", "tar", "room", "luck", "way")]
    assert summarize_problems(problems) == "web1: no git; web1: no tar; web1: no room; and 2 more"


def test_a_hint_for_many_hosts_does_not_name_them_again() -> None:
    lines = describe_problems([failed(f"web{n}", "sh: 1: bundle: not found") for n in range(1, 51)])
    (hint,) = [line.text for line in lines if line.kind is Kind.HINT]
    assert hint.startswith("Hint: bundle is not on the PATH of these hosts: ")


def test_a_summary_has_no_full_stop_in_its_middle() -> None:
    problem = failed("web1", "No ED25519 host key is known for web1", reason="cannot connect: Host key is wrong.")
    assert summarize_problems([problem]).startswith("web1: cannot connect: Host key is wrong: No ED25519 host key")
