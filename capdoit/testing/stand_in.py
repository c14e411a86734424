"""Programs that stand in for others on the hosts, and record how they are called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from capdoit.script import Value
from capdoit.shell_scripts import render
from capdoit.testing.sshd import program


@dataclass(frozen=True)
class Call:
    """One call of a stand-in.

    Attributes:
        argv: its arguments, without the program's name, exactly as they were given.
        cwd: the directory it was called in, absolute, links resolved.
        host: the host's name; None when doit's own machine called it, outside of any host.
        env: its environment; two calls that differ in nothing else are equal.
    """

    argv: tuple[str, ...]
    cwd: str
    host: str | None
    env: Mapping[str, str] = field(repr=False, compare=False)


class StandIns:
    """The stand-ins of a stage: each host has a directory of its own for them, and so has doit's machine.

    Args:
        directory: where they and their records are; it is made.
        hosts: the hosts' names.
    """

    def __init__(self, directory: Path, hosts: Iterable[str]) -> None:
        self._directory, self._hosts = directory, list(hosts)
        for folder in (self.folder(None), *map(self.folder, self._hosts)):
            folder.mkdir(parents=True)

    def folder(self, host: str | None) -> Path:
        """What has to be first on the PATH of a host, or of doit when it is None."""
        return self._directory / "bin" / (host or "-")

    def add(self, name: str, answer: str, status: int, script: str) -> None:
        """Write a stand-in for every host and for doit; arguments as in `StageUnderTest.stand_in`."""
        self._calls(name).mkdir(parents=True, exist_ok=True)
        for host in (None, *self._hosts):
            values: dict[str, Value] = {
                "calls": str(self._calls(name)),
                "host": host or "",
                "cat": program("cat", "coreutils"),
                "answer": answer,
                "status": status,
                "script": script,
            }
            file = self.folder(host) / name
            file.write_text("#!/bin/sh\n" + render(name, "testing/stand_in", values).text)
            file.chmod(0o755)

    def calls(self, name: str) -> list[Call]:
        """How a stand-in was called, in the order in which the calls began.

        Raises:
            AssertionError: there is no stand-in of that name.
        """
        assert self._calls(name).is_dir(), f"there is no stand-in for {name}"
        numbers = sorted(int(file.name) for file in self._calls(name).iterdir() if not file.suffix)
        return [_read(self._calls(name) / str(number)) for number in numbers]

    def _calls(self, name: str) -> Path:
        return self._directory / "calls" / name


def _read(record: Path) -> Call:
    host, cwd, *argv = _texts(record)
    variables = (text.partition("=") for text in _texts(record.with_suffix(".env")))
    return Call(tuple(argv), cwd, host or None, {name: value for name, _, value in variables})


def _texts(file: Path) -> list[str]:
    """What stands before each NUL; bytes that are no UTF-8 are kept as surrogates."""
    return file.read_bytes().decode("utf-8", "surrogateescape").split("\0")[:-1]
