"""Notices to error trackers and monitoring that a release is live, as HTTP requests by their public APIs.

- Sentry: https://docs.sentry.io/api/releases/
- Honeybadger: https://docs.honeybadger.io/api/reporting-deployments/
- Rollbar: https://docs.rollbar.com/docs/deploy-tracking
- Datadog: https://docs.datadoghq.com/api/latest/events/
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from urllib.parse import quote, urlencode

from capdoit.recipes._posts import Request, post_json


@dataclass(frozen=True)
class Notice:
    """A release that has become live, as notices describe it.

    Attributes:
        application: name of the application.
        environment: name of the environment in the service.
        release: name of the release.
        revision: its commit, or its checksum.
        by: the operator.
        text: what has happened, in one line.
        is_rollback: an older release has become live.
        seconds: duration of the flow.
        ended: the end of the flow, in UTC.
    """

    application: str
    environment: str
    release: str
    revision: str
    by: str
    text: str
    is_rollback: bool
    seconds: float
    ended: datetime = field(default_factory=lambda: datetime.now(timezone.utc))

    @property
    def started(self) -> datetime:
        """The start of the flow, in UTC."""
        return self.ended - timedelta(seconds=self.seconds)


@dataclass(frozen=True)
class SentryProjects:
    """The projects of Sentry that an application is.

    Attributes:
        organization: slug of the organization.
        projects: slugs of the projects.
        version: version that the application reports; may have {revision} and {release}.
    """

    organization: str
    projects: tuple[str, ...]
    version: str


def make_sentry_requests(url: str, sentry: SentryProjects, notice: Notice, token: str) -> list[Request]:
    """Return the requests that create the release, if Sentry does not know it yet, and a deploy of it.

    Args:
        url: address of the service.
        sentry: the projects.
        notice: what is known of the release.
        token: the token for the service.
    """
    version = sentry.version.replace("{revision}", notice.revision).replace("{release}", notice.release)
    projects, organization = [*sentry.projects], quote(sentry.organization, safe="")
    releases = f"{url.rstrip('/')}/api/0/organizations/{organization}/releases/"
    headers = {"Authorization": f"Bearer {token}"}
    release = {"version": version, "projects": projects, "dateReleased": _as_text(notice.ended)}
    deploy = {
        "environment": notice.environment,
        "name": notice.release,
        "dateStarted": _as_text(notice.started),
        "dateFinished": _as_text(notice.ended),
        "projects": projects,
    }
    deploys = f"{releases}{quote(version, safe='')}/deploys/"
    return [post_json(releases, release, headers), post_json(deploys, deploy, headers)]


def make_honeybadger_requests(url: str, repository: str, notice: Notice, key: str) -> list[Request]:
    """Return the request that reports a deployment; arguments as in `make_sentry_requests`."""
    deploy = {
        "environment": notice.environment,
        "revision": notice.revision,
        "repository": repository,
        "local_username": notice.by,
    }
    values = {f"deploy[{name}]": value for name, value in deploy.items() if value}
    body = urlencode({"api_key": key, **values}).encode()
    return [Request(f"{url.rstrip('/')}/v1/deploys", body, {"Content-Type": "application/x-www-form-urlencoded"})]


def make_rollbar_requests(url: str, notice: Notice, token: str) -> list[Request]:
    """Return the request that reports a deploy; arguments as in `make_sentry_requests`."""
    deploy = {
        "environment": notice.environment,
        "revision": notice.revision,
        "local_username": notice.by,
        "comment": notice.text,
        "status": "succeeded",
    }
    return [post_json(f"{url.rstrip('/')}/api/1/deploy", deploy, {"X-Rollbar-Access-Token": token})]


def make_datadog_requests(url: str, notice: Notice, key: str) -> list[Request]:
    """Return the request that posts an event; arguments as in `make_sentry_requests`."""
    tags = [
        f"env:{notice.environment}",
        f"service:{notice.application}",
        f"version:{notice.revision}",
        "event:rollback" if notice.is_rollback else "event:deploy",
    ]
    event = {
        "title": f"{notice.application} {'rolled back' if notice.is_rollback else 'deployed'} on {notice.environment}",
        "text": notice.text,
        "alert_type": "warning" if notice.is_rollback else "success",
        "date_happened": int(notice.ended.timestamp()),
        "aggregation_key": f"{notice.application}-{notice.environment}",
        "tags": tags,
    }
    return [post_json(f"{url.rstrip('/')}/api/v1/events", event, {"DD-API-KEY": key})]


def _as_text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
