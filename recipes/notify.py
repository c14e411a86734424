"""notify: post to a webhook, such as Slack's, when a flow starts, finishes, fails or rolls back.

The controller calls the webhook, once for the complete fleet: `started` when the hosts are locked and the release is
chosen, `finished` after a deploy, `rolled_back` after a rollback, `failed` if a deploy or rollback does not finish.
An error of the webhook is a warning and never fails a flow. A webhook that hangs delays the flow by no more than the
timeout. A dry run posts nothing.

    recipes:
      notify: {url: !env SLACK_WEBHOOK, channel: "#deploys", mention: "<!here>"}

With `format: json`, the body is one JSON object: event, application, stage, flow, release, revision, branch, by, hosts,
seconds, message. `failed` also has step and reason. The other events also have previous, the release that was live
before.
"""

from __future__ import annotations

import html
import json
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any, Literal

from capdoit import ConfigError, Failure, Flow, Recipe, Release, Secret

EVENTS = ("started", "finished", "failed", "rolled_back")
MAX_REASON_CHARACTERS = 500  # in a Slack message
COLORS = {"finished": "good", "rolled_back": "warning", "failed": "danger"}


@dataclass(frozen=True)
class Options:
    """Options of the recipe notify."""

    url: Secret  #: URL of the webhook
    format: Literal["slack", "json"] = "slack"  #: format of the body
    events: tuple[str, ...] = EVENTS  #: events to send
    channel: str | None = None  #: Slack channel; default: the channel of the webhook
    username: str | None = None  #: sender's name in Slack; default: the name of the webhook
    mention: str | None = None  #: text above the message of a failure, such as <!here>
    timeout: float = 5.0  #: seconds to wait for the webhook

    def __post_init__(self) -> None:
        """Check the names of the events, and the timeout."""
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


@notify.on_failed
def failed(failure: Failure, flow: Flow, options: Options) -> None:
    """Report that a flow has failed."""
    live = f" Release {failure.release} is live nevertheless." if failure.published else ""
    result = f"{flow.name} of {flow.application} on {flow.stage} by {flow.by} failed in {failure.step}"
    text = f"{result}: {failure.reason[:MAX_REASON_CHARACTERS]}{live}"
    _send(options, flow, "failed", text, step=failure.step, reason=failure.reason)


def _message_suffix(flow: Flow) -> str:
    return f": {flow.message}" if flow.message else ""


def _summary(flow: Flow) -> str:
    """Return release, revision, hosts and duration, as far as they are known."""
    facts = (flow.release, flow.revision[:12], ", ".join(flow.hosts), f"{flow.seconds:.1f} s")
    return " · ".join(filter(None, facts))


def _send(options: Options, flow: Flow, event: str, text: str, **more: Any) -> None:
    if event not in options.events:
        return
    if options.format == "slack":
        body = _slack_body(options, event, f"{text}\n{_summary(flow)}")
    else:
        body = {**_json_body(flow, event), **more}
    if error := _post_with_timeout(options, body):
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


def _post_with_timeout(options: Options, body: dict[str, Any]) -> str:
    """Post to the webhook and return the error, or an empty text.

    The thread limits the time that urllib's own timeout does not, such as that of a slow name server.
    """
    errors: list[str] = []
    thread = threading.Thread(target=lambda: errors.append(_post(options, body)), daemon=True)
    thread.start()
    thread.join(options.timeout)
    return errors[0] if errors else f"no answer within {options.timeout:g} s"


def _post(options: Options, body: dict[str, Any]) -> str:
    """Post to the webhook and return the error, or an empty text; the error never contains the URL."""
    try:
        url = options.url.reveal().strip()
        if not url.startswith(("https://", "http://")):
            return f"{options.url.source.noun} is not a URL that starts with https://"
        request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})  # noqa: S310 - see above
        with urllib.request.urlopen(request, timeout=options.timeout):  # noqa: S310
            return ""
    except ConfigError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - no error of a webhook may fail a deploy
        return _describe_without_url(error)


def _describe_without_url(error: Exception) -> str:
    """Describe an error without its text, because texts of urllib and http.client may contain the URL."""
    if isinstance(error, urllib.error.HTTPError):
        return f"the webhook answered {error.code}"
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    return (isinstance(cause, OSError) and cause.strerror) or type(cause).__name__
