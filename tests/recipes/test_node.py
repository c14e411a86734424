"""The recipe node: modules are installed from the lock file and the release is built before the publish."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.support import further

# An npm, pnpm and yarn that needs no registry: it makes a package tea, with a launcher that says where it is, as
# pnpm's do; and a script is a file of its name.
MANAGER = """
install() {
    rm -rf node_modules
    for folder in . packages/*/; do
        [ -d "$folder" ] || continue
        mkdir -p "$folder/node_modules/tea/src" "$folder/node_modules/.bin" "$folder/node_modules/.cache/babel"
        cat *lock* *wrap.json 2>/dev/null >"$folder/node_modules/tea/src/tea.js"
        echo {} >"$folder/node_modules/.package-lock.json"
        ln -s ../tea/src/tea.js "$folder/node_modules/.bin/tea"
        echo "exec node $(pwd)/node_modules/tea/src/tea.js" >"$folder/node_modules/.bin/brew"
        echo faster >"$folder/node_modules/.cache/babel/tea.json"
    done
    if [ -f schema.txt ]; then mkdir node_modules/.gen && cp schema.txt node_modules/.gen/; fi
    if grep -q "no such tea" *lock*; then echo "404 no such tea"; exit 3; fi
}
case $1 in
    --version) echo 10.0.0 ;;
    ci | install) install ;;
    run) if [ -f "$2.sh" ]; then NAME=$2 sh -eu "./$2.sh"; fi ;;
    prune | workspaces) rm -rf node_modules/tea/src ;;
esac
"""
BUILT = 'mkdir -p dist\necho "built by $NAME with ${NODE_ENV:-nothing}" >dist/"$NAME"\n'
PACKAGE = {"name": "shop", "version": "1.0.0"}
BUILDS = {**PACKAGE, "scripts": {"build": "webpack", "lint:css": "stylelint"}}
LOCK = "package-lock.json"
QUIET = ("--no-audit", "--no-fund")
Shop = Callable[..., Any]


@pytest.fixture
def shop(stage: Any) -> Shop:
    """Return a function that makes a stage with a package."""

    def make(hosts: int = 1, files: dict[str, Any] | None = None, settings: Any = None, **options: Any) -> Any:
        code = {"package.json": json.dumps(PACKAGE), LOCK: "tea 1\n", **(files or {})}
        code = {name: text for name, text in code.items() if text is not None}
        made = stage(hosts=hosts, recipes={"node": options}, files=code, **(settings or {}))
        made.stand_in("node", answer="v20.0.0\n")
        for manager in ("npm", "pnpm", "yarn"):
            made.stand_in(manager, script=MANAGER)
        return made

    return make


def package(**more: Any) -> dict[str, str]:
    return {"package.json": json.dumps({**PACKAGE, **more})}


def builds(text: str = BUILT) -> dict[str, str]:
    return {"package.json": json.dumps(BUILDS), "build.sh": text}


def done(site: Any, manager: str = "npm") -> list[tuple[str, ...]]:
    """Return the commands that the package manager got, in order."""
    return [call.argv for call in site.calls(manager) if call.argv != ("--version",)]


def live(site: Any, host: str = "web1") -> Path:
    release: Path = site.host(host).release(site.live)
    return release


def installs(site: Any) -> int:
    return sum(argv[0] in ("ci", "install") for name in ("npm", "pnpm", "yarn") for argv in done(site, name))


def tea(release: Path, folder: str = ".") -> str:
    return (release / folder / "node_modules/tea/src/tea.js").read_text()


def inode(release: Path, path: str, folder: str = ".") -> int:
    return (release / folder / "node_modules" / path).stat().st_ino


# -- installing


def test_modules_are_installed_before_the_publish(shop: Shop) -> None:
    site = shop(2)
    site.project.dodo((site.project.path / "dodo.py").read_text() + dedent("""
        @cap.after('updated')
        def use(host, release):
            host.run('grep tea node_modules/tea/src/tea.js', cwd=release.path)
        """))  # fmt: skip
    said = site.deploy().ok().out

    assert said.count("| tea 1\n") == 2
    calls = [call for call in site.calls("npm") if call.argv[0] == "ci"]
    assert [call.argv for call in calls] == [("ci", *QUIET, "--omit=dev")] * 2
    assert sorted(call.cwd for call in calls) == [str(live(site, name).resolve()) for name in ("web1", "web2")]
    site.assert_healthy()


PNPM = {LOCK: None, "pnpm-lock.yaml": "tea 1\n"}
YARN = {LOCK: None, "yarn.lock": "tea 1\n"}
FROZEN = ("install", "--frozen-lockfile", "--non-interactive")
BUILD = ("run", "build")


@pytest.mark.parametrize(
    ("manager", "files", "expected"),
    [
        ("npm", {}, ("ci", *QUIET, "--include=dev")),
        ("pnpm", PNPM, ("install", "--frozen-lockfile", "--prod=false")),
        *further(
            ("npm", {LOCK: None, "npm-shrinkwrap.json": "tea 1\n"}, ("ci", *QUIET, "--include=dev")),
            ("yarn", YARN, (*FROZEN, "--production=false")),
            ("yarn", YARN | package(**BUILDS, packageManager="yarn@1.22.22"), (*FROZEN, "--production=false")),
            ("yarn", YARN | package(**BUILDS, packageManager="yarn@4.5.0+sha224.1"), ("install", "--immutable")),
            ("yarn", YARN | {".yarnrc.yml": "nodeLinker: node-modules\n"}, ("install", "--immutable")),
        ),
    ],
)
def test_the_lock_file_chooses_the_package_manager(
    shop: Shop, manager: str, files: dict[str, Any], expected: tuple[str, ...]
) -> None:
    site = shop(files={**builds(), **files})
    site.deploy().ok()
    assert done(site, manager) == [expected, BUILD]
    assert tea(live(site)) == "tea 1\n"
    assert sum(bool(done(site, name)) for name in ("npm", "pnpm", "yarn")) == 1


@pytest.mark.extended("recipe")
def test_an_option_chooses_between_two_package_managers(shop: Shop) -> None:
    site = shop(files={"yarn.lock": "tea 2\n"}, manager="yarn")
    site.deploy().ok()
    assert done(site, "yarn") == [(*FROZEN, "--production=true")]
    assert done(site, "npm") == []


@pytest.mark.extended("recipe")
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"dev_dependencies": "omit"}, [("ci", *QUIET, "--omit=dev"), BUILD]),
        ({"dev_dependencies": "prune"}, [("ci", *QUIET, "--include=dev"), BUILD, ("prune", "--omit=dev", *QUIET)]),
        ({"dev_dependencies": "prune", "build": []}, [("ci", *QUIET, "--omit=dev")]),
    ],
)
def test_dev_dependencies_are_kept_pruned_or_never_installed(
    shop: Shop, options: dict[str, Any], expected: list[tuple[str, ...]]
) -> None:
    site = shop(files=builds(), **options)
    site.deploy().ok()
    assert done(site) == expected


@pytest.mark.extended("recipe")
@pytest.mark.parametrize("how", ["omit", "prune"])
def test_yarn_2_prunes_dev_dependencies(shop: Shop, how: str) -> None:
    site = shop(files={**YARN, ".yarnrc.yml": ""}, dev_dependencies=how)
    site.deploy().ok()
    assert done(site, "yarn") == [("install", "--immutable"), ("workspaces", "focus", "--all", "--production")]


NO_LOCK = "there is no package-lock.json or npm-shrinkwrap.json or pnpm-lock.yaml or yarn.lock; commit one"


@pytest.mark.parametrize(
    ("files", "options", "complaint"),
    [
        ({LOCK: None}, {}, NO_LOCK),
        *further(
            ({"yarn.lock": ""}, {}, "there are package-lock.json (npm) and yarn.lock (yarn); set the option manager"),
            ({}, {"manager": "pnpm"}, "there is no pnpm-lock.yaml; commit one"),
            ({"package.json": None}, {}, "there is no package.json; set the option directory"),
            ({"package.json": "{,}"}, {}, "package.json is not valid JSON: Expecting property name"),
            ({"package.json": "[]"}, {}, "package.json is not a JSON object"),
            ({}, {"build": "bulid"}, "package.json has no script bulid (it has none); see the option build"),
            (builds(), {"build": ["build", "test"]}, "has no script test (it has build, lint:css)"),
            ({}, {"directory": "frontend"}, "frontend is not in the release; set the option directory"),
            ({"frontend/a.txt": ""}, {"directory": "frontend"}, "frontend: there is no package.json"),
        ),
    ],
)
def test_an_unclear_package_fails_before_the_installation(
    shop: Shop, files: dict[str, Any], options: dict[str, Any], complaint: str
) -> None:
    site = shop(2, **options)
    site.commit({"app.txt": "", **files})
    said = site.deploy().failed().out
    assert complaint in said
    assert "find_code_files" not in said, "the script itself is nothing to show"
    assert installs(site) == 0
    assert site.live is None
    assert site.host("web1").releases == site.host("web2").releases == []


def test_a_failing_installation_fails_the_deploy_with_the_message_of_the_manager(shop: Shop) -> None:
    site = shop(2)
    site.deploy().ok()
    first = site.live
    site.commit({LOCK: "no such tea\n"})
    said = site.deploy().failed().out

    assert "the modules could not be installed: exit status 3" in said
    assert "404 no such tea" in said
    assert "find_code_files" not in said, "the script itself is nothing to show"
    assert site.live == first
    assert site.host("web1").releases == site.host("web2").releases == [first]
    site.commit({LOCK: "tea 2\n"})
    site.deploy().ok()
    assert tea(live(site, "web2")) == "tea 2\n"


@pytest.mark.extended("recipe")
@pytest.mark.parametrize("program", ["node", "pnpm"])
def test_a_host_without_the_programs_fails_with_a_message(
    stage: Any, tmp_path: Path, monkeypatch: Any, program: str
) -> None:
    for folder in os.environ["PATH"].split(os.pathsep):
        for one in Path(folder).iterdir() if Path(folder).is_dir() else ():
            link = tmp_path / "bin" / one.name
            link.parent.mkdir(exist_ok=True)
            if one.name not in ("node", "pnpm") and not link.is_symlink():
                link.symlink_to(one)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    site = stage(hosts=1, recipes={"node": {}}, files=package() | {"pnpm-lock.yaml": ""})
    site.stand_in({"node": "pnpm", "pnpm": "node"}[program])
    assert f"{program} is not on the PATH; set another one in deploy.yml: default_env" in site.deploy().failed().out


# -- building


@pytest.mark.extended("recipe")
def test_a_build_has_node_env_production_unless_set(shop: Shop) -> None:
    site = shop(files=builds())
    site.deploy().ok()
    assert (live(site) / "dist/build").read_text() == "built by build with production\n"
    site.project.hosts["web1"]["default_env"]["NODE_ENV"] = "staging"
    site.project.config(recipes={"node": {}})
    site.commit({"app.txt": "second\n"})
    site.deploy().ok()
    assert (live(site) / "dist/build").read_text() == "built by build with staging\n"


@pytest.mark.extended("recipe")
@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (["lint:css", "build"], [("run", "lint:css"), BUILD]),
        ("lint:css", [("run", "lint:css")]),
        ([], []),
    ],
)
def test_the_option_build_chooses_the_scripts(shop: Shop, said: Any, expected: list[tuple[str, ...]]) -> None:
    site = shop(files=builds(), build=said)
    site.deploy().ok()
    assert done(site)[1:] == expected


@pytest.mark.extended("recipe")
def test_a_failing_build_fails_the_deploy_with_its_message(shop: Shop) -> None:
    site = shop(2, builds())
    site.deploy().ok()
    first = site.live
    site.commit({"build.sh": "echo Module not found: coffee\nexit 4\n"})
    said = site.deploy().failed().out
    assert "the build failed: exit status 4" in said
    assert "Module not found: coffee" in said
    assert site.live == first
    assert site.host("web1").releases == [first]


# -- modules that are there


@pytest.mark.extended("recipe")
def test_unchanged_modules_are_hard_linked_and_independent(shop: Shop) -> None:
    site = shop(files=builds())
    site.deploy().ok()
    first = live(site)
    site.commit({"app.txt": "second\n"})
    said = site.deploy().ok().out
    second = live(site)

    assert installs(site) == 1
    assert f"./node_modules: nothing changed since release {first.name}, linked from there" in said
    assert inode(second, "tea/src/tea.js") == inode(first, "tea/src/tea.js")
    assert inode(second, ".package-lock.json") != inode(first, ".package-lock.json"), "npm writes into it"
    assert not (second / "node_modules/.cache").exists()
    assert (second / "node_modules/.bin/brew").read_text() == f"exec node {second}/node_modules/tea/src/tea.js\n"
    assert (first / "node_modules/.bin/brew").read_text() == f"exec node {first}/node_modules/tea/src/tea.js\n"
    shutil.rmtree(first)
    assert (second / "node_modules/.bin/tea").read_text() == "tea 1\n"

    site.commit({"app.txt": "third\n"})
    assert f"since release {second.name}, linked from there" in site.deploy().ok().out
    site.assert_healthy()


@pytest.mark.extended("recipe")
def test_modules_are_linked_from_an_older_release_when_the_live_one_differs(shop: Shop) -> None:
    site = shop()
    site.deploy().ok()
    first = live(site)
    site.commit({LOCK: "tea 2\n"})
    site.deploy().ok()
    assert tea(live(site)) == "tea 2\n"
    site.commit({LOCK: "tea 1\n"})
    site.deploy().ok()
    assert inode(live(site), "tea/src/tea.js") == inode(first, "tea/src/tea.js")
    assert installs(site) == 2


@pytest.mark.extended("recipe")
def test_modules_of_workspaces_are_hard_linked(shop: Shop) -> None:
    site = shop(files={"packages/ui kit/package.json": '{"name": "ui"}'})
    site.deploy().ok()
    first = live(site)
    site.commit({"app.txt": "second\n"})
    site.deploy().ok()
    assert installs(site) == 1
    assert inode(live(site), "tea/src/tea.js", "packages/ui kit") == inode(first, "tea/src/tea.js", "packages/ui kit")


@pytest.mark.extended("recipe")
def test_a_host_without_hard_links_gets_a_copy(shop: Shop) -> None:
    site = shop()
    cp = shutil.which("cp")
    site.stand_in("cp", script=f'case $1 in -al) {cp} -a "$2" "$3"; rm -r "$3/tea"; exit 1 ;; esac; exec {cp} "$@"')
    site.deploy().ok()
    first = live(site)
    site.commit({"app.txt": "second\n"})
    site.deploy().ok()
    assert installs(site) == 1
    assert tea(live(site)) == "tea 1\n"
    assert inode(live(site), "tea/src/tea.js") != inode(first, "tea/src/tea.js")
    site.commit({"app.txt": "third\n"})
    site.deploy().ok()
    assert installs(site) == 1


@pytest.mark.extended("recipe")
@pytest.mark.parametrize("shell", ["bash --posix", "busybox ash"])
def test_every_shell_links_and_builds(shop: Shop, shell: str) -> None:
    site = shop(files=builds())
    site.stand_in("sh", script=f'exec {shell} "$@"')
    for name in ("find", "cp", "stat", "sha256sum", "awk", "sort", "grep", "sed") if "busybox" in shell else ():
        site.stand_in(name, script=f'exec busybox {name} "$@"')
    site.deploy().ok()
    first = live(site)
    site.commit({"app.txt": "second\n"})
    site.deploy().ok()
    second = live(site)
    assert inode(second, "tea/src/tea.js") == inode(first, "tea/src/tea.js")
    assert (second / "node_modules/.bin/brew").read_text() == f"exec node {second}/node_modules/tea/src/tea.js\n"
    assert (second / "dist/build").read_text() == "built by build with production\n"
    site.commit({LOCK: "tea 2\n"})
    site.deploy().ok()
    assert tea(live(site)) == "tea 2\n"


@pytest.mark.parametrize(
    "changed",
    [
        {LOCK: "tea 2\n"},
        *further(
            package(version="2.0.0"),
            {".npmrc": "ignore-scripts=true\n"},
            {"packages/ui/package.json": "{}"},
            {"node": "v22.0.0\n"},
            {"npm": "11.0.0\n"},
            {"dev_dependencies": "omit"},
        ),
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_changed_dependencies_are_installed(shop: Shop, changed: dict[str, str]) -> None:
    site = shop(files={"package.json": json.dumps(BUILDS)})
    site.deploy().ok()
    name, value = next(iter(changed.items()))
    site.commit({"app.txt": "second\n", **(changed if "." in name else {})})
    if name == "node":
        site.stand_in("node", answer=value)
    elif name == "npm":
        site.stand_in("npm", script=MANAGER.replace("echo 10.0.0", f"echo {value}"))
    elif name == "dev_dependencies":
        site.project.config(recipes={"node": changed})
    site.deploy().ok()
    assert installs(site) == 2


@pytest.mark.extended("recipe")
@pytest.mark.parametrize(
    "damage",
    [
        "echo sugar >node_modules/tea/src/tea.js",
        "mkdir node_modules/sugar && echo sugar >node_modules/sugar/index.js",
        "rm -r node_modules/tea",
        "rm -r node_modules",
        "rm node_modules/.capdoit",
        ": >node_modules/.capdoit",
    ],
)
def test_modified_modules_are_not_linked(shop: Shop, damage: str) -> None:
    site = shop()
    site.deploy().ok()
    subprocess.run(damage, shell=True, cwd=live(site), check=True)  # noqa: S602 - the test's own words
    site.commit({"app.txt": "second\n"})
    site.deploy().ok()
    assert installs(site) == 2
    assert tea(live(site)) == "tea 1\n"


@pytest.mark.extended("recipe")
def test_pruned_modules_are_not_linked(shop: Shop) -> None:
    site = shop(files=builds(), dev_dependencies="prune")
    site.deploy().ok()
    site.commit({"app.txt": "second\n"})
    site.deploy().ok()
    assert installs(site) == 2


@pytest.mark.extended("recipe")
@pytest.mark.parametrize(
    ("files", "times"),
    [
        (package(scripts={"postinstall": "patch-package"}), 2),
        (package(scripts={"prepare": "npm run compile"}), 2),
        (package(scripts={"prepare": "husky"}), 1),
        (package(scripts=None, dependencies=[]), 1),
        (package(dependencies={"lib": "file:./lib"}), 2),
        (package(devDependencies={"lib": "../lib"}), 2),
        (package(dependencies={"cup": "~1.2.3", "milk": "github:acme/milk"}), 1),
        ({"packages/ui/package.json": json.dumps({"scripts": {"install": "node-gyp rebuild"}})}, 2),
        ({"packages/ui/package.json": "{{ name }}"}, 2),
        ({**YARN, ".yarnrc.yml": ""}, 2),
    ],
)
def test_modules_that_depend_on_the_code_are_installed_in_each_deploy(
    shop: Shop, files: dict[str, Any], times: int
) -> None:
    site = shop()
    site.commit(files)
    site.deploy().ok()
    site.commit({"app.txt": "second\n"})
    site.deploy().ok()
    assert installs(site) == times


WRITES = "echo compiled >>node_modules/tea/src/tea.js\n"


@pytest.mark.extended("recipe")
def test_after_a_build_that_writes_into_packages_they_are_installed_in_each_deploy(shop: Shop) -> None:
    site = shop(files=builds(WRITES))
    site.deploy().ok()
    first = live(site)
    site.commit({"app.txt": "second\n"})
    site.deploy().ok()
    assert installs(site) == 2
    assert tea(first) == tea(live(site)) == "tea 1\ncompiled\n"


@pytest.mark.extended("recipe")
@pytest.mark.parametrize("status", [0, *further(4)])
def test_a_build_that_writes_into_packages_of_another_release_is_refused(shop: Shop, status: int) -> None:
    site = shop(files=builds())
    site.deploy().ok()
    first = site.live
    site.commit({"build.sh": f"{WRITES}exit {status}\n"})
    said = site.deploy().failed().out
    assert f"the build wrote into packages that release {first} shares" in said
    assert site.live == first
    site.commit({"build.sh": WRITES})
    site.deploy().ok()
    assert installs(site) == 2
    assert tea(live(site)) == "tea 1\ncompiled\n"


@pytest.mark.extended("recipe")
def test_changes_by_others_are_not_attributed_to_the_build(shop: Shop) -> None:
    site = shop(files=builds())
    site.deploy().ok()
    first = live(site)
    site.commit({"app.txt": "second\n"})
    site.deploy().ok()
    (first / "node_modules/tea/src/milk.js").write_text("")
    site.doit("run", "-s", "deploy:production:node.build").ok()


@pytest.mark.extended("recipe")
def test_modules_that_a_build_ships_are_not_shared(shop: Shop) -> None:
    ships = "mkdir -p dist/node_modules/cup .next/node_modules && date >dist/node_modules/cup/index.js\n"
    site = shop(files={**builds(ships), ".github/package.json": "{{ name }}"})
    site.deploy().ok()
    site.commit({"build.sh": BUILT})
    site.deploy().ok()
    assert installs(site) == 1
    assert not (live(site) / "dist/node_modules").exists()
    assert not (live(site) / ".next").exists()


@pytest.mark.extended("recipe")
def test_a_build_may_write_caches_in_node_modules(shop: Shop) -> None:
    keeps = "cd node_modules && mkdir -p .vite .prisma && date >.vite/x && echo {} >.prisma/x\n"
    site = shop(files=builds(keeps))
    site.deploy().ok()
    first = live(site)
    site.commit({"build.sh": BUILT})
    site.deploy().ok()
    second = live(site)
    assert installs(site) == 1
    assert not (second / "node_modules/.vite").exists()
    assert (second / "node_modules/.prisma/x").read_text() == "{}\n"
    assert inode(second, ".prisma/x") != inode(first, ".prisma/x")


@pytest.mark.extended("recipe")
def test_packages_that_generate_code_are_not_shared(shop: Shop) -> None:
    site = shop(files={"schema.txt": "first"})
    site.deploy().ok()
    site.commit({"schema.txt": "second"})
    site.deploy().ok()
    assert (live(site) / "node_modules/.gen/schema.txt").read_text() == "second"
    assert installs(site) == 2


@pytest.mark.extended("recipe")
def test_run_alone_on_the_live_release_nothing_is_installed(shop: Shop) -> None:
    site = shop()
    site.deploy().ok()
    said = site.doit("run", "-s", "deploy:production:node.install").ok().out
    assert "./node_modules: nothing changed\n" in said
    assert installs(site) == 1


@pytest.mark.extended("recipe")
def test_a_package_without_modules_deploys(shop: Shop) -> None:
    site = shop()
    site.stand_in("npm", answer="10\n")
    site.deploy().ok()
    site.commit({"app.txt": "second\n"})
    site.deploy().ok()
    assert not (live(site) / "node_modules").exists()


# -- where


@pytest.mark.extended("recipe")
def test_a_package_can_be_in_a_directory_with_an_odd_name(shop: Shop) -> None:
    place = "web/it's a [shop]"
    files = {f"{place}/{name}": text for name, text in {**builds(), LOCK: "tea 1\n"}.items()}
    site = shop(files={**files, "package.json": None, LOCK: None}, directory=place)
    site.deploy().ok()
    first = live(site)
    site.commit({"app.txt": "second\n"})
    site.deploy().ok()
    second = live(site)
    assert installs(site) == 1
    assert tea(second, place) == "tea 1\n"
    assert inode(second, "tea/src/tea.js", place) == inode(first, "tea/src/tea.js", place)
    assert (second / place / "node_modules/.bin/brew").read_text().count(f"releases/{second.name}/web") == 1
    assert (second / place / "dist/build").exists()
    assert not (second / "node_modules").exists()


@pytest.mark.extended("recipe")
@pytest.mark.parametrize("path", ["/srv", "..", "../shop", "web/../../shop", "./web", "web/"])
def test_a_directory_outside_the_release_is_refused_before_a_host_is_touched(shop: Shop, path: str) -> None:
    site = shop(directory=path)
    said = site.deploy().failed(3).out
    assert f"recipe node: directory must be a path in the release, not {path!r}" in said
    assert not site.host().deploy_to.exists()


@pytest.mark.extended("recipe")
@pytest.mark.parametrize(
    ("linked", "complaint"),
    [
        ("node_modules", "./node_modules is a symlink; remove it from linked_dirs"),
        ("frontend/packages/ui/node_modules", "./packages/ui/node_modules is a symlink; remove it from linked_dirs"),
        ("frontend", "frontend is outside the release; remove it from linked_dirs"),
    ],
)
def test_node_modules_shared_with_the_live_release_are_refused(shop: Shop, linked: str, complaint: str) -> None:
    directory = linked.partition("/")[0] if "frontend" in linked else "."
    files = {f"frontend/{name}": text for name, text in {**package(), LOCK: "tea 1\n"}.items()}
    site = shop(files=files, settings={"linked_dirs": [linked]}, directory=directory)
    assert complaint in site.deploy().failed().out
    assert installs(site) == 0
    assert site.live is None


@pytest.mark.extended("recipe")
def test_only_hosts_with_the_roles_get_modules(stage: Any) -> None:
    hosts = {"app1": {"roles": ["app"]}, "db1": {"roles": ["db"]}}
    site = stage(hosts=hosts, recipes={"node": {"roles": ["app"]}}, files={**builds(), LOCK: "tea 1\n"})
    site.stand_in("node")
    site.stand_in("npm", script=MANAGER)
    site.deploy().ok()
    assert {call.host for call in site.calls("npm")} == {"app1"}


# -- rolling back


def test_a_rollback_needs_neither_node_nor_a_registry(shop: Shop) -> None:
    site = shop(2, builds())
    site.deploy().ok()
    first = site.live
    site.commit({LOCK: "tea 2\n"})
    site.deploy().ok()
    before = len(site.calls("npm"))
    site.stand_in("node", status=1)
    site.stand_in("npm", status=1)
    site.rollback().ok()
    assert site.live == first
    assert len(site.calls("npm")) == before
    assert tea(live(site, "web2")) == "tea 1\n"
    assert (live(site) / "dist/build").exists()
    site.assert_healthy()
