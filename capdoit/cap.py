"""`doit cap`: looking around, and the first deploy.yml; what changes hosts are tasks (``tasks.py``)."""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
import sys
import typing
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from doit import doit_cmd
from doit.cmd_base import DoitCmdBase
from doit.exceptions import InvalidCommand, InvalidDodoFile

from capdoit import config, decide, recipe, variables
from capdoit import unlock as unlocking
from capdoit.check import survey
from capdoit.config import NAME_OF_STAGE, RESERVED, RecipeUse, Stage
from capdoit.console import Console
from capdoit.errors import CapdoitError, ConfigError, FleetDisagrees, NoTarget, Outcome, RecipeError
from capdoit.journal import Entry
from capdoit.places import near
from capdoit.survey import Facts
from capdoit.tasks import Cap
from capdoit.text import listed, table
from capdoit.variables import Variables

TEMPLATES = Path(__file__).with_name("install")
DEFAULT_STAGES = ("staging", "production")  # Capistrano's
WIDTH = 80
SHORT = 12  # digits of a revision
AGREED, UNREACHED, DISAGREED = 0, 1, 3
INTERRUPTED = 130  # as shells have it


@dataclass(frozen=True)
class Asked:
    """One call of the command.

    Attributes:
        words: what stands behind the subcommand.
        json: whether ``--json`` was said.
        variables: NAME=VALUE, and the environment's.
        console: where the answer goes.
        dodo: the path of dodo.py.
        load: reads dodo.py and gives the `Cap` in it.
    """

    words: list[str]
    json: bool
    variables: Variables
    console: Console
    dodo: Path
    load: Callable[[], Cap]

    def word(self, what: str) -> str | None:
        """The only word, if there is one."""
        if len(self.words) > 1:
            raise ConfigError(f"expected at most one {what}, found {listed(self.words)}")
        return self.words[0] if self.words else None

    def stage(self) -> Stage:
        """The stage that is named, or is the default one, with the selected hosts."""
        named, said = self.word("stage"), self.variables.stage
        if named and said and named != said:
            raise ConfigError(f"which stage, {named} or stage={said}?")
        return variables.select(config.choose_stage(self.load().config, named or said), self.variables)

    def say_json(self, answer: object) -> None:
        """The answer for programs."""
        self.console.say(json.dumps(answer, indent=2))


class CapCommand(DoitCmdBase):  # type: ignore[misc]
    """The doit command ``cap``; its subcommands are `COMMANDS`."""

    name = "cap"
    base_options = ()
    cmd_options = (
        {
            "name": "json",
            "short": "",
            "long": "json",
            "type": bool,
            "default": False,
            "help": "answer in JSON (status and releases)",
        },
    )
    doc_purpose = "look at what is deployed; write a first deploy.yml"
    doc_usage = "install | stages | status | releases | recipes | unlock"
    doc_description = """\
install [STAGE…]: write deploy.yml and dodo.py, for staging and production unless named otherwise; \
what is there already stays as it is
stages: the stages of deploy.yml
status [STAGE]: what is live on each host, who holds its lock, and where a rollback would go
releases [STAGE]: which host has which release, and in which state
recipes [NAME]: the recipes that can be used, or one recipe and its options
unlock [STAGE]: free the locks of a stage by force; whatever flow held one is refused from then on

STAGE is the default one when it is not named. hosts= and roles= choose among its hosts.

Exit status of status and releases: 0; 1 when no host could be reached; 3 when some could not, or the \
hosts do not have the same release live."""

    def parse_execute(self, in_args: list[str]) -> int:
        """Run it; ``--json`` may stand anywhere, though doit's options stand first."""
        return int(super().parse_execute(sorted(in_args, key=lambda word: word != "--json")))

    def execute(self, params: Any, args: list[str]) -> int:
        """Run a subcommand; without one, show the help.

        Raises:
            InvalidCommand: doit's, so that what the user did wrong prints without a traceback.
        """
        if not args:
            print(self.help())
            return 0
        console = Console(sys.stdout)
        try:
            return _command(args[0], params["json"])(self._asked(params, args[1:], console))
        except KeyboardInterrupt:
            console.say("interrupted")
            return INTERRUPTED
        except CapdoitError as error:
            raise InvalidCommand(console.redact(str(error))) from None

    def _asked(self, params: Any, words: list[str], console: Console) -> Asked:
        said = variables.read(dict(doit_cmd._CMDLINE_VARS or {}), os.environ)
        dodo = Path(params.get("dodoFile") or "dodo.py")
        return Asked(words, params["json"], said, console, dodo, lambda: self._load(params))

    def _load(self, params: Any) -> Cap:
        self.loader.setup(params)
        for value in self.loader.namespace.values():
            if isinstance(value, Cap):
                return value
        raise InvalidDodoFile('the dodo file has no deploy.yml: it needs a line `cap = capdoit.load("deploy.yml")`')


