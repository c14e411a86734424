"""HTML that is made of elements; every text in it is escaped."""

from __future__ import annotations

from html import escape

VOID = ("br", "meta")


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(tag: str, *children: str, **attributes: str | float | bool) -> Html:
    """Return an element.

    Args:
        tag: name of the element.
        *children: its content; what is not `Html` is a text.
        **attributes: ``class_`` is ``class``, and an underscore in a name is a dash. False leaves an attribute out, and
            True has no value.
    """
    words = "".join(_attribute(name, value) for name, value in attributes.items() if value is not False)
    end = "" if tag in VOID else f"</{tag}>"
    return Html(f"<{tag}{words}>{join(*children)}{end}")


def join(*children: str) -> Html:
    """Return elements and texts in a row."""
    return Html("".join(child if isinstance(child, Html) else escape(child) for child in children))


def _attribute(name: str, value: str | float | bool) -> str:
    name = name.removesuffix("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
