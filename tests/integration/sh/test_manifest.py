"""Manifests as the shells and tools of hosts write them."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from capdoit.records.manifest import parse_listing
from capdoit.shell_scripts import collect
from tests.support import WITHOUT_ROOT_RIGHTS

ODD = ["new\nline", "tab\tname", "back\\slash", " lead", "a -> b", "é", "\udcff\udcfe", "-n", "*", "was\tx\tstat\t1"]


Listing = Callable[..., bytes]


@pytest.fixture(params=["dash", "bash", "busybox"])
def listing(request: pytest.FixtureRequest, tmp_path: Path) -> Listing:
    """Return a function that lists a directory, with the shell and the programs of the parameter."""
    path = os.environ["PATH"]
    if request.param == "busybox":
        tools = tmp_path / "busybox-tools"
        tools.mkdir()
        for name in ("sh", "find", "stat", "sha256sum", "sed", "od", "tr", "readlink"):
            (tools / name).symlink_to(str(shutil.which("busybox")))
        path = str(tools)
    shell = str(tools / "sh") if request.param == "busybox" else str(shutil.which(request.param))

    def run(place: Path, how: str) -> bytes:
        values = f"set -eu\ndeploy_to='{place.parent}'\n"
        libraries = "".join(file.text for file in collect(["sh/manifest_listing"]))
        script = f"{values}{libraries}\nlist_release '{place}' {how} ''\n"
        done = subprocess.run(
            [*WITHOUT_ROOT_RIGHTS, shell, "-c", script], env={"PATH": path}, capture_output=True, check=True
        )
        assert all(line.endswith(b"Permission denied") for line in done.stderr.splitlines())
        return done.stdout

    return run


def test_any_file_name_is_listed_once_and_alike_by_all_tools(tmp_path: Path, listing: Listing) -> None:
    place = tmp_path / "release"
    place.mkdir()
    for name in ODD:
        (place / name).mkdir()
        (place / name / "plain").write_text(name[:1], errors="surrogateescape")
        (place / f"{name}.link").symlink_to(name)
    (place / "shared").symlink_to(tmp_path / "shared/log")
    os.mkfifo(place / "fifo")
    found = parse_listing(listing(place, "full").decode(errors="surrogateescape").split("\n")[:-1])
    everything = {"." if path == place else f"./{path.relative_to(place)}" for path in [place, *place.rglob("*")]}
    names = {path if path[0] != "\\" else os.fsdecode(bytes.fromhex(path[1:])) for path in found} - {"~"}
    assert names == everything
    assert found["./ lead/plain"]["sha256"] == hashlib.sha256(b" ").hexdigest()
    assert found["./shared"] == {"link": "<deploy_to>/shared/log"}
    assert found["./a -> b.link"] == {"link": "a -> b"}
    assert found["\\" + b"./new\nline.link".hex()] == {"link": "\\" + b"new\nline".hex()}
    odd = found["\\" + b"./tab\tname/plain".hex()]
    assert odd == {"stat": "81a4 1", "sha256": hashlib.sha256(b"t").hexdigest()}


def test_unreadable_files_are_listed_as_far_as_possible(tmp_path: Path, listing: Listing) -> None:
    for name in ("open", "closed"):
        (tmp_path / "release" / name).mkdir(parents=True)
        (tmp_path / "release" / name / "file").write_text("a")
    (tmp_path / "release/open/secret").write_text("b")
    (tmp_path / "release/open/secret").chmod(0)
    (tmp_path / "release/closed").chmod(0)
    found = parse_listing(listing(tmp_path / "release", "full").decode().split("\n")[:-1])
    assert {*found} == {".", "./open", "./open/file", "./open/secret", "./closed", "~"}
    assert "sha256" in found["./open/file"]
    assert "sha256" not in found["./open/secret"]


def test_the_quick_listing_equals_the_full_one_without_checksums(tmp_path: Path, listing: Listing) -> None:
    place = tmp_path / "release"
    (place / "new\nline").mkdir(parents=True)
    (place / "new\nline/a").write_text("a")
    (place / "b").write_text("b")
    full = listing(place, "full").splitlines()
    sums = [line for line in full if len(line.partition(b"  ")[0]) == 64]
    assert sorted(set(full) - set(sums)) == sorted(listing(place, "quick").splitlines())
    assert len(sums) == 2


@pytest.mark.parametrize(
    "name",
    ["__pycache__", "lib/__pycache__", "node_modules/.cache", "tmp", "log", "var/cache", "bootstrap/cache"],
)
def test_runtime_files_are_left_out_of_the_listing(tmp_path: Path, listing: Listing, name: str) -> None:
    place = tmp_path / "release"
    (place / name).mkdir(parents=True)
    (place / name / "a").write_text("a")
    assert name.encode() not in listing(place, "full")


def test_a_symlink_or_nested_directory_with_a_runtime_name_is_listed(tmp_path: Path, listing: Listing) -> None:
    place = tmp_path / "release"
    (place / "lib/tmp").mkdir(parents=True)
    (place / "lib/tmp/a").write_text("a")
    (place / "tmp").symlink_to(tmp_path / "shared/tmp")
    found = listing(place, "quick")
    assert b"./tmp\tlink\t<deploy_to>/shared/tmp\n" in found
    assert b"./lib/tmp/a\tstat\t" in found
