"""The part of the table of plugins with those that tell a chat or an error tracker of a deploy."""

from __future__ import annotations

from capdoit.capistrano.plugin_rule import PluginRule

CHATS = "slackistrano|slackify|slack|mattermost|rocket_?chat|discord"
OTHERS = "hipchat|teams|telegram|airbrake|bugsnag|appsignal|new_?relic"


def _features(names: str) -> str:
    """Return the pattern of the libraries of plugins, which have one of two kinds of names."""
    return rf"capistrano/(?:{names})(?:/.*)?|(?:{names})[\w-]*/(?:.*/)?capistrano\w*(?:/.*)?"


NOTIFIERS: tuple[PluginRule, ...] = (
    PluginRule(
        gem="slackistrano and other plugins for Slack, Mattermost, Discord",
        features=_features(CHATS),
        recipe="notify",
        settings=rf"(?:{CHATS})(?:_\w+)?",
        needs=("url", "NOTIFY_URL"),
        instead="`doit cap recipes notify` tells of its formats",
    ),
    PluginRule(
        gem="capistrano-sentry",
        features=_features("sentry|raven"),
        recipe="notify",
        options={"sentry_organization": "sentry_organization", "sentry_projects": "sentry_project"},
        settings=r"sentry_\w+",
        needs=("sentry_token", "SENTRY_AUTH_TOKEN"),
        instead="sentry_organization and sentry_projects name the projects",
    ),
    PluginRule(
        gem="honeybadger",
        features=_features("honeybadger"),
        recipe="notify",
        settings=r"honeybadger_\w+",
        needs=("honeybadger_key", "HONEYBADGER_API_KEY"),
    ),
    PluginRule(
        gem="rollbar",
        features=_features("rollbar"),
        recipe="notify",
        settings=r"rollbar_\w+",
        needs=("rollbar_token", "ROLLBAR_ACCESS_TOKEN"),
    ),
    PluginRule(
        gem="capistrano-datadog",
        features=_features("datadog"),
        recipe="notify",
        settings=r"datadog_\w+",
        needs=("datadog_key", "DATADOG_API_KEY"),
    ),
    PluginRule(
        gem="notifiers of other services",
        features=_features(OTHERS) + "|new_relic/recipes",
        settings=rf"(?:{OTHERS})_\w+",
        instead="the recipe notify with format: json posts to a webhook of yours",
    ),
)