# -- install


def install(asked: Asked) -> int:
    """Write deploy.yml and dodo.py where there are none."""
    stages = asked.words or DEFAULT_STAGES
    for stage in stages:
        if stage in RESERVED or not NAME_OF_STAGE.fullmatch(stage) or stages.count(stage) > 1:
            raise ConfigError(f"{stage} cannot be a stage's name, or stands here twice; nothing was written")
    deploy = _template("deploy.yml").replace("{default_stage}", stages[0])
    blocks = [_template("stage.yml").replace("{stage}", stage) for stage in stages]
    _write(asked, asked.dodo.with_name("deploy.yml"), deploy + "".join(blocks))
    _write(asked, asked.dodo, _template("dodo.py"))
    asked.console.say("Next: put your hosts into deploy.yml, then `doit check` and `doit deploy`.")
    return 0


def _template(name: str) -> str:
    return (TEMPLATES / f"{name}.in").read_text(encoding="utf-8")


def _write(asked: Asked, file: Path, text: str) -> None:
    try:
        with file.open("x", encoding="utf-8") as target:
            target.write(text)
    except FileExistsError:
        asked.console.say(f"[skip] {file} exists")
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from None
    else:
        asked.console.say(f"[write] {file}")


# -- stages


def stages(asked: Asked) -> int:
    """The stages of deploy.yml."""
    if asked.words:
        raise ConfigError(f"stages takes no words, found {listed(asked.words)}")
    conf = asked.load().config
    default = conf.default_stage or (next(iter(conf.stages)) if len(conf.stages) == 1 else None)
    rows = [_stage_row(stage, stage.name == default) for stage in conf.stages.values()]
    asked.console.say(table(("stage", "", "transfer", "of", "hosts"), rows))
    return 0


def _stage_row(stage: Stage, is_default: bool) -> tuple[str, ...]:
    source = stage.branch if stage.transfer == "git" else str(stage.archive)
    names = [host.name for host in stage.hosts]
    hosts = listed(names) if len(names) <= 3 else f"{listed(names[:2])} and {len(names) - 2} more"
    return stage.name, "default" if is_default else "", stage.transfer, source, hosts


# -- status


def status(asked: Asked) -> int:
    """A line for each host: what is live, who holds the lock, where a rollback would go."""
    stage = asked.stage()
    outcomes = survey(stage, asked.variables, asked.console)
    facts = _facts(outcomes)
    agree = len({_live(one) for one in facts}) <= 1
    if asked.json:
        asked.say_json(_status_json(stage, outcomes, agree))
    else:
        _say_status(asked.console, stage, outcomes, agree)
    return _exit_status(outcomes, agree)


def _say_status(console: Console, stage: Stage, outcomes: Sequence[Outcome], agree: bool) -> None:
    facts = _facts(outcomes)
    if facts:
        rows = [_status_row(one, stage.name) for one in facts]
        console.say(table(("host", "live", "revision", "lock", "a rollback goes to"), rows))
        _, refused = _rollback(facts, stage.name)
        if refused:
            console.say(f"A rollback is refused: {_what(refused)}")
    _say_unreached(console, outcomes)
    for sentence in decide.unfinished(facts):
        console.say(sentence)
    if not agree:
        console.say("The hosts do not have the same release live.")


def _status_row(facts: Facts, stage: str) -> tuple[str, ...]:
    live, revision = _live(facts)
    return facts.host, live or "nothing", revision[:SHORT], _lock(facts.lock), _rollback([facts], stage)[0] or "nothing"


