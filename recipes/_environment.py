"""What the recipe python runs on a host: it sees to it that one release has an environment that works.

It is sent as text, and run by the interpreter that environments are made with, which may be an old one.
"""

from __future__ import annotations

import compileall
import hashlib
import json
import mmap
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

STAMP = "capdoit.json"
VERSION = " ".join(sys.version.split())
KIND = str(sys.implementation.cache_tag)  # such as cpython-311: what compiled packages go by
NESTED = re.compile(r"\s*(?:-r|-c|--requirement|--constraint)[\s=]*([^\s#]+)")
LOCAL = re.compile(r"\s*(?:-e\b|--editable\b|\.|[^#]*\bfile:|(?!-)(?![a-z+]+://)[^\s#@;]*/)")
LOCAL_IN_UV_LOCK = re.compile(r"source = \{ (?:editable|directory) =")
# What an environment must have to be whole: every file that its packages say they brought.
IS_WHOLE = """
import importlib.metadata, os, sys
wanted, found = sys.argv[1], sys.implementation.cache_tag
if wanted not in ("", found):
    sys.exit("it was made with " + wanted + ", and its python is " + found + " now")
for package in importlib.metadata.distributions():
    for file in package.files or ():
        if file.suffix != ".pyc" and not os.path.lexists(str(file.locate())):
            sys.exit(str(file) + " of " + package.metadata["Name"] + " is missing")
"""


class Unlocked(SystemExit):
    """A release lacks its lock files."""


class Job:
    """What is asked for.

    Args:
        said: the recipe's options, and the paths of the release, of what was live before, and of shared.
    """

    def __init__(self, said: dict[str, Any]) -> None:
        self.installer: str = said["installer"]
        self.python: str = said["python"] if self.installer == "pip" else sys.executable
        self.arguments: list[str] = said["arguments"]
        self.compiles: bool = said["compile"]
        self.shares: bool = said["shares"]
        self.release, self.shared = Path(said["release"]), Path(said["shared"])
        self.previous: Path | None = Path(said["previous"]) if said["previous"] else None
        self.requirements: list[str] = said["requirements"]

    @property
    def locks(self) -> list[str]:
        """The names of the lock files, which are in the release."""
        by_itself = "uv.lock" if self.installer == "uv" and (self.release / "uv.lock").is_file() else "requirements.txt"
        names = self.requirements or [by_itself]
        missing = [name for name in names if not (self.release / name).is_file()]
        if missing:
            raise Unlocked(f"{' and '.join(missing)} is not in the release; say the option requirements")
        return names

    def fingerprint(self) -> str:
        """What two environments have in common that can stand for each other."""
        files = sorted(read_with_nested(self.release, self.locks).items())
        contents = [(name, hashlib.sha256(text).hexdigest()) for name, text in files]
        own = str(self.release) if any(names_local(name, text) for name, text in files) else ""
        interpreter = [VERSION, os.path.realpath(sys.executable), os.uname().machine]
        facts = [self.installer, self.locks, self.arguments, self.compiles, contents, interpreter, own]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def read_with_nested(release: Path, names: list[str]) -> dict[str, bytes]:
    """Lock files by name, with those that they include."""
    found: dict[str, bytes] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found or "://" in name:
            continue
        found[name] = (release / name).read_bytes() if (release / name).is_file() else b""
        lines = found[name].decode(errors="replace").splitlines() if name != "uv.lock" else []
        nested = [match[1] for match in map(NESTED.match, lines) if match]
        waiting += [os.path.normpath(os.path.join(os.path.dirname(name), one)) for one in nested]
    return found


def names_local(name: str, content: bytes) -> bool:
    """Whether a lock file asks for code that is in the release: then its text does not say what is installed."""
    text = content.decode(errors="replace")
    if name == "uv.lock":
        return bool(LOCAL_IN_UV_LOCK.search(text))
    return any(LOCAL.match(line) for line in text.splitlines())


# -- is there one that works


