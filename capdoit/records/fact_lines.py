"""The lines in which scripts of hosts answer: one fact a line, its key and a tab before it (``print_fact``)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence, Set

from capdoit.errors import HostError
from capdoit.text import cut, make_printable
from capdoit.units import Capacity

FactLines = Mapping[str, Sequence[str]]  # the facts of a host by key; none for a key that it did not print
MOST_LINES = 100_000
LONGEST_SHOWN = 200  # characters of a line that is not expected


def parse_fact_lines(host: str, text: str, single_keys: Set[str], repeated_keys: Set[str], question: str) -> FactLines:
    """Return the facts by key, in the order of the script, with control characters escaped.

    Args:
        host: name of the host.
        text: stdout of a script that prints only facts; ``end`` is the last.
        single_keys: the keys that the script prints once at most.
        repeated_keys: the keys that the script may print several times.
        question: name of the script.

    Raises:
        HostError: the text is not an answer of such a script.
    """
    lines = text.removesuffix("\n").split("\n")
    if len(lines) > MOST_LINES:
        raise malformed_answer(host, f"more than {MOST_LINES} lines", question)
    if lines[-1] != "end\tyes":
        raise malformed_answer(host, f"no end; its last line is {_show(lines[-1])}", question)
    found: dict[str, list[str]] = defaultdict(list)
    for line in lines:
        key, tab, fact = line.partition("\t")
        if key not in single_keys | repeated_keys or not tab or (key in single_keys and found[key]):
            raise malformed_answer(host, f"an unexpected line: {_show(line)}", question)
        found[key].append(make_printable(fact))
    return found


def find_facts(text: str, key: str) -> list[str]:
    """Return the facts with a key in the output of a script that prints other lines, too; nothing is escaped."""
    return [line.removeprefix(f"{key}\t") for line in text.splitlines() if line.startswith(f"{key}\t")]


def parse_room(fact: str) -> Capacity | None:
    """Return the total and the free amount; None unless they are two numbers and the total is more than 0."""
    found = re.fullmatch(r"([1-9][0-9]{0,17}) ([0-9]{1,18})", fact)
    return Capacity(total=int(found[1]), free=int(found[2])) if found else None


def malformed_answer(host: str, what: str, question: str) -> HostError:
    """Return the error of a host that answered a question with something else."""
    return HostError(host, f"answered the {question} with {what}")


def _show(line: str) -> str:
    return repr(cut(make_printable(line), LONGEST_SHOWN))
