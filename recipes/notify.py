"""notify: tell a webhook, such as Slack's, of each flow, and error trackers which release is live.

The controller calls the webhook, once for the complete fleet: `started` when the hosts are locked and the release is
chosen, `finished` after a deploy, `rolled_back` after a rollback, `failed` if a deploy or rollback does not finish.
An error of the webhook is a warning and never fails a flow. A webhook that hangs delays the flow by no more than the
timeout. A dry run posts nothing.

    recipes:
      notify: {url: !env SLACK_WEBHOOK, channel: "#deploys", mention: "<!here>"}

With `format: json`, the body is one JSON object: event, application, stage, flow, release, revision, branch, by, hosts,
seconds, message. `failed` also has step and reason. The other events also have previous, the release that was live
before.

Each of these services gets a notice of a release that has become live, in deploys and in rollbacks, if its token is
set. So does a release that is live although its flow has failed afterwards. All services are called at the same time,
and their errors are warnings, too.

    recipes:
      notify:
        sentry_token: !env SENTRY_AUTH_TOKEN
        sentry_organization: acme
        sentry_projects: [shop]
        honeybadger_key: !env HONEYBADGER_API_KEY
        rollbar_token: !env ROLLBAR_ACCESS_TOKEN
        datadog_key: !env DATADOG_API_KEY

- Sentry: a release with the revision as its version, or sentry_version, and a deploy of it. The application must report
  the same version.
- Honeybadger: a deployment.
- Rollbar: a deploy that has succeeded.
- Datadog: an event with the tags env, service, version and event:deploy or event:rollback.

For other regions and own servers, set the addresses, such as `datadog_url: https://api.datadoghq.eu`.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from capdoit import ConfigError, Failure, Flow, Recipe, Release, Secret
from capdoit.recipes._posts import Request, is_web_address, post, post_json, run_with_timeout
from capdoit.recipes._release_notices import (
    Notice,
    SentryProjects,
    make_datadog_requests,
    make_honeybadger_requests,
    make_rollbar_requests,
    make_sentry_requests,
)

EVENTS = ("started", "finished", "failed", "rolled_back")
MAX_REASON_CHARACTERS = 500  # in a Slack message
COLORS = {"finished": "good", "rolled_back": "warning", "failed": "danger"}


@dataclass(frozen=True)
class Options:
    """Options of the recipe notify."""

    url: Secret | None = None  #: URL of the webhook
    format: Literal["slack", "json"] = "slack"  #: format of the body
    events: tuple[str, ...] = EVENTS  #: events to send
    channel: str | None = None  #: Slack channel; default: the channel of the webhook
    username: str | None = None  #: sender's name in Slack; default: the name of the webhook
    mention: str | None = None  #: text above the message of a failure, such as <!here>
    timeout: float = 5.0  #: seconds to wait for the webhook, and for each service
    environment: str | None = None  #: name of the environment in the services; default: the name of the stage
    sentry_token: Secret | None = None  #: auth token of Sentry with the scope project:releases
    sentry_organization: str | None = None  #: slug of the organization
    sentry_projects: tuple[str, ...] = ()  #: slugs of the projects
    sentry_version: str = "{revision}"  #: version of the release; may have {revision} and {release}
    sentry_url: str = "https://sentry.io"  #: address of Sentry
    honeybadger_key: Secret | None = None  #: API key of the project
    honeybadger_repository: str | None = None  #: address of the repository, such as https://github.com/acme/shop
    honeybadger_url: str = "https://api.honeybadger.io"  #: address of Honeybadger's API
    rollbar_token: Secret | None = None  #: access token of the project with the scope post_server_item
    rollbar_url: str = "https://api.rollbar.com"  #: address of Rollbar's API
    datadog_key: Secret | None = None  #: API key
    datadog_url: str = "https://api.datadoghq.com"  #: address of Datadog's API

    def __post_init__(self) -> None:
        """Check that somebody is told, the names of the events, and the timeout."""
        if not (self.url or self.sentry_token or self.honeybadger_key or self.rollbar_token or self.datadog_key):
            raise ValueError("set url, sentry_token, honeybadger_key, rollbar_token or datadog_key")
        if self.sentry_token and not (self.sentry_organization and self.sentry_projects):
            raise ValueError("sentry_token needs sentry_organization and sentry_projects")
        if (self.sentry_organization or self.sentry_projects) and not self.sentry_token:
            raise ValueError("sentry_organization and sentry_projects need sentry_token")
        for url in (self.sentry_url, self.honeybadger_url, self.rollbar_url, self.datadog_url):
            if not is_web_address(url):
                raise ValueError(f"{url} is not a URL that starts with https://")
        if unknown := [event for event in self.events if event not in EVENTS]:
            raise ValueError(f"unknown event: {', '.join(unknown)}; the events are {', '.join(EVENTS)}")
        if self.timeout <= 0:
            raise ValueError("timeout must be more than 0")


notify = Recipe("notify", options=Options)


@notify.after("started", once=True)
def started(flow: Flow, release: Release, options: Options) -> None:
    """Report that a flow has started."""
    if flow.name == "deploy":
        action = f"is deploying {flow.application} {flow.branch} to {flow.stage}"
    else:
        action = f"is rolling back {flow.application} on {flow.stage} to release {flow.release}"
    _send(options, flow, "started", f"{flow.by} {action}{_message_suffix(flow)}", previous=release.previous)


@notify.after("finished", once=True)
def finished(flow: Flow, release: Release, options: Options) -> None:
    """Report that a flow has finished and which release is live."""
    event = "finished" if flow.name == "deploy" else "rolled_back"
    result = f"release {flow.release} ({flow.revision[:12]}) of {flow.application} is live on {flow.stage}"
    action = "deployed" if flow.name == "deploy" else f"rolled back from {release.left}"
    text = f"{result}, {action} by {flow.by} in {flow.seconds:.0f} s{_message_suffix(flow)}"
    _send(options, flow, event, text, previous=release.previous)
    _send_notices(options, flow, text)


@notify.on_failed
def failed(failure: Failure, flow: Flow, options: Options) -> None:
    """Report that a flow has failed."""
    live = f" Release {failure.release} is live nevertheless." if failure.published else ""
    result = f"{flow.name} of {flow.application} on {flow.stage} by {flow.by} failed in {failure.step}"
    text = f"{result}: {failure.reason[:MAX_REASON_CHARACTERS]}{live}"
    _send(options, flow, "failed", text, step=failure.step, reason=failure.reason)
    if failure.published:
        _send_notices(options, flow, text)


def _message_suffix(flow: Flow) -> str:
    return f": {flow.message}" if flow.message else ""


def _summary(flow: Flow) -> str:
    """Return release, revision, hosts and duration, as far as they are known."""
    facts = (flow.release, flow.revision[:12], ", ".join(flow.hosts), f"{flow.seconds:.1f} s")
    return " · ".join(filter(None, facts))


def _send(options: Options, flow: Flow, event: str, text: str, **more: Any) -> None:
    if event not in options.events or not options.url:
        return
    if options.format == "slack":
        body = _slack_body(options, event, f"{text}\n{_summary(flow)}")
    else:
        body = {**_json_body(flow, event), **more}
    (error,) = run_with_timeout(options.timeout, [partial(_post_to_webhook, options.url, body, options.timeout)])
    if error:
        flow.warn(f"notify: the event {event} was not sent: {error}")


def _slack_body(options: Options, event: str, text: str) -> dict[str, Any]:
    text = html.escape(text, quote=False)  # Slack's special characters: a reason must not mention anybody
    sender = {"channel": options.channel, "username": options.username}
    body: dict[str, Any] = {name: value for name, value in sender.items() if value}
    if event not in COLORS:
        return {"text": text, **body}
    if event == "failed" and options.mention:
        body["text"] = options.mention
    return {"attachments": [{"color": COLORS[event], "text": text, "fallback": text}], **body}


def _json_body(flow: Flow, event: str) -> dict[str, Any]:
    return {
        "event": event,
        "application": flow.application,
        "stage": flow.stage,
        "flow": flow.name,
        "release": flow.release,
        "revision": flow.revision,
        "branch": flow.branch,
        "by": flow.by,
        "hosts": list(flow.hosts),
        "seconds": round(flow.seconds, 3),
        "message": flow.message,
    }


def _post_to_webhook(url: Secret, body: dict[str, Any], timeout: float) -> None:
    address = url.reveal().strip()
    if not is_web_address(address):
        raise ConfigError(f"{url.source.noun} is not a URL that starts with https://")
    post(post_json(address, body), timeout)


# -- services


def _send_notices(options: Options, flow: Flow, text: str) -> None:
    """Tell all services that have a token which release is live."""
    notice = Notice(
        application=flow.application,
        environment=options.environment or flow.stage,
        release=flow.release,
        revision=flow.revision,
        by=flow.by,
        text=text,
        is_rollback=flow.name == "rollback",
        seconds=flow.seconds,
    )
    services = [(name, token, make) for name, token, make in _services(options) if token]
    calls = [partial(_tell, notice, token, make, options.timeout) for _, token, make in services]
    for (name, _, _), error in zip(services, run_with_timeout(options.timeout, calls), strict=True):
        if error:
            flow.warn(f"notify: {name} was not told that release {flow.release} is live: {error}")


def _services(options: Options) -> Iterator[tuple[str, Secret | None, Callable[[Notice, str], list[Request]]]]:
    """Yield the name of each service, its token, and the function that makes its requests."""
    sentry = SentryProjects(options.sentry_organization or "", options.sentry_projects, options.sentry_version)
    yield "Sentry", options.sentry_token, partial(make_sentry_requests, options.sentry_url, sentry)
    repository = options.honeybadger_repository or ""
    yield (
        "Honeybadger",
        options.honeybadger_key,
        partial(make_honeybadger_requests, options.honeybadger_url, repository),
    )
    yield "Rollbar", options.rollbar_token, partial(make_rollbar_requests, options.rollbar_url)
    yield "Datadog", options.datadog_key, partial(make_datadog_requests, options.datadog_url)


def _tell(notice: Notice, token: Secret, make: Callable[[Notice, str], list[Request]], timeout: float) -> None:
    for request in make(notice, token.reveal().strip()):
        post(request, timeout)
