"""Hints from the Ruby of a task: on which hosts it runs, and which recipe might do its work."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

ON = re.compile(r"\bon[ (]+(?:release_)?roles?[ (]+(.*?)(?:\)|\bdo\b|$)", re.MULTILINE)
PRIMARY = re.compile(r"\bon[ (]+primary[ (]+:?[\"']?(\w+)")
ROLE = re.compile(r":(\w+)|[\"'](\w+)[\"']|%[wi][\[({]([^\])}]*)")
ANY_ON = re.compile(r"\bon[ (]")
TURNS = re.compile(r"\bin: *:(sequence|groups)")
LIMIT, WAIT = re.compile(r"\blimit: *(\d+)"), re.compile(r"\bwait: *(\d+)")
# What tasks of many projects do, and what does it here.
RECIPES = (
    (re.compile(r"tmp/restart\.txt|passenger-config"), "recipe passenger restarts the application so"),
    (re.compile(r"systemctl|service\b.*\b(?:restart|reload)"), "recipe systemd restarts units and waits for them"),
    (re.compile(r"supervisorctl"), "recipe supervisor restarts programs and waits for them"),
    (re.compile(r"assets:precompile|db:migrate"), "recipe rails does this"),
    (re.compile(r"manage\.py|collectstatic"), "recipe django does this"),
    (re.compile(r":?npm\b|:?yarn\b|\bpnpm\b"), "recipe node does this"),
    (re.compile(r"\bcomposer\b"), "recipe composer does this"),
    (re.compile(r"\bartisan\b"), "recipe laravel does this"),
    (re.compile(r"bin/console|doctrine:migrations"), "recipe symfony does this"),
    (re.compile(r"curl\b.*https?://"), "recipe health requests a URL"),
    (re.compile(r"\bcrontab\b|\bwhenever\b"), "recipe cron does this"),
)


@dataclass(frozen=True)
class Hint:
    """A guess from the text of a task, which is not understood further.

    Attributes:
        roles: roles of its hosts; empty for all hosts.
        is_for_primary: whether it runs on the primary of the roles.
        runs_here: whether it runs on the controller: it has no `on`.
        at_once: number of hosts that it runs on at the same time; 0 for all.
        wait_seconds: pause between these groups of hosts.
        remarks: sentences for the operator.
    """

    roles: tuple[str, ...] = ()
    is_for_primary: bool = False
    runs_here: bool = False
    at_once: int = 0
    wait_seconds: int = 0
    remarks: tuple[str, ...] = ()


def guess_from_ruby(lines: Sequence[str], roles: Collection[str], recipes: Collection[str]) -> Hint:
    """Return hints for a task.

    Args:
        lines: its Ruby.
        roles: the roles that hosts have.
        recipes: the names of the installed recipes.
    """
    text = "\n".join(lines)
    primary, found = PRIMARY.search(text), ON.search(text)
    named = [primary[1]] if primary else _list_roles(found[1]) if found else []
    return Hint(
        roles=tuple(role for role in named if role in roles) if "all" not in named else (),
        is_for_primary=bool(primary),
        runs_here=not ANY_ON.search(text),
        at_once=_find_at_once(text),
        wait_seconds=_find_number(WAIT, text, 0) if TURNS.search(text) else 0,
        remarks=tuple(_find_remarks(text, recipes)),
    )


def _list_roles(text: str) -> list[str]:
    found = (one or other or words for one, other, words in ROLE.findall(text))
    return [role for words in found for role in words.split()]


def _find_remarks(text: str, recipes: Collection[str]) -> list[str]:
    return [remark for pattern, remark in RECIPES if pattern.search(text) and remark.split()[1] in recipes]


def _find_at_once(text: str) -> int:
    """Return the size of the groups of hosts that take turns; 0 if all hosts run at the same time."""
    turns = TURNS.search(text)
    if not turns:
        return 0
    return 1 if turns[1] == "sequence" else _find_number(LIMIT, text, 2)  # SSHKit's default


def _find_number(pattern: re.Pattern[str], text: str, default: int) -> int:
    found = pattern.search(text)
    return int(found[1]) if found else default