def _status_json(stage: Stage, outcomes: Sequence[Outcome], agree: bool) -> dict[str, Any]:
    target, refused = _rollback(_facts(outcomes), stage.name)
    return {
        "stage": stage.name,
        "agree": agree,
        "rollback": target,
        "refused": refused and _what(refused),
        "unfinished": decide.unfinished(_facts(outcomes)),
        "hosts": [_host_json(outcome, stage.name) for outcome in outcomes],
    }


def _host_json(outcome: Outcome, stage: str) -> dict[str, Any]:
    if not isinstance(outcome.answer, Facts):
        return {"host": outcome.host, "error": str(outcome.error)}
    facts = outcome.answer
    live, revision = _live(facts)
    return {
        "host": facts.host,
        "live": live or None,
        "revision": revision or None,
        "lock": vars(facts.lock) if facts.lock else None,
        "rollback": _rollback([facts], stage)[0],
        "error": None,
    }


def _lock(lock: Entry | None) -> str:
    return f"{lock.flow} by {lock.by}" if lock else "free"


# -- releases


def releases(asked: Asked) -> int:
    """A line for each release, with its state on each host."""
    stage = asked.stage()
    outcomes = survey(stage, asked.variables, asked.console)
    facts = _facts(outcomes)
    target, refused = _rollback(facts, stage.name)
    if asked.json:
        asked.say_json(_releases_json(stage, outcomes, target))
    else:
        if facts:
            asked.console.say(_matrix(facts, target))
        if refused:
            asked.console.say(f"A rollback is refused: {_what(refused)}")
        _say_unreached(asked.console, outcomes)
    return _exit_status(outcomes, len({_live(one) for one in facts}) <= 1)


def _matrix(facts: Sequence[Facts], target: str | None) -> str:
    """The table of releases and hosts; where it is too wide, hosts that hold the same share a column."""
    names = _releases(facts)
    if not names:
        return "No host has a release."
    columns = {one.host: [one.state(name) for name in names] for one in facts}
    wide = _columns(facts, names, columns, target)
    if max(map(len, wide.splitlines())) <= WIDTH:
        return wide
    shared = _shared(columns)
    legend = [f"  {head}: {listed(hosts)}" for head, hosts in shared.items() if len(hosts) > 1]
    narrow = _columns(facts, names, {head: columns[hosts[0]] for head, hosts in shared.items()}, target)
    return "\n".join([narrow, *legend])


def _columns(facts: Sequence[Facts], names: list[str], columns: dict[str, list[str]], target: str | None) -> str:
    rows = [
        (name, _revision(facts, name), *cells, "<- rollback" if name == target else "")
        for name, *cells in zip(names, *columns.values(), strict=True)
    ]
    return table(("release", "revision", *columns, ""), rows)


