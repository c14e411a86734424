"""The words behind `doit cap`: subcommands, options, variables and positional words."""

from __future__ import annotations

from typing import Any

import pytest

from capdoit.commands.command_call import parse_call, restore_words
from capdoit.commands.subcommand import Flag, ValueOption
from capdoit.errors import ConfigError

DOIT = (ValueOption("file", "load tasks from this dodo.py", str, short="f"), Flag("seek-file", "", short="k"))


def parsed(line: str) -> dict[str, Any]:
    """Return what differs from a call without words."""
    call = parse_call(line.split(), DOIT)
    found = {
        "command": call.command.name if call.command else None,
        "help": call.wants_help,
        "words": " ".join(call.words),
        "behind": " ".join(call.command_words),
        "options": call.options,
        "variables": call.variables,
        "doit": " ".join(call.doit_words),
    }
    return {name: value for name, value in found.items() if value}


HOSTS = {"command": "status", "variables": {"hosts": "web1"}}
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("", {"help": True}),
    ("--help", {"help": True}),
    ("-h", {"help": True}),
    ("status", {"command": "status"}),
    ("status --help", {"command": "status", "help": True}),
    ("--help status", {"command": "status", "help": True}),
    ("status production -h", {"command": "status", "words": "production", "help": True}),
    ("status --hosts web1", HOSTS),
    ("status --hosts=web1", HOSTS),
    ("--hosts web1 status", HOSTS),
    ("status hosts=web1", HOSTS),
    ("hosts=web1 status", HOSTS),
    ("status hosts=web1 --hosts web1", HOSTS),
    ("status --json production", {"command": "status", "words": "production", "options": {"json": True}}),
    ("status -- production", {"command": "status", "words": "production"}),
    ("history -n 5", {"command": "history", "options": {"number": 5}}),
    ("history -n5", {"command": "history", "options": {"number": 5}}),
    ("-n 5 history", {"command": "history", "options": {"number": 5}}),
    ("history --number=5", {"command": "history", "options": {"number": 5}}),
    ("-f shop/dodo.py status -k", {"command": "status", "doit": "--file=shop/dodo.py --seek-file"}),
    ("status -fshop/dodo.py", {"command": "status", "doit": "--file=shop/dodo.py"}),
    ("exec --roles web -- df -h a=b", {"command": "exec", "variables": {"roles": "web"}, "behind": "df -h a=b"}),
    ("exec production -- roles=x", {"command": "exec", "words": "production", "behind": "roles=x"}),
    ("exec x=1 roles=web", {"command": "exec", "words": "x=1", "variables": {"roles": "web"}}),
    ("exec -", {"command": "exec", "words": "-"}),
    ("pending --branch=a=b", {"command": "pending", "variables": {"branch": "a=b"}}),
    ("status HOSTS=web1 x=1", {"command": "status", "variables": {"HOSTS": "web1", "x": "1"}}),
]


@pytest.mark.parametrize(("line", "expected"), CALLS, ids=[line or "nothing" for line, _ in CALLS])
def test_options_and_variables_may_stand_before_and_after_words(line: str, expected: dict[str, Any]) -> None:
    assert parsed(line) == expected


MISTAKES = [
    ("statsu", "cap has no statsu; did you mean status? (there are install,"),
    ("help", "cap has no help; did you mean: doit cap --help?"),
    ("help status", "did you mean: doit cap status --help?"),
    ("deploy", "deploy is a task of doit, and no subcommand of cap; did you mean: doit deploy?"),
    ("deploy production", "did you mean: doit deploy:production?"),
    ("production deploy", "did you mean: doit deploy:production?"),
    ("rollback:production", "did you mean: doit rollback:production?"),
    ("deploy branch=main", "did you mean: doit deploy branch=main?"),
    ("production deploy branch=main --dry-run", "did you mean: doit deploy:production branch=main dry_run=yes?"),
    ("deploy production -n", "did you mean: doit deploy:production dry_run=yes?"),
    ("production deploy:check", "did you mean: doit check:production?"),
    ("deploy:rollback", "did you mean: doit rollback?"),
    ("deploy:production:updating", "did you mean: doit deploy:production:updating?"),
    ("deply production", "cap has no deply; did you mean: doit deploy:production?"),
    ("production rolback", "did you mean: doit rollback:production?"),
    ("rake production", "cap has no rake (there are install,"),
    ("rake production", "completion); a task is typed without cap, and doit list shows all"),
    ("status:production --json", "cap has no status:production; did you mean: doit cap status production --json?"),
    ("list", "cap has no list; did you mean: doit list?"),
    ("-T", "cap has no -T; did you mean: doit list?"),
    ("--tasks", "cap has no --tasks; did you mean: doit list?"),
    ("production status --json", "the subcommand comes first; did you mean: doit cap status production --json?"),
    ("--jsno status", "cap has no --jsno; did you mean --json?"),
    ("status --jsno", "cap status has no --jsno; did you mean --json? (doit cap status --help shows all)"),
    ("status --js", "cap status has no --js; did you mean --json?"),
    ("status -x", "cap status has no -x"),
    ("install --json", "cap install has no --json; only these have it: stages, status"),
    ("status --diff", "cap status has no --diff; only these have it: recipes"),
    ("status --hosts", "cap status: --hosts needs a value: --hosts HOSTS"),
    ("history -n", "cap history: -n needs a value: -n N"),
    ("history -n many", "-n many: expected a number of flows"),
    ("status --json=yes", "cap status: --json takes no value, found yes"),
    ("exec ls -l", "cap exec has no -l; a command with options of its own stands behind --, as in: doit cap exec"),
    ("exec df -h", "cap exec has no -h; a command with options of its own stands behind --"),
    ("exec --rolse web -- df", "cap exec has no --rolse; did you mean --roles?"),
    ("status hosts=web1 --hosts web2", "hosts is given twice: web1 and web2; separate several names with commas"),
    ("status --roles a --roles b", "roles is given twice: a and b"),
]


@pytest.mark.parametrize(("line", "expected"), MISTAKES, ids=[line for line, _ in MISTAKES])
def test_a_mistake_on_the_command_line_is_refused_with_the_words_that_help(line: str, expected: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_call(line.split(), DOIT)
    assert expected in str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "left", "expected"),
    [
        ("cap exec -- env A=1 x", "exec -- env x", "exec -- env A=1 x"),
        ("B=2 cap status A=1", "status", "B=2 status A=1"),
        ("-f cap cap status A=1", "status", "status A=1"),
        ("cap status --hosts=x", "status --hosts=x", "status --hosts=x"),
        ("something else", "status", "A=1 B=2 status"),
    ],
)
def test_variables_that_doit_took_out_return_to_their_places(arguments: str, left: str, expected: str) -> None:
    assert restore_words(left.split(), {"A": "1", "B": "2"}, arguments.split()) == expected.split()
