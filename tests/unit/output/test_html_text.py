"""HTML that is made of elements."""

from __future__ import annotations

from capdoit.output.html_text import element, join


def test_texts_and_attributes_are_escaped_and_elements_are_not() -> None:
    inner = element("b", "<script>", title='"><img>')
    assert inner == '<b title="&quot;&gt;&lt;img&gt;">&lt;script&gt;</b>'
    assert element("p", "a & ", inner) == f"<p>a &amp; {inner}</p>"


def test_attributes_may_have_no_value_or_be_left_out() -> None:
    assert element("details", open=True, hidden=False, class_="a", aria_label="b", x=1.5) == (
        '<details open class="a" aria-label="b" x="1.5"></details>'
    )


def test_elements_without_content_have_no_end() -> None:
    assert join(element("meta", charset="utf-8"), "<") == '<meta charset="utf-8">&lt;'
