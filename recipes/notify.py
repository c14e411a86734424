"""notify: tell a webhook, such as Slack's, when a flow starts, finishes, fails or rolls back.

It is called from the machine that deploys, once for the whole fleet: `started` when the hosts are locked and the
release is chosen, `finished` after a deploy, `rolled_back` after a rollback, `failed` when either does not finish.
What goes wrong with the webhook is a warning and never fails a flow, and a webhook that hangs costs no more than the
timeout. Nothing is sent in a dry run.

    recipes:
      notify: {url: !env SLACK_WEBHOOK, channel: "#deploys", mention: "<!here>"}

With `format: json`, what is sent is one plain object: event, application, stage, flow, release, revision, branch, by,
hosts, seconds, message; after a failure step and reason, else previous, the release that was live before.
"""

from __future__ import annotations

import html
import json
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any, Literal

from capdoit import Failure, Flow, Recipe, Release, Secret

EVENTS = ("started", "finished", "failed", "rolled_back")
LONGEST = 500  # characters of a reason in a text for people
COLOURS = {"finished": "good", "rolled_back": "warning", "failed": "danger"}


@dataclass(frozen=True)
class Options:
    """What deploy.yml can say."""

    url: Secret  #: the webhook's address
    format: Literal["slack", "json"] = "slack"  #: the shape of what is sent
    events: tuple[str, ...] = EVENTS  #: which of them are sent
    channel: str | None = None  #: Slack's, when it is not the webhook's own
    username: str | None = None  #: who Slack says it is from, when it is not the webhook's own
    mention: str | None = None  #: what stands above the text of a failure, such as <!here>
    timeout: float = 5.0  #: seconds that the webhook may take

    def __post_init__(self) -> None:
        """Refuse events that there are not, and no time at all."""
        if unknown := [event for event in self.events if event not in EVENTS]:
            raise ValueError(f"there is no event {', '.join(unknown)}; there are {', '.join(EVENTS)}")
        if self.timeout <= 0:
            raise ValueError("timeout is more than 0")


notify = Recipe("notify", options=Options)


@notify.after("started", once=True)
def started(flow: Flow, release: Release, options: Options) -> None:
    """Say that a flow has started."""
    doing = "is deploying" if flow.name == "deploy" else "is rolling back"
    to = f" on {flow.stage} to release {flow.release}" if flow.name == "rollback" else f" {flow.branch} to {flow.stage}"
    _send(options, flow, "started", f"{flow.by} {doing} {flow.application}{to}{_why(flow)}", previous=release.previous)


@notify.after("finished", once=True)
def finished(flow: Flow, release: Release, options: Options) -> None:
    """Say that a release is live."""
    event = "finished" if flow.name == "deploy" else "rolled_back"
    what = f"release {flow.release} ({flow.revision[:12]}) of {flow.application} is live on {flow.stage}"
    how = "deployed" if flow.name == "deploy" else f"rolled back from {release.left}"
    text = f"{what}, {how} by {flow.by} in {flow.seconds:.0f} s{_why(flow)}"
    _send(options, flow, event, text, previous=release.previous)


@notify.on_failed
def failed(failure: Failure, flow: Flow, options: Options) -> None:
    """Say that a flow has failed."""
    live = f" {failure.release} is live all the same." if failure.published else ""
    what = f"{flow.name} of {flow.application} on {flow.stage} by {flow.by} failed in {failure.step}"
    text = f"{what}: {failure.reason[:LONGEST]}{live}"
    _send(options, flow, "failed", text, step=failure.step, reason=failure.reason)


def _why(flow: Flow) -> str:
    return f": {flow.message}" if flow.message else ""


def _details(flow: Flow) -> str:
    """What everybody wants to know, as far as it is known yet."""
    facts = (flow.release, flow.revision[:12], ", ".join(flow.hosts), f"{flow.seconds:.1f} s")
    return " · ".join(filter(None, facts))


def _send(options: Options, flow: Flow, event: str, text: str, **more: Any) -> None:
    if event in options.events:
        said = f"{text}\n{_details(flow)}"
        body = _slack(options, event, said) if options.format == "slack" else {**_facts(flow, event), **more}
        if wrong := _post(options, body):
            flow.warn(f"notify: the webhook was not told that it {event.replace('_', ' ')}: {wrong}")


def _slack(options: Options, event: str, text: str) -> dict[str, Any]:
    text = html.escape(text, quote=False)  # the characters that mean something to Slack: a reason mentions nobody
    said = {"channel": options.channel, "username": options.username}
    body: dict[str, Any] = {name: value for name, value in said.items() if value}
    if event not in COLOURS:
        return {"text": text, **body}
    if event == "failed" and options.mention:
        body["text"] = options.mention
    return {"attachments": [{"color": COLOURS[event], "text": text, "fallback": text}], **body}


def _facts(flow: Flow, event: str) -> dict[str, Any]:
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


def _post(options: Options, body: dict[str, Any]) -> str:
    """What went wrong; nothing when the webhook took it. The thread is for what no timeout of urllib's reaches."""
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(_posted(options, body)), daemon=True)
    thread.start()
    thread.join(options.timeout)
    return answers[0] if answers else f"no answer within {options.timeout:g} s"


def _posted(options: Options, body: dict[str, Any]) -> str:
    try:
        url = options.url.reveal().strip()
        if not url.startswith(("https://", "http://")):
            return f"the environment variable {options.url.variable} holds no address that begins with https://"
        request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})  # noqa: S310 - see above
        with urllib.request.urlopen(request, timeout=options.timeout):  # noqa: S310
            return ""
    except KeyError:
        return f"the environment variable {options.url.variable} is not set"
    except Exception as error:  # noqa: BLE001 - whatever it is, no deploy fails because of it
        return _without_address(error)


def _without_address(error: Exception) -> str:
    """What went wrong, in words that never have the address in them, as those of urllib and http.client may."""
    if isinstance(error, urllib.error.HTTPError):
        return f"it answered {error.code}"
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    return (isinstance(cause, OSError) and cause.strerror) or type(cause).__name__
