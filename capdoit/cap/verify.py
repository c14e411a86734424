"""`doit cap verify`: what was changed by hand in a release since it was shipped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from capdoit import check
from capdoit.cap.asked import Asked, exit_status, say_unreached
from capdoit.check import Verified
from capdoit.console import Console
from capdoit.errors import ConfigError, Outcome
from capdoit.manifest import MOST_SHOWN, Change, Comparison, shown
from capdoit.text import listed

HOW = {"full": "contents and all", "quick": "by sizes, modes and links alone"}


def verify(asked: Asked) -> int:
    """What is not as it was shipped, for each host, and what the hosts do not have alike."""
    asked, wanted = _release(asked)
    stage, how = asked.stage(), asked.variables.verify or "full"
    found = check.verify(stage, asked.variables, asked.console, wanted)
    if asked.json:
        asked.say_json({"stage": stage.name, "verify": how, **_json(found)})
    else:
        _say(asked.console, found, how)
    return exit_status(found.outcomes, found.is_well)


def _release(asked: Asked) -> tuple[Asked, str | None]:
    """The release among the words, and what else was asked."""
    releases = [word for word in asked.words if word.isdecimal()]
    if len(releases) > 1:
        raise ConfigError(f"expected at most one release, found {listed(releases)}")
    others = [word for word in asked.words if word not in releases]
    return replace(asked, words=others), releases[0] if releases else None


def _say(console: Console, found: Verified, how: str) -> None:
    if found.release:
        console.say(f"Release {found.release}, compared with what was shipped, {HOW[how]}:")
    for outcome in filter(None, found.outcomes):
        for line in _host(outcome):
            console.say(line)
    say_unreached(console, found.outcomes)
    if found.differences:
        console.say("\n".join(["The hosts do not have it alike:", *_lines(found.differences, "  ")]))


def _host(outcome: Outcome) -> list[str]:
    compared = outcome.answer
    if not isinstance(compared, Comparison):
        return [f"  {outcome.host}: does not have it ({compared})"]
    if not compared.has_manifest:
        return [f"  {outcome.host}: has no manifest of it, so nobody knows what was shipped"]
    return [f"  {outcome.host}: {compared.summary() or 'as shipped'}", *_lines(compared.changes, "    ")]


def _lines(changes: Sequence[Change], indent: str) -> Iterable[str]:
    return (indent + line for line in shown(changes, MOST_SHOWN))


def _json(found: Verified) -> dict[str, Any]:
    return {
        "release": found.release or None,
        "well": bool(found.release) and found.is_well,
        "hosts": [_host_json(outcome) for outcome in found.outcomes],
        "differences": [_change_json(change) for change in found.differences],
    }


def _host_json(outcome: Outcome) -> dict[str, Any]:
    compared = outcome.answer
    if not isinstance(compared, Comparison):
        return {"host": outcome.host, "state": compared, "error": str(outcome.error) if outcome.error else None}
    return {
        "host": outcome.host,
        "manifest": compared.has_manifest,
        "changes": [_change_json(change) for change in compared.changes],
        "more": compared.cut,
        "error": None,
    }


def _change_json(change: Change) -> dict[str, Any]:
    return {"what": change.what, "path": change.path, "how": list(change.how)}