def what_is_wrong(environment: Path) -> str:
    """Why an environment cannot be used; empty when it can."""
    if not environment.is_dir():
        return "there is none"
    if unfinished(environment).exists():
        return "it was not finished"
    # One without a stamp was not made here: somebody's, on which the release was live.
    command = [str(environment / "bin/python"), "-I", "-c", IS_WHOLE, read_stamp(environment).get("python", "")]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
    except OSError as error:
        return f"bin/python does not run: {error.strerror}"
    return "" if done.returncode == 0 else (done.stdout.strip().splitlines() or ["bin/python does not run"])[-1]


def unfinished(environment: Path) -> Path:
    """The file that is beside an environment while it is made."""
    return environment.with_name(f"{environment.name}.unfinished")


def can_stand_for(environment: Path, fingerprint: str) -> bool:
    """Whether it is what would be installed, and nobody installed more by hand."""
    stamp = read_stamp(environment)
    as_it_was = stamp.get("packages") == packages(environment) and stamp.get("fingerprint") == fingerprint
    return as_it_was and not what_is_wrong(environment)


def read_stamp(environment: Path) -> dict[str, Any]:
    """What is noted in an environment that was finished."""
    try:
        stamp: dict[str, Any] = json.loads((environment / STAMP).read_text())
    except (OSError, ValueError):
        return {}
    return stamp


def packages(environment: Path) -> list[str]:
    """The names and versions of what is installed, as its directories say."""
    return sorted(path.name for path in environment.glob("lib/python*/site-packages/*.dist-info"))


# -- making one


def make(job: Job, environment: Path, fingerprint: str) -> None:
    """Install what the lock files say; when that fails, what was there is there again."""
    print(f"{environment}: installing {', '.join(job.locks)} with {job.installer}", flush=True)
    environment.parent.mkdir(parents=True, exist_ok=True)
    if unfinished(environment).exists():
        clear(environment)
    if os.path.lexists(environment):
        environment.rename(former(environment))
    unfinished(environment).touch()
    try:
        fill(job, environment, fingerprint)
    except BaseException:
        put_back(environment)
        raise
    unfinished(environment).unlink()
    clear(former(environment))


def former(environment: Path) -> Path:
    """Where what was there is while it is made anew."""
    return environment.with_name(f"{environment.name}.before")


def put_back(environment: Path) -> None:
    """Bring back what was there before an installation that came to no end; after one that did, it goes."""
    if not os.path.lexists(former(environment)):
        return
    if os.path.lexists(environment) and not unfinished(environment).exists():
        clear(former(environment))
        return
    clear(environment)
    former(environment).rename(environment)
    if unfinished(environment).exists():
        unfinished(environment).unlink()


def fill(job: Job, environment: Path, fingerprint: str) -> None:
    """Install, compile, and note what there is."""
    for command in commands(job, environment):
        run(job, environment, command)
    if job.compiles:
        compile_all(list(environment.glob("lib/python*/site-packages")))
    protect(environment)
    stamp = {"fingerprint": fingerprint, "python": KIND, "packages": packages(environment)}
    write_stamp(environment, {**stamp, **places_of(job.release, environment)})


def commands(job: Job, environment: Path) -> list[list[str]]:
    """What is run to install."""
    python = str(environment / "bin/python")
    files = [word for name in job.locks for word in ("-r", name)]
    if job.installer == "pip":
        quiet = ["--quiet", "--no-input", "--disable-pip-version-check", "--no-compile"]
        return [
            [job.python, "-m", "venv", str(environment)],
            [python, "-m", "pip", "install", *quiet, *job.arguments, *files],
        ]
    if job.locks == ["uv.lock"]:
        return [["uv", "sync", "--quiet", "--frozen", "--no-dev", "--python", job.python, *job.arguments]]
    return [
        ["uv", "venv", "--quiet", "--python", job.python, str(environment)],
        ["uv", "pip", "sync", "--quiet", "--python", python, *job.arguments, *job.locks],
    ]


def run(job: Job, environment: Path, command: list[str]) -> None:
    """Run what installs; when it fails, so does the flow, and its last lines are shown."""
    # With links into uv's cache, an environment and the cache would change together.
    env = {"UV_LINK_MODE": "copy", **os.environ, "UV_PROJECT_ENVIRONMENT": str(environment)}
    env.pop("VIRTUAL_ENV", None)
    try:
        status = subprocess.run(command, cwd=job.release, env=env, stdin=subprocess.DEVNULL, check=False).returncode
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}; it has to be on the host's PATH")
    if status:
        sys.exit(f"exit status {status} of {' '.join(command)}")


