"""Hints from the Ruby of a task: on which hosts it runs, and which recipe might do its work."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

ON = re.compile(r"\bon[ (]+(?:release_)?roles?[ (]+(.*?)(?:\)|\bdo\b|$)", re.MULTILINE)
PRIMARY = re.compile(r"\bon[ (]+primary[ (]+:?[\"']?(\w+)")
ROLE = re.compile(r":(\w+)|[\"'](\w+)[\"']|%[wi][\[({]([^\])}]*)")
ANY_ON = re.compile(r"\bon[ (]")
TURNS = re.compile(r"in: *:sequence|in: *:groups")
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
        remarks: sentences for the operator.
    """

    roles: tuple[str, ...] = ()
    is_for_primary: bool = False
    runs_here: bool = False
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
        remarks=tuple(_find_remarks(text, recipes)),
    )


def _list_roles(text: str) -> list[str]:
    found = (one or other or words for one, other, words in ROLE.findall(text))
    return [role for words in found for role in words.split()]


def _find_remarks(text: str, recipes: Collection[str]) -> list[str]:
    fitting = [remark for pattern, remark in RECIPES if pattern.search(text) and remark.split()[1] in recipes]
    if TURNS.search(text):
        fitting.append("Capistrano does this on one host, or one group of hosts, after the other")
    return fitting
