"""Stand-ins: programs that replace other programs on the hosts, and record their calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from capdoit.script import Value
from capdoit.shell_scripts import render
from capdoit.testing.sshd import find_program


@dataclass(frozen=True)
class Call:
    """One call of a stand-in.

    Attributes:
        argv: the exact arguments, without the program's name.
        cwd: the working directory, absolute, with symlinks resolved.
        host: name of the host; None for a call by doit itself, on no host.
        env: the environment variables; they do not count when calls are compared.
    """

    argv: tuple[str, ...]
    cwd: str
    host: str | None
    env: Mapping[str, str] = field(repr=False, compare=False)


class StandIns:
    """The stand-ins of a stage: one directory of programs for each host, and one for doit itself.

    Args:
        directory: directory of the programs and the records; it is created.
        hosts: names of the hosts.
    """

    def __init__(self, directory: Path, hosts: Iterable[str]) -> None:
        self._directory, self._hosts = directory, list(hosts)
        for folder in (self.folder(None), *map(self.folder, self._hosts)):
            folder.mkdir(parents=True)

    def folder(self, host: str | None) -> Path:
        """Return the directory that must be first on the PATH of a host, or of doit for None."""
        return self._directory / "bin" / (host or "-")

    def add(self, name: str, answer: str, status: int, script: str) -> None:
        """Write a program for every host and for doit; arguments as in `StageUnderTest.stand_in`."""
        self._calls(name).mkdir(parents=True, exist_ok=True)
        for host in (None, *self._hosts):
            values: dict[str, Value] = {
                "calls": str(self._calls(name)),
                "host": host or "",
                "cat": find_program("cat", "coreutils"),
                "answer": answer,
                "status": status,
                "script": script,
            }
            file = self.folder(host) / name
            file.write_text("#!/bin/sh\n" + render(name, "testing/stand_in", values).text)
            file.chmod(0o755)

    def calls(self, name: str) -> list[Call]:
        """Return the calls of a program on all hosts, in order.

        Raises:
            AssertionError: no stand-in has this name.
        """
        assert self._calls(name).is_dir(), f"{name} has no stand-in"
        numbers = sorted(int(file.name) for file in self._calls(name).iterdir() if not file.suffix)
        return [_read_call(self._calls(name) / str(number)) for number in numbers]

    def _calls(self, name: str) -> Path:
        return self._directory / "calls" / name


def _read_call(record: Path) -> Call:
    host, cwd, *argv = _read_strings(record)
    variables = (text.partition("=") for text in _read_strings(record.with_suffix(".env")))
    return Call(tuple(argv), cwd, host or None, {name: value for name, _, value in variables})


def _read_strings(file: Path) -> list[str]:
    """Return the NUL-terminated strings of a file; bytes that are not UTF-8 become surrogates."""
    return file.read_bytes().decode("utf-8", "surrogateescape").split("\0")[:-1]