def clear(environment: Path) -> None:
    """Take away what is there and not whole."""
    if environment.is_symlink():
        environment.unlink()
    elif environment.exists():
        shutil.rmtree(environment)


def protect(environment: Path) -> None:
    """Take the right to write from the files, which other releases will share; installers replace files."""
    for path in files_of(environment):
        path.chmod(path.stat().st_mode & 0o7555)


def places_of(release: Path, environment: Path) -> dict[str, Any]:
    """The files that say where the release is; whether all are texts, which can be said anew."""
    found, texts = [], not any(os.readlink(link).startswith(f"{release}/") for link in links_of(environment))
    for path in files_of(environment):
        if path.suffix == ".pyc" or not says(path, spellings(release)):
            continue
        found.append(str(path.relative_to(environment)))
        texts = texts and not says(path, [b"\0"])
    return {"places": found, "can_move": texts}


def spellings(release: Path) -> list[bytes]:
    """The paths that files may have of a release."""
    return sorted({os.fsencode(release), os.fsencode(os.path.realpath(release))}, key=len, reverse=True)


def says(path: Path, texts: list[bytes]) -> bool:
    """Whether a file has one of the texts; it may be larger than the memory."""
    if not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return any(content.find(text) >= 0 for text in texts)


def files_of(environment: Path) -> Iterator[Path]:
    """Its files, without links."""
    return (path for path in environment.rglob("*") if path.is_file() and not path.is_symlink())


def links_of(environment: Path) -> Iterator[Path]:
    """Its symbolic links."""
    return (path for path in environment.rglob("*") if path.is_symlink())


def write_stamp(environment: Path, stamp: dict[str, Any]) -> None:
    """Say that it is finished."""
    part = environment / f"{STAMP}.part"
    part.write_text(json.dumps(stamp))
    part.replace(environment / STAMP)


# -- taking over that of another release


def take_over(old: Path, new: Path) -> None:
    """Hard-link the environment of another release; the files that say where it is are written anew."""
    stamp = read_stamp(old / ".venv")
    clear(new / ".venv")
    for folder, folders, names in os.walk(old / ".venv"):
        there = new / Path(folder).relative_to(old)
        there.mkdir()
        shutil.copymode(folder, there)
        links = [name for name in folders if Path(folder, name).is_symlink()]
        for name in (*links, *(name for name in names if name != STAMP)):
            link(Path(folder, name), there / name)
    for place in stamp["places"]:
        move(old, new, place)
    write_stamp(new / ".venv", stamp)


def link(old: Path, new: Path) -> None:
    """One file, or link, in a second place."""
    try:
        os.link(old, new, follow_symlinks=False)
    except OSError:  # the other release may be another user's, or its file may have all links that it can have
        shutil.copy2(old, new, follow_symlinks=False)


def move(old: Path, new: Path, place: str) -> None:
    """Have a file say where the new release is: a file of its own takes the place of the link."""
    path = new / ".venv" / place
    content = path.read_bytes()
    for spelling in spellings(old):
        content = content.replace(spelling, os.fsencode(new))
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    shutil.copystat(path, part)
    part.replace(path)
    if path.suffix == ".py":  # as large and as old as before, it would seem to be compiled
        compileall.compile_file(path, quiet=1, force=True)


# -- compiling


def compile_all(paths: list[Path]) -> None:
    """Compile what is there; what cannot be compiled is said, and is no failure: it may be a template."""
    for path in paths:
        is_whole = (
            compileall.compile_dir(path, maxlevels=50, quiet=1)
            if path.is_dir()
            else compileall.compile_file(path, quiet=1)
        )
        if not is_whole:
            print(f"{path}: not all of it could be compiled; python will say so again when it is used", flush=True)


def code_of(release: Path) -> list[Path]:
    """What is compiled of a release: not its environment, and nothing that it shares."""
    return [path for path in sorted(release.iterdir()) if not path.name.startswith(".") and not path.is_symlink()]


