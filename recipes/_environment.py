"""The program with which the recipe python gives a release a working virtual environment, on a host.

It is sent to the host as text and run by the interpreter that creates environments, which may be as old as Python 3.8.
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
KIND = str(sys.implementation.cache_tag)  # such as cpython-311: compiled packages depend on it
NESTED = re.compile(r"\s*(?:-r|-c|--requirement|--constraint)[\s=]*([^\s#]+)")
LOCAL = re.compile(r"\s*(?:-e\b|--editable\b|\.|[^#]*\bfile:|(?!-)(?![a-z+]+://)[^\s#@;]*/)")
LOCAL_IN_UV_LOCK = re.compile(r"source = \{ (?:editable|directory) =")
# Run by the Python of an environment: checks that every file that the packages installed still exists.
CHECK_FILES = """
import importlib.metadata, os, sys
wanted, found = sys.argv[1], sys.implementation.cache_tag
if wanted not in ("", found):
    sys.exit("it was created with " + wanted + ", and its python is " + found + " now")
for package in importlib.metadata.distributions():
    for file in package.files or ():
        if file.suffix != ".pyc" and not os.path.lexists(str(file.locate())):
            sys.exit(str(file) + " of " + package.metadata["Name"] + " is missing")
"""


class LockFileMissing(SystemExit):
    """A release lacks a lock file."""


class Job:
    """The work that the recipe requests.

    Args:
        arguments: the recipe's options, and the paths of the release, of the release that was live before, and of the
            shared directory.
    """

    def __init__(self, arguments: dict[str, Any]) -> None:
        self.installer: str = arguments["installer"]
        self.python: str = arguments["python"] if self.installer == "pip" else sys.executable
        self.arguments: list[str] = arguments["arguments"]
        self.is_compiled: bool = arguments["is_compiled"]
        self.is_shared: bool = arguments["is_shared"]
        self.release, self.shared = Path(arguments["release"]), Path(arguments["shared"])
        self.previous: Path | None = Path(arguments["previous"]) if arguments["previous"] else None
        self.requirements: list[str] = arguments["requirements"]

    @property
    def lock_files(self) -> list[str]:
        """The names of the lock files; all of them exist in the release."""
        has_uv_lock = self.installer == "uv" and (self.release / "uv.lock").is_file()
        names = self.requirements or ["uv.lock" if has_uv_lock else "requirements.txt"]
        missing = [name for name in names if not (self.release / name).is_file()]
        if missing:
            raise LockFileMissing(f"{' and '.join(missing)} is not in the release; set the option requirements")
        return names

    def fingerprint(self) -> str:
        """Return a hash that is equal for two releases whose environments are interchangeable."""
        files = sorted(read_lock_files(self.release, self.lock_files).items())
        contents = [(name, hashlib.sha256(text).hexdigest()) for name, text in files]
        own = str(self.release) if any(installs_local_code(name, text) for name, text in files) else ""
        interpreter = [VERSION, os.path.realpath(sys.executable), os.uname().machine]
        facts = [self.installer, self.lock_files, self.arguments, self.is_compiled, contents, interpreter, own]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def read_lock_files(release: Path, names: list[str]) -> dict[str, bytes]:
    """Return the contents of lock files, and of the files that they include, by name."""
    found: dict[str, bytes] = {}
    pending = list(names)
    while pending:
        name = pending.pop()
        if name in found or "://" in name:
            continue
        found[name] = (release / name).read_bytes() if (release / name).is_file() else b""
        lines = found[name].decode(errors="replace").splitlines() if name != "uv.lock" else []
        nested = [match[1] for match in map(NESTED.match, lines) if match]
        pending += [os.path.normpath(os.path.join(os.path.dirname(name), path)) for path in nested]
    return found


def installs_local_code(name: str, content: bytes) -> bool:
    """Check whether a lock file installs code from the release; its text then does not tell what is installed."""
    text = content.decode(errors="replace")
    if name == "uv.lock":
        return bool(LOCAL_IN_UV_LOCK.search(text))
    return any(LOCAL.match(line) for line in text.splitlines())


# -- checking an environment


def find_defect(environment: Path) -> str:
    """Return the reason why an environment cannot be used; empty if it can."""
    if not environment.is_dir():
        return "it does not exist"
    if unfinished_mark(environment).exists():
        return "its installation was not completed"
    # An environment without a stamp was created by something else, and the release was live with it.
    command = [str(environment / "bin/python"), "-I", "-c", CHECK_FILES, read_stamp(environment).get("python", "")]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
    except OSError as error:
        return f"bin/python does not run: {error.strerror}"
    return "" if done.returncode == 0 else (done.stdout.strip().splitlines() or ["bin/python does not run"])[-1]


def unfinished_mark(environment: Path) -> Path:
    """Return the path of the file that exists while an environment is created."""
    return environment.with_name(f"{environment.name}.unfinished")


def is_reusable(environment: Path, fingerprint: str) -> bool:
    """Check that an environment works, has the fingerprint, and has only packages that this program installed."""
    stamp = read_stamp(environment)
    is_unchanged = stamp.get("packages") == list_packages(environment) and stamp.get("fingerprint") == fingerprint
    return is_unchanged and not find_defect(environment)


def read_stamp(environment: Path) -> dict[str, Any]:
    """Return the record that a completed installation left; empty if there is none."""
    try:
        stamp: dict[str, Any] = json.loads((environment / STAMP).read_text())
    except (OSError, ValueError):
        return {}
    return stamp


def write_stamp(environment: Path, stamp: dict[str, Any]) -> None:
    """Record that an environment is complete."""
    part = environment / f"{STAMP}.part"
    part.write_text(json.dumps(stamp))
    part.replace(environment / STAMP)


def list_packages(environment: Path) -> list[str]:
    """List the names and versions of the installed packages, from their directories."""
    return sorted(path.name for path in environment.glob("lib/python*/site-packages/*.dist-info"))


# -- creating an environment


def create(job: Job, environment: Path, fingerprint: str) -> None:
    """Create an environment from the lock files; on failure, restore the environment that existed before."""
    print(f"{environment}: installing {', '.join(job.lock_files)} with {job.installer}", flush=True)
    environment.parent.mkdir(parents=True, exist_ok=True)
    if unfinished_mark(environment).exists():
        remove(environment)
    if os.path.lexists(environment):
        environment.rename(backup_path(environment))
    unfinished_mark(environment).touch()
    try:
        fill(job, environment, fingerprint)
    except BaseException:
        recover_backup(environment)
        raise
    unfinished_mark(environment).unlink()
    remove(backup_path(environment))


def backup_path(environment: Path) -> Path:
    """Return the path that an existing environment has while its replacement is created."""
    return environment.with_name(f"{environment.name}.before")


def recover_backup(environment: Path) -> None:
    """Restore the backup that an interrupted installation left, or delete it if the installation was completed."""
    if not os.path.lexists(backup_path(environment)):
        return
    if os.path.lexists(environment) and not unfinished_mark(environment).exists():
        remove(backup_path(environment))
        return
    remove(environment)
    backup_path(environment).rename(environment)
    if unfinished_mark(environment).exists():
        unfinished_mark(environment).unlink()


def fill(job: Job, environment: Path, fingerprint: str) -> None:
    """Install and compile the packages of an environment, and write its stamp."""
    for command in install_commands(job, environment):
        run_installer(job, environment, command)
    if job.is_compiled:
        compile_paths(list(environment.glob("lib/python*/site-packages")))
    make_read_only(environment)
    stamp = {"fingerprint": fingerprint, "python": KIND, "packages": list_packages(environment)}
    write_stamp(environment, {**stamp, **find_references(job.release, environment)})


def install_commands(job: Job, environment: Path) -> list[list[str]]:
    """Return the commands that create an environment with its packages."""
    python = str(environment / "bin/python")
    if job.installer == "pip":
        quiet = ["--quiet", "--no-input", "--disable-pip-version-check", "--no-compile"]
        files = [word for name in job.lock_files for word in ("-r", name)]
        return [
            [job.python, "-m", "venv", str(environment)],
            [python, "-m", "pip", "install", *quiet, *job.arguments, *files],
        ]
    if job.lock_files == ["uv.lock"]:
        return [["uv", "sync", "--quiet", "--frozen", "--no-dev", "--python", job.python, *job.arguments]]
    return [
        ["uv", "venv", "--quiet", "--python", job.python, str(environment)],
        ["uv", "pip", "sync", "--quiet", "--python", python, *job.arguments, *job.lock_files],
    ]


def run_installer(job: Job, environment: Path, command: list[str]) -> None:
    """Run a command of the installer, and exit if it fails; its last lines of output are shown then."""
    # Copies: if uv linked files from its cache, a change to the environment would change the cache too.
    env = {"UV_LINK_MODE": "copy", **os.environ, "UV_PROJECT_ENVIRONMENT": str(environment)}
    env.pop("VIRTUAL_ENV", None)
    try:
        status = subprocess.run(command, cwd=job.release, env=env, stdin=subprocess.DEVNULL, check=False).returncode
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}; it must be on the PATH")
    if status:
        sys.exit(f"exit status {status} of {' '.join(command)}")


def remove(environment: Path) -> None:
    """Delete an environment, or the symlink that has its name."""
    if environment.is_symlink():
        environment.unlink()
    elif environment.exists():
        shutil.rmtree(environment)


def make_read_only(environment: Path) -> None:
    """Remove the write permission of files, because releases share them; installers replace files instead."""
    for path in regular_files(environment):
        path.chmod(path.stat().st_mode & 0o7555)


def find_references(release: Path, environment: Path) -> dict[str, Any]:
    """Find the files that contain the path of the release.

    Returns:
        ``places``: the files; ``can_move``: whether all of them are text files, in which the path can be replaced.
    """
    places, variants = [], path_variants(release)
    can_move = not any(os.readlink(link).startswith(f"{release}/") for link in symlinks(environment))
    for path in regular_files(environment):
        if path.suffix == ".pyc" or not contains_any(path, variants):
            continue
        places.append(str(path.relative_to(environment)))
        can_move = can_move and not contains_any(path, [b"\0"])
    return {"places": places, "can_move": can_move}


def path_variants(release: Path) -> list[bytes]:
    """Return the path of a release, with and without resolved symlinks, the longer one first."""
    return sorted({os.fsencode(release), os.fsencode(os.path.realpath(release))}, key=len, reverse=True)


def contains_any(path: Path, texts: list[bytes]) -> bool:
    """Check that a file, which may be larger than the memory, contains one of the texts."""
    if not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return any(content.find(text) >= 0 for text in texts)


def regular_files(environment: Path) -> Iterator[Path]:
    """Yield the files of an environment, without symlinks."""
    return (path for path in environment.rglob("*") if path.is_file() and not path.is_symlink())


def symlinks(environment: Path) -> Iterator[Path]:
    """Yield the symlinks of an environment."""
    return (path for path in environment.rglob("*") if path.is_symlink())


# -- reusing the environment of another release


def link_environment(old: Path, new: Path) -> None:
    """Hard-link the environment of another release, and rewrite the files that contain its path."""
    stamp = read_stamp(old / ".venv")
    remove(new / ".venv")
    for folder, folders, names in os.walk(old / ".venv"):
        target = new / Path(folder).relative_to(old)
        target.mkdir()
        shutil.copymode(folder, target)
        links = [name for name in folders if Path(folder, name).is_symlink()]
        for name in (*links, *(name for name in names if name != STAMP)):
            link_or_copy(Path(folder, name), target / name)
    for place in stamp["places"]:
        rewrite_path(old, new, place)
    write_stamp(new / ".venv", stamp)


def link_or_copy(old: Path, new: Path) -> None:
    """Hard-link a file or symlink, or copy it if that is not possible."""
    try:
        os.link(old, new, follow_symlinks=False)
    except OSError:  # the file belongs to another user, or has the maximum number of hard links
        shutil.copy2(old, new, follow_symlinks=False)


def rewrite_path(old: Path, new: Path, place: str) -> None:
    """Replace the hard link to a file by a copy that contains the path of the new release."""
    path = new / ".venv" / place
    content = path.read_bytes()
    for variant in path_variants(old):
        content = content.replace(variant, os.fsencode(new))
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    shutil.copystat(path, part)
    part.replace(path)
    if path.suffix == ".py":  # size and mtime are unchanged, so Python would use the old bytecode
        compileall.compile_file(path, quiet=1, force=True)


# -- compiling


def compile_paths(paths: list[Path]) -> None:
    """Compile files and directories; a file that cannot be compiled is reported but no error, it may be a template."""
    for path in paths:
        is_complete = (
            compileall.compile_dir(path, maxlevels=50, quiet=1)
            if path.is_dir()
            else compileall.compile_file(path, quiet=1)
        )
        if not is_complete:
            print(f"{path}: not everything could be compiled; Python reports it again when it is imported", flush=True)


def find_code(release: Path) -> list[Path]:
    """Return the paths in a release to compile: not its environment, and nothing that releases share."""
    return [path for path in sorted(release.iterdir()) if not path.name.startswith(".") and not path.is_symlink()]


# -- actions


def install(job: Job) -> None:
    """Give the release of a deploy its environment."""
    fingerprint = job.fingerprint()
    refuse_linked_environment(job)
    if job.is_shared:
        install_shared(job, fingerprint)
    else:
        install_own(job, fingerprint)
    if job.is_compiled:
        compile_paths(find_code(job.release))


def install_own(job: Job, fingerprint: str) -> None:
    """Give a release an environment inside the release."""
    environment, previous = job.release / ".venv", job.previous
    recover_backup(environment)
    if is_reusable(environment, fingerprint):
        print(f"{environment}: nothing changed", flush=True)
    elif previous and is_relocatable(previous) and is_reusable(previous / ".venv", fingerprint):
        print(f"{environment}: nothing changed since release {previous.name}, linked from there", flush=True)
        link_environment(previous, job.release)
    else:
        create(job, environment, fingerprint)


def is_relocatable(release: Path) -> bool:
    """Check that a release has an environment inside it, with its path in text files only."""
    environment = release / ".venv"
    return not environment.is_symlink() and bool(read_stamp(environment).get("can_move"))


def install_shared(job: Job, fingerprint: str) -> None:
    """Link a release to the environment that releases with equal lock files share."""
    environment = choose_shared_path(job, fingerprint)
    recover_backup(environment)
    if is_reusable(environment, fingerprint):
        print(f"{environment}: nothing changed", flush=True)
    else:
        create(job, environment, fingerprint)
    remove(job.release / ".venv")
    (job.release / ".venv").symlink_to(environment)
    link_to_current(job.shared / "venv", job.shared.parent / "current/.venv")


def choose_shared_path(job: Job, fingerprint: str) -> Path:
    """Return the path of a reusable shared environment, or a path that no other release uses."""
    others = [release for release in job.release.parent.iterdir() if release != job.release]
    used = linked_names(others)
    name, number = fingerprint, 1
    while name in used and not is_reusable(job.shared / "venvs" / name, fingerprint):
        number += 1
        name = f"{fingerprint}-{number}"
    return job.shared / "venvs" / name


def linked_names(releases: list[Path]) -> set[str]:
    """Return the names of the shared environments that releases use."""
    links = [release / ".venv" for release in releases]
    return {os.path.basename(os.readlink(link)) for link in links if link.is_symlink()}


def link_to_current(link: Path, target: Path) -> None:
    """Create a symlink into `current`, which follows every publish; leave anything else that has its name."""
    if not os.path.lexists(link):
        link.symlink_to(target)
    elif not link.is_symlink() or os.readlink(link) != str(target):
        print(f"{link} is not a symlink to {target} and is left unchanged", flush=True)


def refuse_linked_environment(job: Job) -> None:
    """Exit if the live release may use the environment too, because it must not change before the publish."""
    link = job.release / ".venv"
    if link.is_symlink() and job.shared / "venvs" not in Path(os.readlink(link)).parents:
        sys.exit(".venv is a symlink; remove it from linked_dirs or from the code (environment: shared creates it)")


def restore(job: Job) -> None:
    """Check the environment of the target release, and create it again if it does not work."""
    environment = job.release / ".venv"
    recover_backup(environment)
    exists, defect = os.path.lexists(environment), find_defect(environment)
    if not defect:
        return
    print(f"{environment} does not work: {defect}", flush=True)
    stat = job.release.stat()
    try:
        install(job)
    except LockFileMissing as error:
        if exists:
            raise
        print(f"{error}; the release was deployed without this recipe and is left unchanged", flush=True)
    finally:  # Capistrano orders releases by the mtime of their directories and may take over at any time
        os.utime(job.release, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def remove_unused(job: Job) -> None:
    """Delete the shared environments that no release uses any more."""
    used = linked_names(list(job.release.parent.iterdir()))
    for path in (job.shared / "venvs").glob("*"):
        if path.name.partition(".")[0] not in used:
            print(f"{path}: removed, because no release uses it any more", flush=True)
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()


def main(arguments: tuple[str, ...]) -> None:
    """Run the action that the first argument names."""
    action, job = arguments
    {"install": install, "restore": restore, "tidy": remove_unused}[action](Job(json.loads(job)))


if __name__ == "__main__":
    main(tuple(sys.argv[1:]))
