"""The recipe python: every release has a virtualenv for its lock file; an existing one is reused."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.support import further

PYTHON = os.path.realpath(sys.executable)
# A pip that needs no index: of each line name==version it makes a package, with a program, and a file that says
# where it is.
PIP = """
import os, pathlib, sys
with open(LOG, "a") as file:
    file.write("\\0".join([os.getcwd(), *sys.argv[1:]]) + "\\n")
here, bin = pathlib.Path(__file__).parent.parent, pathlib.Path(sys.prefix, "bin")
files = [sys.argv[n + 1] for n, word in enumerate(sys.argv) if word == "-r"]
for line in [line for name in files for line in open(name).read().split("\\n") if "==" in line]:
    name, version = line.split("==")
    if version == "none":
        sys.exit(f"ERROR: No matching distribution found for {line}")
    package, info = here / name, here / f"{name}-{version}.dist-info"
    package.mkdir()
    info.mkdir()
    (package / "__init__.py").write_text(f"version = {version!r}\\n")
    (package / "template.py").write_text("def {{ name }}: pass\\n")
    (package / "place.py").write_text(f"prefix = {sys.prefix!r}\\n")
    (package / "twin.so").write_bytes(b"\\0" + sys.prefix.encode() if version == "binary" else b"\\0")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
    (info / "RECORD").write_text(f"{name}/__init__.py,,\\n{name}/place.py,,\\n../../../bin/{name},,\\n")
    says = f"print({name}.version, {name}.__file__, {name}.place.prefix)"
    (bin / name).write_text(f"#!{sys.executable}\\nimport {name}, {name}.place\\n{says}\\n")
    (bin / name).chmod(0o755)
"""
# The real Python, except that venv installs the stand-in for pip above, since the real one takes seconds.
STAND_IN = """
if [ "$1 $2" = "-m venv" ]; then
    {python} -m venv --without-pip "$3" || exit
    for packages in "$3"/lib/python*/site-packages; do cp -R {pip} "$packages/pip"; done
else
    exec {python} "$@"
fi
"""
Shop = Callable[..., Any]


@pytest.fixture
def pip_log(tmp_path: Path) -> Path:
    log = tmp_path / "pip.log"
    log.touch()
    return log


@pytest.fixture
def shop(stage: Any, tmp_path: Path, pip_log: Path) -> Shop:
    """Return a function that makes a stage with stand-ins that create virtualenvs quickly."""
    pip = tmp_path / "pip"
    pip.mkdir()
    (pip / "__init__.py").write_text("")
    (pip / "__main__.py").write_text(f"LOG = {str(pip_log)!r}\n{PIP}")

    def make(hosts: int = 1, files: dict[str, Any] | None = None, dodo: str = "", **options: Any) -> Any:
        code = {"requirements.txt": "tea==1\n", "shop.py": "import tea\n", **(files or {})}
        made = stage(hosts=hosts, recipes={"python": options}, files=code, dodo=dodo)
        made.stand_in("python3", script=STAND_IN.format(python=PYTHON, pip=pip))
        return made

    return make


def installs(pip_log: Path) -> list[list[str]]:
    """Return the directory and the arguments of every call of pip."""
    return [line.split("\0") for line in pip_log.read_text().splitlines()]


def live(stage: Any, host: str = "web1") -> Path:
    release: Path = stage.host(host).release(stage.live)
    return release


def drinks(release: Path) -> list[str]:
    """Return the output of the release's program: version, place of the module, place of the virtualenv."""
    done = subprocess.run([release / ".venv/bin/tea"], capture_output=True, text=True, check=True)
    return done.stdout.split()


