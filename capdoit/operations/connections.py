"""Connections to the hosts of a stage, with their secrets masked in everything that is shown."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from capdoit.config.settings import PendingSetting
from capdoit.config.stages import HostConfig, Stage
from capdoit.controller_command import list_secret_outputs
from capdoit.errors import ConfigError, MistakeCollector, ValueUnavailable
from capdoit.event_bus import EventBus
from capdoit.hosts.connection import Connection
from capdoit.hosts.fleet import Fleet
from capdoit.hosts.logins import Logins
from capdoit.output.question import ask_text, has_terminal
from capdoit.output.seen_hosts import keep_hosts
from capdoit.questions import find_questions, give_answers, note_missing_answer
from capdoit.redaction import is_too_short
from capdoit.script import Secret, SecretText
from capdoit.sources import Source
from capdoit.url_credentials import find_url_passwords, without_secrets

T = TypeVar("T")
ONE_QUESTION = threading.Lock()  # `doit -n 2 -P thread` may begin two flows, and there is one terminal


def make_fleet(stage: Stage, events: EventBus, secrets: Iterable[Secret] = ()) -> Fleet:
    """Return the fleet of a stage; no connection is open yet. Its secrets are masked from now on.

    Args:
        stage: the stage with the selected hosts.
        events: bus for the output of the hosts.
        secrets: more secrets to mask, such as those in options of recipes.

    Raises:
        ConfigError: a secret cannot be had, such as one of an environment variable that is not set.
    """
    reveal_secrets([*secrets, *stage.secrets], events)
    events.redactor.add(_secrets_of_transfer(stage))
    logins = Logins(stage.hosts)
    return Fleet([Connection(config, events, logins) for config in stage.hosts], events)


def reveal_secrets(secrets: Iterable[Secret], events: EventBus) -> None:
    """Read secrets, so that they are known and masked from now on.

    Raises:
        ConfigError: has the reason of each secret that cannot be had.
    """
    secrets = [*dict.fromkeys(secrets)]
    ask_operator(secret.source for secret in secrets)
    _get_all(secret.reveal for secret in secrets)
    known = (text for secret in secrets for text in secret.source.find_secrets())
    events.redactor.add([*known, *list_secret_outputs()])


def find_hosts(stage: Stage) -> Stage:
    """Return a stage with its hosts. The command that prints them runs now, if it did not yet.

    Raises:
        ConfigError: has the place of the setting and the reason why the hosts are not known; or a value is wrong.
    """
    if not stage.has_unknown_hosts:
        return stage
    _get_all(partial(_compute, one) for one in stage.pending if one.name == "hosts")
    found = stage.read_again()
    if found.deploy_file:
        keep_hosts(found.deploy_file.file, found.name, {host.name: host.roles for host in found.hosts})
    return found


def compute_settings(stage: Stage, is_deploy: bool, branch: str | None = None) -> Stage:
    """Return a stage with the values of the settings that are needed; their commands run now, if they did not yet.

    Args:
        stage: the stage with the selected hosts.
        is_deploy: whether the settings that only deploys use are needed.
        branch: value of ``branch=``; None if it was not given.

    Raises:
        ConfigError: has the place of each setting without a value, and the reason; or a value is wrong.
    """
    stage = stage.for_branch(branch)
    # The value of one setting can be a part of the command of another.
    while pending := [one for one in stage.find_pending(is_deploy) if not (branch and one.name == "branch")]:
        ask_operator(one.source for one in pending)
        _get_all(partial(_compute, one) for one in pending)
        stage = stage.read_again()
    return stage


def ask_operator(sources: Iterable[Source]) -> None:
    """Ask the questions on which values depend, each once per run, if there is a terminal."""
    with ONE_QUESTION:
        for question in dict.fromkeys(one for source in sources for one in find_questions(source)):
            if not has_terminal():
                continue
            if answer := ask_text(question.text, question.find_default()):
                give_answers({question.variable: answer})
            else:
                note_missing_answer(question.variable)


def find_unmasked_secrets(stage: Stage, secrets: Iterable[Secret] = ()) -> tuple[str, ...]:
    """Return the sources of the known secrets that are too short to be masked, in order.

    Args:
        stage: the stage with the selected hosts.
        secrets: more secrets, such as those in options of recipes.
    """
    sources = dict.fromkeys(secret.source for secret in (*stage.secrets, *secrets))
    return tuple(source.name for source in sources if any(map(is_too_short, source.find_secrets())))


def without_unknown_secrets(stage: Stage) -> Stage:
    """Return a stage without the secrets that are not set or not computed: read-only commands do not need them."""
    return stage.only(tuple(map(_without_unknown_secrets, stage.hosts)))


def _without_unknown_secrets(config: HostConfig) -> HostConfig:
    env = {name: v for name, v in config.env.items() if not isinstance(v, Secret) or v.is_known}
    return replace(config, env=env)


def _secrets_of_transfer(stage: Stage) -> list[str]:
    """Return the secrets in the settings of the transfer: passwords in URLs, and secrets of the environment."""
    values = [str(value) for value in stage.transfer_settings.values()]
    secrets = [str(value) for value in stage.transfer_settings.values() if isinstance(value, SecretText)]
    return [
        *secrets,
        *map(without_secrets, secrets),
        *(password for value in values for password in find_url_passwords(value)),
    ]


def _compute(setting: PendingSetting) -> str:
    try:
        return setting.source.read()
    except ValueUnavailable as error:
        raise ConfigError(f"{setting.user} {error}") from None


def _get_all(values: Iterable[Callable[[], T]]) -> list[T]:
    """Return the values of functions, or raise ConfigError with all mistakes."""
    found, mistakes = [], MistakeCollector()
    for get in values:
        with mistakes.collect():
            found.append(get())
    mistakes.refuse()
    return found
