"""maintenance: put up a page while a flow is at work, when that is asked for, and take it down again.

It goes up at `started` with `maintenance=yes` on the command line, or each time with `always: true` unless
`maintenance=no` is said, and down when the flow has finished. It also goes down when the flow fails before its
publish: what was live is live. When it fails after that, the page stays, because nobody knows whether what is live
works; once it does, take the page down:

    doit run -s deploy:production:maintenance.down

A page that was left by a flow that died, or that failed after its publish, goes down with the next flow that
finishes; a flow that fails takes down none but its own. One that was put up by hand is left alone: a page is a flow's
if it is the same file as the one beside it whose name ends in `.by-FLOW-RELEASE`.

    recipes:
      maintenance: {page: deploy/maintenance.html, roles: [web]}

The page is `shared/public/system/maintenance.html`. The web server has to look for it, nginx so:

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

DOWN = Path(__file__).with_name("maintenance.sh").read_text(encoding="utf-8")
MAKE_WAY = 'mkdir -p "${1%/*}" && if [ -e "$1" ] || [ -h "$1" ]; then echo "$1"; fi'
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
    """What deploy.yml can say."""

    page: str | None = None  #: a file of the project; a plain page with message= in it when there is none
    path: str = "public/system/maintenance.html"  #: where it goes, below shared
    always: bool = False  #: whether it goes up without being asked for
    roles: RoleNames = ()  #: on hosts with one of these; on all that get code when there are none

    def __post_init__(self) -> None:
        """Refuse a page that is not there."""
        if self.page and not Path(self.page).is_file():
            raise ValueError(f"there is no page {self.page}")


maintenance = Recipe("maintenance", options=Options, variables={"maintenance": ("yes", "no")})


@maintenance.after("started", roles=lambda options: options.roles)
def up(host: Host, release: Release, flow: Flow, options: Options) -> None:
    """Put the page up, if that is asked for."""
    if not _is_wanted(flow, options):
        return
    page = f"{release.shared}/{options.path}"
    if host.capture(["sh", "-c", MAKE_WAY, "up", page]):
        host.run(["echo", f"{page} is there already, and stays"])
        return
    mark = f"{page}.{_mark(flow)}"
    _upload(host, flow, options, mark)
    host.run(["ln", mark, page])  # which is whole at once, and fails if somebody was faster


@maintenance.after("finished", roles=lambda options: options.roles)
def down(host: Host, release: Release, options: Options) -> None:
    """Take the page down."""
    host.run(["sh", "-c", DOWN, "down", f"{release.shared}/{options.path}"])


@maintenance.on_failed
def down_again(failure: Failure, flow: Flow, options: Options) -> None:
    """Take the page of this flow down when what was live still is."""
    if failure.published:
        if _is_wanted(flow, options):
            flow.warn(f"the maintenance page is still up; to take it down: doit run -s {_down(flow)}")
        return
    for host in failure.fleet if flow.release else ():
        if not options.roles or set(options.roles) & set(host.roles):
            _down_if_it_answers(host, flow, f"{host.deploy_to}/shared/{options.path}")


def _is_wanted(flow: Flow, options: Options) -> bool:
    return flow.variables.get("maintenance", "yes" if options.always else "no") == "yes"


def _mark(flow: Flow) -> str:
    """What stands behind the name of the page in that of its second link, which says whose it is."""
    return f"by-{flow.name}-{flow.release}"


def _upload(host: Host, flow: Flow, options: Options, to: str) -> None:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as plain:
        plain.write(PAGE.format(message=html.escape(flow.message)))
        plain.flush()
        Path(plain.name).chmod(0o644)
        host.upload(options.page or plain.name, to)


def _down(flow: Flow) -> str:
    return f"{flow.name}:{flow.stage}:maintenance.down"


def _down_if_it_answers(host: Host, flow: Flow, page: str) -> None:
    try:
        host.run(["sh", "-c", DOWN, "down", page, _mark(flow)])
    except HostError as error:
        flow.warn(f"the maintenance page may still be up: {error}")