def _shared(columns: dict[str, list[str]]) -> dict[str, list[str]]:
    """The hosts with the same states, under a head for all of them."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for host, states in columns.items():
        groups.setdefault(tuple(states), []).append(host)
    return {h[0] if len(h) == 1 else f"{h[0]} +{len(h) - 1}": h for h in groups.values()}


def _releases(facts: Iterable[Facts]) -> list[str]:
    """All that any host holds, newest first."""
    live = {one.current for one in facts if one.current}
    return sorted({*live, *(name for one in facts for name in (*one.releases, *one.archives))}, reverse=True)


def _revision(facts: Sequence[Facts], release: str) -> str:
    revisions = {one.releases[release] for one in facts if one.releases.get(release)}
    return "differs" if len(revisions) > 1 else "".join(revisions)[:SHORT]


def _releases_json(stage: Stage, outcomes: Sequence[Outcome], target: str | None) -> dict[str, Any]:
    facts = _facts(outcomes)
    return {
        "stage": stage.name,
        "rollback": target,
        "releases": [
            {
                "release": name,
                "states": {one.host: one.state(name) for one in facts},
                "revisions": {one.host: one.releases[name] for one in facts if one.releases.get(name)},
            }
            for name in _releases(facts)
        ],
        "errors": {outcome.host: str(outcome.error) for outcome in outcomes if outcome.error},
    }


# -- recipes


def recipes(asked: Asked) -> int:
    """All recipes with their first lines, or one of them with its options."""
    name, project = asked.word("recipe"), asked.load().config.file.parent
    if name is None:
        rows = [(n, source, _first_line(n, project)) for n, source in sorted(recipe.available(project).items())]
        asked.console.say(table(("recipe", "from", ""), rows) if rows else "There are no recipes.")
    else:
        asked.console.say(_described(_found(name, project)))
    return 0


def _found(name: str, project: Path) -> recipe.Found:
    try:
        return recipe.find(RecipeUse(name, "doit cap recipes", {}, {}), project)
    except CapdoitError:
        raise
    except Exception as error:  # noqa: BLE001 - a recipe is anybody's module, and may fail in any way
        raise RecipeError(f"recipe {name} cannot be loaded: {type(error).__name__}: {error}") from None


def _first_line(name: str, project: Path) -> str:
    try:
        return (inspect.getdoc(_found(name, project).module) or "").partition("\n")[0]
    except CapdoitError as error:
        return str(error).partition("\n")[0]


def _described(found: recipe.Found) -> str:
    text = f"{found.name} ({found.source})\n\n{inspect.getdoc(found.module) or 'It says nothing of itself.'}"
    options = found.recipe.options
    if options is None:
        return f"{text}\n\nIt has no options."
    kinds = typing.get_type_hints(options)
    rows = [(f.name, _kind(kinds[f.name]), _default(f)) for f in dataclasses.fields(options)]
    return f"{text}\n\n{table(('option', 'type', 'default'), rows)}"


def _kind(kind: Any) -> str:
    return recipe.KINDS.get(kind, "a list of texts")


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return json.dumps(field.default)
    if field.default_factory is not dataclasses.MISSING:
        return json.dumps(field.default_factory())
    return "none; it is needed"


# -- unlock


def unlock(asked: Asked) -> int:
    """Free the locks of a stage by force."""
    stage = asked.stage()
    outcomes = unlocking.unlock(stage, asked.variables, asked.console)
    _say_unreached(asked.console, outcomes)
    for outcome in outcomes:
        if outcome:
            freed = outcome.answer
            was = f"freed the lock of {_lock(freed)}" if isinstance(freed, Entry) else "was not locked"
            asked.console.say(f"{outcome.host}: {was}")
    return _exit_status(outcomes, agree=True)


# -- what several of them need


COMMANDS: dict[str, Callable[[Asked], int]] = {
    "install": install,
    "stages": stages,
    "status": status,
    "releases": releases,
    "recipes": recipes,
    "unlock": unlock,
}
WITH_JSON = ("status", "releases")


def _command(name: str, in_json: bool) -> Callable[[Asked], int]:
    if name not in COMMANDS:
        raise ConfigError(f"cap has no {name}{near(name, COMMANDS)} (there are {listed(COMMANDS)})")
    if in_json and name not in WITH_JSON:
        raise ConfigError(f"cap {name} has no --json; {listed(WITH_JSON)} have")
    return COMMANDS[name]


def _facts(outcomes: Iterable[Outcome]) -> list[Facts]:
    return [outcome.answer for outcome in outcomes if isinstance(outcome.answer, Facts)]


def _live(facts: Facts) -> tuple[str, str]:
    """What is live, and its revision."""
    return facts.current or facts.link, facts.releases.get(facts.current or "", "")


def _rollback(facts: Sequence[Facts], stage: str) -> tuple[str | None, str]:
    """Where a rollback of these hosts would go, or why it would go nowhere."""
    try:
        return (decide.rollback_target(facts, None, stage).release, "") if facts else (None, "")
    except (NoTarget, FleetDisagrees) as error:
        return None, str(error)


def _what(refusal: str) -> str:
    return refusal.partition("\n")[0].removeprefix("nothing was touched: ")


def _say_unreached(console: Console, outcomes: Iterable[Outcome]) -> None:
    for outcome in outcomes:
        if outcome.error:
            console.say(f"  {str(outcome.error).partition(chr(10))[0]}")


def _exit_status(outcomes: Sequence[Outcome], agree: bool) -> int:
    if not any(outcomes):
        return UNREACHED
    return AGREED if agree and all(outcomes) else DISAGREED