# -- the two flows


def install(job: Job) -> None:
    """Give the release of a deploy its environment."""
    fingerprint = job.fingerprint()
    refuse_foreign_link(job)
    if job.shares:
        share(job, fingerprint)
    else:
        own(job, fingerprint)
    if job.compiles:
        compile_all(code_of(job.release))


def own(job: Job, fingerprint: str) -> None:
    """Give a release an environment that is in it."""
    environment, other = job.release / ".venv", job.previous
    put_back(environment)
    if can_stand_for(environment, fingerprint):
        print(f"{environment}: nothing changed", flush=True)
    elif other and can_move(other) and can_stand_for(other / ".venv", fingerprint):
        print(f"{environment}: nothing changed since release {other.name}, linked from there", flush=True)
        take_over(other, job.release)
    else:
        make(job, environment, fingerprint)


def can_move(release: Path) -> bool:
    """Whether a release has an environment of its own that says where it is in texts alone."""
    environment = release / ".venv"
    return not environment.is_symlink() and bool(read_stamp(environment).get("can_move"))


def share(job: Job, fingerprint: str) -> None:
    """Lead the release to an environment that all share whose lock files are the same."""
    environment = place_for(job, fingerprint)
    put_back(environment)
    if can_stand_for(environment, fingerprint):
        print(f"{environment}: nothing changed", flush=True)
    else:
        make(job, environment, fingerprint)
    clear(job.release / ".venv")
    (job.release / ".venv").symlink_to(environment)
    follow_current(job.shared / "venv", job.shared.parent / "current/.venv")


def place_for(job: Job, fingerprint: str) -> Path:
    """The shared environment that can be used, or where one can be made: no other release leads there."""
    others = [release for release in job.release.parent.iterdir() if release != job.release]
    used = {os.path.basename(os.readlink(link)) for link in (one / ".venv" for one in others) if link.is_symlink()}
    name, number = fingerprint, 1
    while name in used and not can_stand_for(job.shared / "venvs" / name, fingerprint):
        number += 1
        name = f"{fingerprint}-{number}"
    return job.shared / "venvs" / name


def follow_current(link: Path, to: Path) -> None:
    """Make a link that follows every flip by itself; what somebody else put in its place stays."""
    if not os.path.lexists(link):
        link.symlink_to(to)
    elif not link.is_symlink() or os.readlink(link) != str(to):
        print(f"{link} is no link to {to}, and is left as it is", flush=True)


def refuse_foreign_link(job: Job) -> None:
    """An environment that the live release runs on, too, must not be changed before the flip."""
    link = job.release / ".venv"
    if link.is_symlink() and job.shared / "venvs" not in Path(os.readlink(link)).parents:
        sys.exit(".venv is a link; take it out of linked_dirs, or of the code (environment: shared makes it)")


def restore(job: Job) -> None:
    """See to it that the release of a rollback has an environment that works."""
    environment = job.release / ".venv"
    put_back(environment)
    there_is, wrong = os.path.lexists(environment), what_is_wrong(environment)
    if not wrong:
        return
    print(f"{environment} does not work: {wrong}", flush=True)
    stat = job.release.stat()
    try:
        install(job)
    except Unlocked as error:
        if there_is:
            raise
        print(f"{error}; a release from before this recipe has no environment to restore", flush=True)
    finally:  # Capistrano goes by the age of the directories, and may take over at any time
        os.utime(job.release, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def tidy(job: Job) -> None:
    """Take away the shared environments that no release leads to any more."""
    links = [release / ".venv" for release in job.release.parent.iterdir()]
    used = {os.path.basename(os.readlink(link)) for link in links if link.is_symlink()}
    for path in (job.shared / "venvs").glob("*"):
        if path.name.partition(".")[0] not in used:
            print(f"{path}: no release uses it any more, removed", flush=True)
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()


def main(arguments: tuple[str, ...]) -> None:
    """Do what is asked for."""
    what, said = arguments
    {"install": install, "restore": restore, "tidy": tidy}[what](Job(json.loads(said)))


if __name__ == "__main__":
    main(tuple(sys.argv[1:]))
