"""Events of the scripts that a connection sends to a host, and of their output."""

from __future__ import annotations

from dataclasses import dataclass

from capdoit.events.event import Event

LONGEST_LOGGED_OUTPUT = 1 << 16  # characters of captured stdout in an event; a survey's answer is far shorter


@dataclass(frozen=True)
class RequestSent(Event):
    """A script was sent to a host.

    Attributes:
        host: name of the host.
        name: name of the request in messages.
        verb: how the host runs the script, as in `hosts.request.Request`.
        values: the environment and the values of the script, as assignments of sh.
        body: the commands of the script.
        fed_file: path of the file that the script reads; empty for none, and for a file that only capdoit has.
        fed_bytes: size of what the script reads; None if it reads nothing.
    """

    host: str
    name: str
    verb: str
    values: str
    body: str
    fed_file: str = ""
    fed_bytes: int | None = None


@dataclass(frozen=True)
class RequestAnswered(Event):
    """A host answered a script.

    Attributes:
        host: name of the host.
        name: name of the request in messages.
        status: exit status.
        seconds: time from the request to its answer, or to the last answer of requests that were sent together.
        output: stdout, if the request captured it; not longer than `LONGEST_LOGGED_OUTPUT` characters.
    """

    host: str
    name: str
    status: int
    seconds: float
    output: str = ""


@dataclass(frozen=True)
class RequestFailed(Event):
    """A host did not answer: it could not be reached, was lost, or took too long.

    Attributes:
        host: name of the host.
        name: names of the requests that were sent together.
        reason: the error in one line.
        seconds: time from the request to the error.
    """

    host: str
    name: str
    reason: str
    seconds: float


@dataclass(frozen=True)
class Output(Event):
    """Lines of output of a command on a host that arrived together: one, or thousands. Their secrets are masked.

    Attributes:
        host: name of the host.
        stream: ``out`` or ``err``.
        text: the lines, with line ends between them; printable but for their colors, which
            `capdoit.text.strip_colors` removes.
    """

    host: str
    stream: str
    text: str


@dataclass(frozen=True)
class HostOutput(Output):
    """Output for the operator."""


@dataclass(frozen=True)
class HiddenOutput(Output):
    """Output that nobody asked to show, such as a remark of a program in the survey; for the log."""


@dataclass(frozen=True)
class TransferProgress(Event):
    """The state of a file on its way to a host, or from it; at most about ten a second for one file.

    Attributes:
        host: name of the host.
        name: name of the request that sends or gets the file.
        sent_bytes: size of the part that was sent.
        total_bytes: size of the file; of a directory that is downloaded, an estimate.
    """

    host: str
    name: str
    sent_bytes: int
    total_bytes: int
