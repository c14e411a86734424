"""maintenance: put up a maintenance page while a flow runs, if requested, and take it down afterwards.

The page goes up at `started` if the command line has `maintenance=yes`. With `always: true` it goes up in every flow
that does not have `maintenance=no`. It goes down when the flow has finished, and also when the flow fails before the
publish, because the previous release is live then. If the flow fails after the publish, the page stays up, because the
live release may be broken. Once it works, take the page down:

    doit run -s deploy:production:maintenance.down

A page that remained from a flow that died, or that failed after its publish, goes down with the next flow that
finishes. A failing flow takes down only the page that it put up. A page that was put up by hand is never taken down:
capdoit recognizes a page of a flow by a hard link next to it, whose name ends in `.by-FLOW-RELEASE`.

    recipes:
      maintenance: {page: deploy/maintenance.html, roles: [web]}

The page is `shared/public/system/maintenance.html`. Configure the web server to serve it, for example in nginx:

    if (-f /srv/shop/shared/public/system/maintenance.html) { return 503; }
    error_page 503 @maintenance;
    location @maintenance { root /srv/shop/shared/public; rewrite ^ /system/maintenance.html break; }
"""

from __future__ import annotations

import html
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from capdoit import Failure, Flow, HostError, Recipe, Release, RoleNames

if TYPE_CHECKING:
    from capdoit import Host

SCRIPT = Path(__file__).with_name("maintenance.sh").read_text(encoding="utf-8")
FIND_PAGE = 'mkdir -p "${1%/*}" && if [ -e "$1" ] || [ -h "$1" ]; then echo "$1"; fi'
PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Maintenance</title>
<h1>We will be back in a moment</h1>
<p>{message}</p>
</html>
"""


@dataclass(frozen=True)
class Options:
    """Options of the recipe maintenance."""

    page: str | None = None  #: file in the project; default: a plain page that shows message=
    path: str = "public/system/maintenance.html"  #: path of the page below shared
    always: bool = False  #: put the page up in every flow
    roles: RoleNames = ()  #: roles of the hosts with a page; empty: all hosts that receive code

    def __post_init__(self) -> None:
        """Check that the page exists."""
        if self.page and not Path(self.page).is_file():
            raise ValueError(f"the page {self.page} does not exist")


maintenance = Recipe("maintenance", options=Options, variables={"maintenance": ("yes", "no")})


@maintenance.after("started", roles=lambda options: options.roles)
def up(host: Host, release: Release, flow: Flow, options: Options) -> None:
    """Put the maintenance page up, if requested."""
    if not _is_requested(flow, options):
        return
    page = f"{release.shared}/{options.path}"
    if host.capture(["sh", "-c", FIND_PAGE, "up", page]):
        host.run(["echo", f"{page} exists already and is not changed"])
        return
    marked_page = f"{page}.{_mark(flow)}"
    _upload_page(host, flow, options, marked_page)
    host.run(["ln", marked_page, page])  # atomic, and fails if somebody else put a page up meanwhile


@maintenance.after("finished", roles=lambda options: options.roles)
def down(host: Host, release: Release, options: Options) -> None:
    """Take the maintenance page down."""
    host.run(["sh", "-c", SCRIPT, "down", f"{release.shared}/{options.path}"])


@maintenance.on_failed
def down_again(failure: Failure, flow: Flow, options: Options) -> None:
    """Take the page of this flow down if the flow failed before its publish."""
    if failure.published:
        if _is_requested(flow, options):
            task = f"{flow.name}:{flow.stage}:maintenance.down"
            flow.warn(f"the maintenance page is still up; to take it down: doit run -s {task}")
        return
    for host in failure.fleet if flow.release else ():
        if not options.roles or set(options.roles) & set(host.roles):
            _try_to_take_down(host, flow, f"{host.deploy_to}/shared/{options.path}")


def _is_requested(flow: Flow, options: Options) -> bool:
    return flow.variables.get("maintenance", "yes" if options.always else "no") == "yes"


def _mark(flow: Flow) -> str:
    """Return the suffix of the second hard link of a page, which names the flow that put the page up."""
    return f"by-{flow.name}-{flow.release}"


def _upload_page(host: Host, flow: Flow, options: Options, path: str) -> None:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as plain:
        plain.write(PAGE.format(message=html.escape(flow.message)))
        plain.flush()
        Path(plain.name).chmod(0o644)
        host.upload(options.page or plain.name, path)


def _try_to_take_down(host: Host, flow: Flow, page: str) -> None:
    try:
        host.run(["sh", "-c", SCRIPT, "down", page, _mark(flow)])
    except HostError as error:
        flow.warn(f"the maintenance page may still be up: {error}")
