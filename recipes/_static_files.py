"""The program with which the recipe django keeps and publishes static files on a host.

It is sent to the host as text and run by the Python of the release. If STATIC_ROOT is inside the release, it only
collects the files. If releases share STATIC_ROOT, each release also keeps a copy of all its files and its manifest.
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

WRITER = f"{os.uname().nodename}-{os.getpid()}"  # unique name: several hosts may share the served directory


class StaticFiles:
    """The static files of one release.

    Args:
        job: the paths of the release, of its manage.py and of `current`, and the code that collects the files.
    """

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job
        self.release = Path(job["release"])
        self.kept = self.release / ".capdoit-static"
        self.files = self.kept / "files"
        self.note: dict[str, Any] = {}
        self.read_note()

    def read_note(self) -> None:
        """Read the note that a completed collection left."""
        try:
            self.note = json.loads((self.kept / "note.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self.note = {}

    @property
    def root(self) -> Path:
        """The directory that is served."""
        return Path(self.note["root"])

    @property
    def collected(self) -> Path:
        """The directory with the files of this release."""
        return self.root if self.note["is_own"] else self.files

    @property
    def manifest(self) -> str:
        """The name of the manifest; empty if there is none."""
        name = self.note["manifest"] or ""
        return name if name and (self.collected / name).is_file() else ""

    def hashed_names(self) -> set[str]:
        """Return the names that contain a hash of the file's content."""
        if not self.manifest:
            return set()
        manifest = json.loads((self.collected / self.manifest).read_text(encoding="utf-8"))
        paths: dict[str, str] = manifest.get("paths", {})
        return set(paths.values())

    def is_complete(self) -> bool:
        """Check that the release has all files that its manifest names."""
        if not self.note or (self.note["manifest"] and not self.manifest):
            return False
        return self.collected.is_dir() and all((self.collected / name).is_file() for name in self.hashed_names())

    def kept_names(self) -> Iterator[str]:
        """Yield the names of the files that the release keeps, without the manifest."""
        for path in self.files.rglob("*"):
            name = path.relative_to(self.files).as_posix()
            if path.is_file() and name != self.manifest:
                yield name


def collect(static: StaticFiles) -> None:
    """Collect the files of the release, and add those that are not served yet to the served directory."""
    part, note = static.kept / "files.part", static.kept / "note.json.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    run_collectstatic(static, part, note)
    shutil.rmtree(static.files, ignore_errors=True)
    part.rename(static.files)
    note.replace(static.kept / "note.json")
    static.read_note()
    add_missing(static)


def run_collectstatic(static: StaticFiles, part: Path, note: Path) -> None:
    """Run collectstatic inside the application, and exit if it fails."""
    job = {name: value for name, value in static.job.items() if name != "collect_code"}
    job.update(action="collect", staging_dir=str(part), note=str(note))
    command = [sys.executable, job["manage"], "shell", "-c", static.job["collect_code"]]
    env = {**os.environ, "CAPDOIT_JOB": json.dumps(job)}
    if status := subprocess.run(command, cwd=static.release, env=env, stdin=subprocess.DEVNULL, check=False).returncode:
        sys.exit(f"exit status {status} of collectstatic")


def restore(static: StaticFiles) -> None:
    """Bring back the static files of the target release: the kept ones, or else collect them again."""
    if static.is_complete():
        add_missing(static)
        return
    if not (static.note or (static.release / static.job["manage"]).is_file()):
        manage = static.job["manage"]
        print(f"no {manage}: the release was deployed without this recipe and is left unchanged", flush=True)
        return
    print("some static files of the release are missing; collecting them again", flush=True)
    stat = static.release.stat()
    try:
        collect(static)
    finally:  # Capistrano orders releases by the mtime of their directories and may take over at any time
        os.utime(static.release, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def add_missing(static: StaticFiles) -> None:
    """Add the files that the served directory lacks; files that it has are not changed."""
    for name in () if static.note["is_own"] else static.kept_names():
        if not os.path.lexists(static.root / name):
            place_file(static.files / name, static.root / name)


def publish(static: StaticFiles) -> None:
    """Replace served files whose content differs, and point the manifest to `current`."""
    if not static.note or static.note["is_own"]:
        return
    hashed = static.hashed_names()
    for name in static.kept_names():
        kept, served = static.files / name, static.root / name
        if not served.exists() or (name not in hashed and not filecmp.cmp(kept, served, shallow=False)):
            place_file(kept, served)
    if static.manifest:
        place_link(static.root / static.manifest, Path(static.job["current"], ".capdoit-static/files", static.manifest))


def place_file(file: Path, target: Path) -> None:
    """Hard-link or copy a file to a second path; readers never see a partial file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = free_part_path(target)
    try:
        os.link(file, part)
    except OSError:  # for example, the target is on a different file system
        shutil.copy2(file, part)
    os.replace(part, target)


def place_link(link: Path, target: Path) -> None:
    """Create a symlink, replacing what has its name; a link into `current` follows every publish."""
    if link.is_symlink() and os.readlink(link) == str(target):
        return
    part = free_part_path(link)
    part.symlink_to(target)
    os.replace(part, link)


def free_part_path(path: Path) -> Path:
    """Return the temporary path next to a path, where nothing exists any more."""
    part = path.with_name(f"{path.name}.{WRITER}.capdoit-part")
    if os.path.lexists(part):
        part.unlink()
    return part


if __name__ == "__main__":
    {"collect": collect, "restore": restore, "publish": publish}[sys.argv[1]](StaticFiles(json.loads(sys.argv[2])))
