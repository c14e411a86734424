"""Connections to the hosts of a stage, with their secrets masked in everything that is shown."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace

from capdoit.config.stages import HostConfig, Stage
from capdoit.errors import ConfigError
from capdoit.event_bus import EventBus
from capdoit.hosts.connection import Connection
from capdoit.hosts.fleet import Fleet
from capdoit.hosts.logins import Logins
from capdoit.redaction import is_too_short
from capdoit.script import Secret, SecretText
from capdoit.text import join_names
from capdoit.url_credentials import find_url_passwords, without_secrets


def make_fleet(stage: Stage, events: EventBus, secrets: Iterable[Secret] = ()) -> Fleet:
    """Return the fleet of a stage; no connection is open yet. Its secrets are masked from now on.

    Args:
        stage: the stage with the selected hosts.
        events: bus for the output of the hosts.
        secrets: more secrets to mask, such as those in options of recipes.

    Raises:
        ConfigError: the environment variable of a secret is not set.
    """
    events.redactor.add(_reveal([*secrets, *_secrets(stage.hosts)]))
    events.redactor.add(_secrets_of_transfer(stage))
    logins = Logins(stage.hosts)
    return Fleet([Connection(config, events, logins) for config in stage.hosts], events)


def refuse_unset_settings(stage: Stage, is_deploy: bool) -> None:
    """Refuse to work on a stage with settings that are needed and whose environment variables are not set.

    Args:
        stage: the stage with the selected hosts.
        is_deploy: whether the settings that only deploys use are needed.

    Raises:
        ConfigError: names each setting with its place, and the variable.
    """
    if problems := stage.find_unset_settings(is_deploy):
        raise ConfigError(*problems)


def find_unmasked_secrets(stage: Stage, secrets: Iterable[Secret] = ()) -> tuple[str, ...]:
    """Return the environment variables of the secrets that are too short to be masked, in order.

    Args:
        stage: the stage with the selected hosts.
        secrets: more secrets, such as those in options of recipes.
    """
    values = {one.variable: os.environ.get(one.variable, "") for one in (*_secrets(stage.hosts), *secrets)}
    return tuple(variable for variable, value in values.items() if is_too_short(value))


def without_unset_secrets(stage: Stage) -> Stage:
    """Return a stage without the secrets that are not set: read-only commands do not need them."""
    return stage.only(tuple(map(_without_unset_secrets, stage.hosts)))


def find_unset_secrets(config: HostConfig) -> list[str]:
    """Return the environment variables of a host's secrets that are not set."""
    return [secret.variable for secret in _secrets([config]) if secret.variable not in os.environ]


def _without_unset_secrets(config: HostConfig) -> HostConfig:
    env = {k: v for k, v in config.env.items() if not isinstance(v, Secret) or v.variable in os.environ}
    return replace(config, env=env)


def _secrets(hosts: Iterable[HostConfig]) -> list[Secret]:
    return [value for host in hosts for value in host.env.values() if isinstance(value, Secret)]


def _secrets_of_transfer(stage: Stage) -> list[str]:
    """Return the secrets in the settings of the transfer: passwords in URLs, and secrets of the environment."""
    values = [str(value) for value in stage.transfer_settings.values()]
    secrets = [str(value) for value in stage.transfer_settings.values() if isinstance(value, SecretText)]
    return [
        *secrets,
        *map(without_secrets, secrets),
        *(password for value in values for password in find_url_passwords(value)),
    ]


def _reveal(secrets: Sequence[Secret]) -> list[str]:
    if unset := sorted({secret.variable for secret in secrets if secret.variable not in os.environ}):
        raise ConfigError(f"deploy.yml needs the environment variable {join_names(unset)}, which is not set")
    return [secret.reveal() for secret in secrets]
