"""What the recipe django runs on a host about static files: those of a release are served once it is live.

It is sent as text, and run by the Python of the release. Where STATIC_ROOT is in the release itself, there is nothing
to do but to collect. Where releases share it, a release keeps all its files and its manifest to itself, too.
"""

from __future__ import annotations

import filecmp
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = f"{os.uname().nodename}-{os.getpid()}"  # hosts may share the directory that is served


class Static:
    """The static files of one release.

    Args:
        job: the release, its manage.py, where `current` is, and the text that collects.
    """

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job
        self.release = Path(job["release"])
        self.kept = self.release / ".capdoit-static"
        self.files = self.kept / "files"
        self.note: dict[str, Any] = {}
        self.read_note()

    def read_note(self) -> None:
        """Read what is noted of files that were collected to the end."""
        try:
            self.note = json.loads((self.kept / "note.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self.note = {}

    @property
    def root(self) -> Path:
        """Where files are served from."""
        return Path(self.note["root"])

    @property
    def own(self) -> Path:
        """Where the release has its files."""
        return self.root if self.note["is_own"] else self.files

    @property
    def manifest(self) -> str:
        """The name of the manifest; empty when there is none."""
        name = self.note["manifest"] or ""
        return name if name and (self.own / name).is_file() else ""

    def hashed(self) -> set[str]:
        """The files whose names say what is in them."""
        if not self.manifest:
            return set()
        paths: dict[str, str] = json.loads((self.own / self.manifest).read_text(encoding="utf-8")).get("paths", {})
        return set(paths.values())

    def is_whole(self) -> bool:
        """Whether the release has all its files."""
        if not self.note or (self.note["manifest"] and not self.manifest):
            return False
        return self.own.is_dir() and all((self.own / name).is_file() for name in self.hashed())

    def names(self) -> Iterator[str]:
        """The files that the release keeps, without the manifest."""
        for path in self.files.rglob("*"):
            name = path.relative_to(self.files).as_posix()
            if path.is_file() and name != self.manifest:
                yield name


def collect(static: Static) -> None:
    """Collect, and let what the live release does not have be served already: nobody misses it or asks for it."""
    part = static.kept / "files.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    note = static.kept / "note.json.part"
    job = {**static.job, "what": "collect", "apart": str(part), "note": str(note)}
    command = [sys.executable, job["manage"], "shell", "-c", job["collect"]]
    env = {**os.environ, "CAPDOIT_JOB": json.dumps({name: job[name] for name in job if name != "collect"})}
    if status := subprocess.run(command, cwd=static.release, env=env, stdin=subprocess.DEVNULL, check=False).returncode:
        sys.exit(f"exit status {status} of collectstatic")
    shutil.rmtree(static.files, ignore_errors=True)
    part.rename(static.files)
    note.replace(static.kept / "note.json")
    static.read_note()
    add(static)


def restore(static: Static) -> None:
    """Have the files of the release to go back to: they were kept, or else are collected again."""
    if static.is_whole():
        add(static)
        return
    if not (static.note or (static.release / static.job["manage"]).is_file()):
        print(f"no {static.job['manage']}: the release is from before this recipe, and is left as it is", flush=True)
        return
    print("its static files are not all there; collecting them again", flush=True)
    stat = static.release.stat()
    try:
        collect(static)
    finally:  # Capistrano goes by the age of the directories, and may take over at any time
        os.utime(static.release, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def add(static: Static) -> None:
    """Bring the files that are missing where they are served from; those that are there stay as they are."""
    for name in () if static.note["is_own"] else static.names():
        if not os.path.lexists(static.root / name):
            bring(static.files / name, static.root / name)


def publish(static: Static) -> None:
    """Bring also the files whose content is another under the same name, and lead to the manifest of what is live."""
    if not static.note or static.note["is_own"]:
        return
    hashed = static.hashed()
    for name in static.names():
        there = static.root / name
        if not there.exists() or (name not in hashed and not filecmp.cmp(static.files / name, there, shallow=False)):
            bring(static.files / name, there)
    if static.manifest:
        lead(static.root / static.manifest, Path(static.job["current"], ".capdoit-static/files", static.manifest))


def bring(file: Path, there: Path) -> None:
    """Have a file in a second place, whole at every moment."""
    there.parent.mkdir(parents=True, exist_ok=True)
    part = there.with_name(f"{there.name}.{HERE}.capdoit-part")
    if os.path.lexists(part):
        part.unlink()
    try:
        os.link(file, part)
    except OSError:  # another file system
        shutil.copy2(file, part)
    os.replace(part, there)


def lead(link: Path, to: Path) -> None:
    """Have a link that follows every flip by itself."""
    if link.is_symlink() and os.readlink(link) == str(to):
        return
    part = link.with_name(f"{link.name}.{HERE}.capdoit-part")
    if os.path.lexists(part):
        part.unlink()
    part.symlink_to(to)
    os.replace(part, link)


if __name__ == "__main__":
    {"collect": collect, "restore": restore, "publish": publish}[sys.argv[1]](Static(json.loads(sys.argv[2])))