def snapshot_tree(folder: Path) -> dict[str, tuple[int, str]]:
    """Return mode and content of every file."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mode, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


# -- installing


def test_the_virtualenv_is_ready_before_the_publish(shop: Shop, pip_log: Path) -> None:
    site = shop(
        2,
        dodo=dedent("""
        @cap.after('updated')
        def use(host, release):
            host.run('.venv/bin/tea', cwd=release.path)
        """),
    )
    site.deploy().ok()

    quiet = ["install", "--quiet", "--no-input", "--disable-pip-version-check", "--no-compile"]
    releases = [str(live(site, name)) for name in ("web1", "web2")]
    assert sorted(installs(pip_log)) == sorted([release, *quiet, "-r", "requirements.txt"] for release in releases)
    site_packages = next((live(site) / ".venv/lib").glob("python3*/site-packages"))
    assert drinks(live(site)) == ["1", f"{site_packages}/tea/__init__.py", str(live(site) / ".venv")]


@pytest.mark.extended("recipe")
def test_packages_and_code_are_compiled_and_syntax_errors_are_ignored(shop: Shop) -> None:
    site = shop(files={"bad.py": "def {{ name }}: pass\n", "app/models.py": "x = 1\n"})
    done = site.deploy().ok()

    compiled = {path.parent.parent.name + "/" + path.name.split(".")[0] for path in live(site).rglob("*.pyc")}
    assert {f"{site.live}/shop", "app/models", "tea/__init__", "tea/place"} <= compiled
    assert not compiled & {f"{site.live}/bad", "tea/template"}
    assert "bad.py: not everything could be compiled" in done.out


@pytest.mark.extended("recipe")
def test_compilation_can_be_turned_off(shop: Shop) -> None:
    site = shop(compile=False)
    site.deploy().ok()
    assert not [path for path in live(site).rglob("*.pyc") if ".venv" not in path.parts]
    assert not list((live(site) / ".venv").rglob("tea/**/*.pyc"))


@pytest.mark.extended("recipe")
def test_several_lock_files_and_extra_arguments_are_passed_to_pip(shop: Shop, pip_log: Path) -> None:
    site = shop(
        files={"base.txt": "tea==2\n", "production.txt": "milk==3\n"},
        requirements=["base.txt", "production.txt"],
        arguments=["--no-deps"],
    )
    site.deploy().ok()
    assert installs(pip_log)[0][-5:] == ["--no-deps", "-r", "base.txt", "-r", "production.txt"]
    assert drinks(live(site))[0] == "2"


@pytest.mark.parametrize(
    ("files", "options", "complaint"),
    [
        ({"requirements.txt": "tea==none\n"}, {}, "ERROR: No matching distribution found for tea==none"),
        *further(
            ({"requirements.txt": None}, {}, "requirements.txt is not in the release; set the option requirements"),
            ({}, {"requirements": "deps.txt"}, "deps.txt is not in the release"),
            ({}, {"python": "python9"}, "python9 is not on the PATH; recipe python needs it"),
            ({}, {"installer": "uv"}, "uv is not on the PATH"),
        ),
    ],
)
def test_a_failing_installation_fails_the_deploy(
    shop: Shop, files: dict[str, Any], options: dict[str, Any], complaint: str
) -> None:
    site = shop(2)
    site.deploy().ok()
    first = site.live
    if "uv" in options.values():
        site.stand_in("uv", script="exit 127")
    site.project.config(recipes={"python": options})
    site.commit({"app.txt": "second\n", **files})
    done = site.deploy().failed()

    assert complaint in done.out
    assert "import importlib" not in done.out, "the program itself is nothing to show"
    assert site.live == first
    assert site.host("web1").releases == site.host("web2").releases == [first]
    site.project.config(recipes={"python": {}})
    site.commit({"requirements.txt": "tea==2\n"})
    site.deploy().ok()
    assert drinks(live(site, "web2"))[0] == "2"


# -- taking over what is there


def test_an_unchanged_virtualenv_is_hard_linked_and_independent(shop: Shop, pip_log: Path) -> None:
    site = shop()
    site.deploy().ok()
    first, before = live(site), snapshot_tree(live(site) / ".venv")
    site.commit({"shop.py": "import tea  # second\n"})
    done = site.deploy().ok()
    second = live(site)

    assert len(installs(pip_log)) == 1
    assert f"nothing changed since release {first.name}, linked from there" in done.out
    assert snapshot_tree(first / ".venv") == before, "the other release is what it was"
    package = next((second / ".venv/lib").glob("python3*/site-packages/tea"))
    assert (package / "__init__.py").stat().st_nlink == 2
    mine = [path for path in (second / ".venv").rglob("*") if path.is_file() and not path.is_symlink()]
    assert not [path for path in mine if str(first).encode() in path.read_bytes() and path.suffix != ".pyc"]

    shutil.rmtree(first)
    assert drinks(second) == ["1", str(package / "__init__.py"), str(second / ".venv")]
    activated = subprocess.run(
        ["sh", "-c", '. "$1/.venv/bin/activate" && command -v tea && command -v python', "sh", str(second)],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert activated == [str(second / ".venv/bin/tea"), str(second / ".venv/bin/python")]


@pytest.mark.extended("recipe")
def test_files_shared_by_two_virtualenvs_are_read_only(shop: Shop) -> None:
    site = shop()
    site.deploy().ok()
    site.commit({"shop.py": "import tea  # second\n"})
    site.deploy().ok()
    files = [path for path in (live(site) / ".venv").rglob("*") if path.is_file() and not path.is_symlink()]
    shared = [path for path in files if path.stat().st_nlink > 1]
    assert len(shared) > 5
    assert not [path for path in shared if path.stat().st_mode & 0o222]


@pytest.mark.extended("recipe")
def test_a_change_in_one_virtualenv_does_not_affect_the_other(shop: Shop) -> None:
    site = shop()
    site.deploy().ok()
    first = live(site)
    site.commit({"shop.py": "import tea  # second\n"})
    site.deploy().ok()
    before = snapshot_tree(first / ".venv")

    for path in (live(site) / ".venv").rglob("*"):
        if path.is_file() and not path.is_symlink() and path.stat().st_nlink == 1:
            path.chmod(0o644)
            path.write_text("edited\n")
    package = next((live(site) / ".venv/lib").glob("python3*/site-packages/tea"))
    subprocess.run(["sed", "-i", "s/1/9/", package / "__init__.py"], check=True)
    shutil.rmtree(package / "__pycache__")
    assert snapshot_tree(first / ".venv") == before
    assert drinks(first)[0] == "1"


@pytest.mark.parametrize(
    ("files", "options"),
    [
        ({"requirements.txt": "tea==2\n"}, {}),
        *further(
            ({"constraints.txt": "milk<2\n"}, {}),
            ({}, {"arguments": ["--no-deps"]}),
            ({}, {"compile": False}),
            ({}, {"requirements": ["requirements.txt", "constraints.txt"]}),
        ),
    ],
)
def test_changed_dependencies_are_installed(
    shop: Shop, pip_log: Path, files: dict[str, str], options: dict[str, Any]
) -> None:
    site = shop(files={"requirements.txt": "-c constraints.txt\ntea==1\n", "constraints.txt": "milk<3\n"})
    site.deploy().ok()
    site.project.config(recipes={"python": options})
    site.commit({"app.txt": "second\n", **files})
    site.deploy().ok()
    assert len(installs(pip_log)) == 2


@pytest.mark.extended("recipe")
@pytest.mark.parametrize("line", ["-e .", ".", "./lib", "lib/tea.whl", "tea @ file:///srv/tea", "--editable=lib"])
def test_local_code_is_installed_in_each_deploy(shop: Shop, pip_log: Path, line: str) -> None:
    site = shop(files={"requirements.txt": f"tea==1\n{line}\n"})
    site.deploy().ok()
    site.commit({"app.txt": "second\n"})
    site.deploy().ok()
    assert len(installs(pip_log)) == 2


@pytest.mark.extended("recipe")
def test_urls_are_not_taken_for_local_code(shop: Shop, pip_log: Path) -> None:
    lines = (
        "tea==1\n--extra-index-url https://example.com/simple/\ncup @ https://example.com/cup.whl\nhttps://x/y.whl\n"
    )
    site = shop(files={"requirements.txt": lines})
    site.deploy().ok()
    site.commit({"app.txt": "second\n"})
    site.deploy().ok()
    assert len(installs(pip_log)) == 1


@pytest.mark.extended("recipe")
@pytest.mark.parametrize("damage", ["by hand", "missing file", "no python"])
def test_a_modified_virtualenv_is_not_reused(shop: Shop, pip_log: Path, damage: str) -> None:
    site = shop()
    site.deploy().ok()
    environment = live(site) / ".venv"
    packages = next(environment.glob("lib/python3*/site-packages"))
    if damage == "by hand":
        (packages / "sugar-1.dist-info").mkdir()
    elif damage == "missing file":
        (environment / "bin/tea").unlink()
    else:
        (environment / "bin/python").unlink()
    site.commit({"app.txt": "second\n"})
    site.deploy().ok()
    assert len(installs(pip_log)) == 2


@pytest.mark.extended("recipe")
def test_a_virtualenv_with_absolute_paths_in_libraries_is_not_reused(shop: Shop, pip_log: Path) -> None:
    site = shop(files={"requirements.txt": "tea==binary\n"})
    site.deploy().ok()
    site.commit({"app.txt": "second\n"})
    site.deploy().ok()
    assert len(installs(pip_log)) == 2


@pytest.mark.extended("recipe")
def test_a_virtualenv_symlink_shared_with_the_live_release_is_refused(shop: Shop) -> None:
    site = shop()
    site.project.config(linked_dirs=[".venv"])
    assert ".venv is a symlink; remove it from linked_dirs" in site.deploy().failed().out
    assert site.live is None


# -- rolling back


def test_a_rollback_installs_nothing_when_the_virtualenv_works(shop: Shop, pip_log: Path) -> None:
    site = shop()
    site.deploy().ok()
    first = live(site)
    site.commit({"requirements.txt": "tea==2\n"})
    site.deploy().ok()
    site.rollback().ok()
    assert live(site) == first
    assert drinks(first)[0] == "1"
    assert len(installs(pip_log)) == 2


@pytest.mark.extended("recipe")
@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        ("rm -r .venv", "it does not exist"),
        *further(
            ("rm .venv/bin/python", "bin/python does not run: No such file or directory"),
            ("rm .venv/bin/tea", "bin/tea of tea is missing"),
            ("""sed -i 's/"cpython-3/"cpython-2/' .venv/capdoit.json""", "it was created with cpython-2"),
            ("touch .venv.unfinished", "its installation was not completed"),
        ),
    ],
)
def test_a_rollback_recreates_a_broken_virtualenv(shop: Shop, pip_log: Path, damage: str, complaint: str) -> None:
    site = shop()
    site.deploy().ok()
    first = live(site)
    site.commit({"requirements.txt": "tea==2\n"})
    site.deploy().ok()
    subprocess.run(damage, shell=True, cwd=first, check=True)  # noqa: S602 - the test's own words
    age = first.stat().st_mtime_ns
    done = site.rollback("force=yes").ok()

    assert complaint in done.out
    assert live(site) == first
    assert drinks(first)[0] == "1"
    assert len(installs(pip_log)) == 3
    assert first.stat().st_mtime_ns == age, "what goes by the age of releases sees no change"


@pytest.mark.extended("recipe")
def test_a_rollback_whose_virtualenv_cannot_be_recreated_leaves_the_live_release(shop: Shop) -> None:
    site = shop(2)
    site.deploy().ok()
    first = site.live
    site.commit({"requirements.txt": "tea==2\n"})
    site.deploy().ok()
    second = site.live
    broken = site.host("web2").release(first)
    shutil.rmtree(broken / ".venv")
    (broken / "requirements.txt").write_text("tea==none\n")
    age = broken.stat().st_mtime_ns
    done = site.rollback("force=yes").failed()

    assert "No matching distribution found for tea==none" in done.out
    assert site.live == second
    assert drinks(live(site, "web2"))[0] == "2"
    assert broken.stat().st_mtime_ns == age, "what goes by the age of releases sees no change"
    (broken / "requirements.txt").write_text("tea==1\n")
    site.rollback("force=yes").ok()
    assert drinks(live(site, "web2"))[0] == "1"


@pytest.mark.extended("recipe")
def test_a_virtualenv_that_cannot_be_recreated_is_left_unchanged(shop: Shop) -> None:
    site = shop()
    site.deploy().ok()
    first = live(site)
    site.commit({"requirements.txt": "tea==2\n"})
    site.deploy().ok()
    (first / ".venv/bin/tea").unlink()
    (first / "requirements.txt").write_text("tea==1\ntea==none\n")
    before = snapshot_tree(first / ".venv")
    site.rollback("force=yes").failed()
    assert snapshot_tree(first / ".venv") == before
    assert not list(first.glob(".venv.*"))


@pytest.mark.extended("recipe")
def test_an_interrupted_recreation_keeps_the_old_virtualenv_for_the_next_rollback(shop: Shop, pip_log: Path) -> None:
    site = shop()
    site.deploy().ok()
    first = live(site)
    site.commit({"requirements.txt": "tea==2\n"})
    site.deploy().ok()
    (first / ".venv").rename(first / ".venv.before")
    (first / ".venv.unfinished").touch()
    (first / ".venv").mkdir()
    site.rollback("force=yes").ok()
    assert drinks(first)[0] == "1"
    assert len(installs(pip_log)) == 2
    assert not list(first.glob(".venv.*"))


@pytest.mark.extended("recipe")
def test_a_rollback_to_a_release_from_before_the_recipe_changes_nothing_in_it(shop: Shop, pip_log: Path) -> None:
    site = shop()
    site.commit({"requirements.txt": None})
    site.project.config(recipes={})
    site.deploy().ok()
    first = site.live
    site.project.config(recipes={"python": {}})
    site.commit({"requirements.txt": "tea==1\n"})
    site.deploy().ok()
    done = site.rollback().ok()
    assert "the release was deployed without this recipe and is left unchanged" in done.out
    assert site.live == first
    assert len(installs(pip_log)) == 1


@pytest.mark.extended("recipe")
def test_a_foreign_virtualenv_is_not_changed(shop: Shop, pip_log: Path) -> None:
    site = shop()
    site.deploy().ok()
    first = live(site)
    (first / ".venv/capdoit.json").unlink()
    site.commit({"requirements.txt": "tea==2\n"})
    site.deploy().ok()
    site.rollback("force=yes").ok()
    assert live(site) == first
    assert len(installs(pip_log)) == 2


# -- shared


@pytest.mark.extended("recipe")
def test_releases_with_equal_lock_files_share_a_virtualenv(shop: Shop, pip_log: Path) -> None:
    site = shop(environment="shared")
    site.deploy().ok()
    first = live(site)
    site.commit({"app.txt": "second\n"})
    site.deploy().ok()
    second = live(site)
    assert (first / ".venv").readlink() == (second / ".venv").readlink()
    assert len(installs(pip_log)) == 1

    site.commit({"requirements.txt": "tea==2\n"})
    site.deploy().ok()
    shared = site.host().shared
    assert subprocess.run([shared / "venv/bin/tea"], capture_output=True, text=True, check=True).stdout[0] == "2"
    site.rollback().ok()
    assert live(site) == second
    assert subprocess.run([shared / "venv/bin/tea"], capture_output=True, text=True, check=True).stdout[0] == "1"
    assert len(installs(pip_log)) == 2


@pytest.mark.extended("recipe")
def test_a_failed_deploy_changes_no_shared_virtualenv(shop: Shop) -> None:
    site = shop(environment="shared")
    site.deploy().ok()
    shared = site.host().shared
    before = snapshot_tree((live(site) / ".venv").resolve())
    site.commit({"requirements.txt": "tea==2\ntea==none\n"})
    site.deploy().failed()
    assert snapshot_tree((live(site) / ".venv").resolve()) == before
    assert drinks(live(site))[0] == "1"
    site.commit({"requirements.txt": "tea==3\n"})
    site.deploy().ok()
    assert sorted(shared.glob("venvs/*")) == sorted(shared.glob("venvs/????????????????")), "nothing half-made is left"


@pytest.mark.extended("recipe")
def test_a_shared_virtualenv_of_the_live_release_is_never_recreated(shop: Shop) -> None:
    site = shop(environment="shared")
    site.deploy().ok()
    used = (live(site) / ".venv").resolve()
    (next(used.glob("lib/python3*/site-packages")) / "sugar-1.dist-info").mkdir()
    before = snapshot_tree(used)
    site.commit({"app.txt": "second\n"})
    site.deploy().ok()
    assert snapshot_tree(used) == before
    assert (live(site) / ".venv").resolve().name == f"{used.name}-2"
    assert drinks(live(site))[0] == "1"


@pytest.mark.extended("recipe")
def test_a_foreign_symlink_in_shared_stays(shop: Shop) -> None:
    site = shop(environment="shared")
    (site.host().shared).mkdir(parents=True)
    (site.host().shared / "venv").symlink_to("/own-venv")
    site.deploy().ok()
    assert (site.host().shared / "venv").readlink() == Path("/own-venv")


@pytest.mark.extended("recipe")
def test_a_shared_virtualenv_is_removed_with_its_last_release(shop: Shop) -> None:
    site = shop(environment="shared")
    site.project.config(keep_releases=2)
    for version in ("1", "2", "2 ", "3"):
        site.commit({"requirements.txt": f"tea=={version}\n"})
        site.deploy().ok()
    used = {(site.host().release(name) / ".venv").readlink().name for name in site.host().releases}
    assert {path.name for path in (site.host().shared / "venvs").iterdir()} == used
    assert len(used) == 2
