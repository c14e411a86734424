"""Findings of the doctor as lines."""

from __future__ import annotations

from capdoit.doctor import findings


def test_each_problem_has_its_own_line_and_equal_remarks_share_one() -> None:
    said = [findings.Finding(f"web{n}", text, bad) for text, bad in (("no git", True), ("C", False)) for n in (1, 2)]
    assert findings.format_findings(said, True) == ["web1: no git", "web2: no git"]
    assert findings.format_findings(said, False) == ["web1, web2: C"]
    assert findings.count_findings(said) == "2 problems, 1 remark"
    assert findings.count_findings([]) == "no problems, no remarks"
