"""The recipe runtime: the versions that a release asks for are selected for all hooks, by each version manager."""

from __future__ import annotations

import base64
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from capdoit.recipes import runtime
from capdoit.testing import Completed, Stages, StageUnderTest

SAY = """
@cap.after("published")
def say(host):
    host.run('ruby --version; printenv RBENV_VERSION', called="ruby")
"""
SELECTED = """
@cap.after("published")
def say(host):
    host.run('%s; echo "PATH has ${PATH%%%%:*}"; env | grep -E "^(%s)" | sort', called="program")
"""


def write_program(path: Path, answer: str) -> None:
    """Write a program of a version manager that prints something whatever its arguments are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{answer}'\n")
    path.chmod(0o755)


def install_rubies(root: Path, *versions: str) -> None:
    """Install rubies as rbenv does."""
    for version in versions:
        write_program(root / f"versions/{version}/bin/ruby", f"ruby {version}p0")


def ruby_stage(stage: Stages, root: Path, **options: Any) -> StageUnderTest:
    """Return a stage with one host, and a release that asks for ruby 3.2.2."""
    root.mkdir()
    runtime = {"managers": ["rbenv"], "directories": {"rbenv": str(root)}, **options}
    return stage(hosts=1, recipes={"runtime": runtime}, dodo=SAY, files={".ruby-version": "3.2.2\n"})


def output_of(done: Completed, task: str) -> list[str]:
    """Return the lines that web1 wrote in a task."""
    return re.findall(rf"^\d+:\d+ \S+:{re.escape(task)}  web1 \| (.*)$", done.out, re.MULTILINE)


def test_each_flow_uses_the_version_of_its_release(stage: Stages, tmp_path: Path) -> None:
    shop = ruby_stage(stage, tmp_path / "rbenv")
    install_rubies(tmp_path / "rbenv", "3.2.2", "3.3.0")
    first = shop.deploy().ok()
    assert output_of(first, "say") == ["ruby 3.2.2p0", "3.2.2"]
    assert output_of(first, "runtime.check") == [f"{tmp_path}/rbenv/versions/3.2.2/bin/ruby: ruby 3.2.2p0"]
    shop.commit({".ruby-version": "ruby-3.3.0\n"})
    assert output_of(shop.deploy().ok(), "say") == ["ruby 3.3.0p0", "3.3.0"]
    assert output_of(shop.rollback().ok(), "say") == ["ruby 3.2.2p0", "3.2.2"]
    shop.assert_healthy()


def test_a_version_that_is_not_installed_stops_the_deploy_with_the_command_that_installs_it(
    stage: Stages, tmp_path: Path
) -> None:
    shop = ruby_stage(stage, tmp_path / "rbenv")
    install_rubies(tmp_path / "rbenv", "3.2.2")
    shop.deploy().ok()
    live = shop.live
    shop.commit({".ruby-version": "3.4.1 # next\n"})
    done = shop.deploy().failed()
    assert "ruby 3.4.1 (.ruby-version) is not installed (rbenv). Install it:" in done.out
    assert f"doit cap exec 'RBENV_ROOT={tmp_path}/rbenv rbenv install 3.4.1' production" in done.out
    assert "runtime.check failed" in done.out
    assert shop.live == live
    shop.assert_healthy()


@pytest.mark.extended("recipe")
def test_a_rollback_to_a_version_that_was_removed_is_refused_before_the_publish(stage: Stages, tmp_path: Path) -> None:
    shop = ruby_stage(stage, tmp_path / "rbenv")
    install_rubies(tmp_path / "rbenv", "3.2.2", "3.3.0")
    shop.deploy().ok()
    shop.commit({".ruby-version": "3.3.0\n"})
    shop.deploy().ok()
    live = shop.live
    (tmp_path / "rbenv/versions/3.2.2").rename(tmp_path / "removed")
    assert "ruby 3.2.2 (.ruby-version) is not installed" in shop.rollback().failed().out
    assert shop.live == live
    shop.assert_healthy()


@pytest.mark.extended("recipe")
def test_a_broken_interpreter_stops_the_deploy(stage: Stages, tmp_path: Path) -> None:
    shop = ruby_stage(stage, tmp_path / "rbenv")
    install_rubies(tmp_path / "rbenv", "3.2.2")
    (tmp_path / "rbenv/versions/3.2.2/bin/ruby").write_text("#!/bin/sh\necho 'libyaml: not found' >&2; exit 127\n")
    assert "libyaml: not found" in shop.deploy().failed().out
    assert shop.live is None


@pytest.mark.extended("recipe")
def test_a_manager_that_is_not_there_and_a_release_without_versions_are_named(stage: Stages, tmp_path: Path) -> None:
    shop = stage(hosts=1, recipes={"runtime": {"managers": ["rbenv"], "directories": {"rbenv": "/no/rbenv"}}})
    done = shop.deploy().failed()
    assert "rbenv is not installed: there is no /no/rbenv" in done.out
    assert "recipe runtime needs it" in done.out
    shop = ruby_stage(stage, tmp_path / "rbenv")
    shop.commit({".ruby-version": None, "app.txt": "one\n"})
    assert "has no .ruby-version, and no .tool-versions for it" in shop.deploy().failed().out


@pytest.mark.extended("recipe")
def test_the_option_and_tool_versions_choose_the_version(stage: Stages, tmp_path: Path) -> None:
    shop = ruby_stage(stage, tmp_path / "rbenv", versions={"ruby": "3.3.0"}, directory="api")
    install_rubies(tmp_path / "rbenv", "3.2.2", "3.3.0")
    assert output_of(shop.deploy().ok(), "say") == ["ruby 3.3.0p0", "3.3.0"]
    runtime = shop.project.settings["recipes"]["runtime"]
    shop.project.config(recipes={"runtime": {**runtime, "versions": {}}})
    shop.commit({"api/.tool-versions": "nodejs 20.1.0\r\nruby 3.2.2 # old\r\n"})
    assert output_of(shop.deploy().ok(), "say") == ["ruby 3.2.2p0", "3.2.2"]


CHRUBY_RUBY = '#!/bin/sh\ncase $1 in -e) printf "ruby\\n3.2.2\\n/gems\\n" ;; *) echo "ruby 3.2.2p0" ;; esac\n'
RVM = "export PATH=\"{0}/gems/{1}/bin:{0}/rubies/ruby-3.2.2/bin:$PATH\"\nexport GEM_HOME='{0}/gems/{1}'\nunset IRBRC\n"


# Manager, files of the release, programs and files of the manager with their content, and what hooks then have.
@pytest.mark.extended("recipe")
@pytest.mark.parametrize(
    ("manager", "release", "installed", "program", "expected"),
    [
        (
            "pyenv",
            {".python-version": "# production\n3.12\n"},
            {"versions/3.12.9/bin/python": "Python 3.12.9", "versions/3.12.10/bin/python": "Python 3.12.10"},
            "python",
            ["Python 3.12.10", "PATH has {root}/versions/3.12.10/bin", "PYENV_ROOT={root}", "PYENV_VERSION=3.12.10"],
        ),
        (
            "chruby",
            {".ruby-version": "3.2"},
            {"ruby-3.2.2/bin/ruby": CHRUBY_RUBY},
            "ruby",
            ["ruby 3.2.2p0", "RUBY_ENGINE=ruby", "RUBY_ROOT={root}/ruby-3.2.2", "RUBY_VERSION=3.2.2"],
        ),
        (
            "rvm",
            {".ruby-version": "3.2@shop\n"},
            {"rubies/ruby-3.2.2/bin/ruby": "ruby 3.2.2p0", "environments/ruby-3.2.2@shop": RVM},
            "ruby",
            ["ruby 3.2.2p0", "PATH has {root}/gems/ruby-3.2.2@shop/bin", "GEM_HOME={root}/gems/ruby-3.2.2@shop"],
        ),
        (
            "rvm",
            {".ruby-version": "ruby-3.2.2", ".ruby-gemset": "shop\n"},
            {"rubies/ruby-3.2.2/bin/ruby": "ruby 3.2.2p0", "environments/ruby-3.2.2@shop": RVM},
            "ruby",
            ["ruby 3.2.2p0", "PATH has {root}/gems/ruby-3.2.2@shop/bin", "GEM_HOME={root}/gems/ruby-3.2.2@shop"],
        ),
        (
            "fnm",
            {".node-version": "v20\n"},
            {
                "node-versions/v20.9.0/installation/bin/node": "v20.9.0",
                "node-versions/v20.11.1/installation/bin/node": "v20.11.1",
                "node-versions/v2.0.0/installation/bin/node": "v2.0.0",
            },
            "node",
            ["v20.11.1", "PATH has {root}/node-versions/v20.11.1/installation/bin", "FNM_DIR={root}"],
        ),
        (
            "fnm",
            {".nvmrc": "lts/Iron\n"},
            {"aliases/lts-iron/bin/node": "v20.11.1"},
            "node",
            ["v20.11.1", "PATH has {root}/aliases/lts-iron/bin", "FNM_DIR={root}"],
        ),
        (
            "asdf",
            {".tool-versions": "ruby 3.2.2\nnodejs ref:v1-x\npython system\n"},
            {
                "installs/ruby/3.2.2/bin/ruby": "not called",
                "installs/nodejs/ref-v1-x/bin/node": "not called",
                "shims/ruby": "ruby of asdf",
            },
            "ruby",
            [
                "ruby of asdf",
                "PATH has {root}/shims",
                "ASDF_DATA_DIR={root}",
                "ASDF_NODEJS_VERSION=ref:v1-x",
                "ASDF_PYTHON_VERSION=system",
                "ASDF_RUBY_VERSION=3.2.2",
            ],
        ),
    ],
)
def test_each_manager_selects_the_version(
    stage: Stages,
    tmp_path: Path,
    manager: str,
    release: Mapping[str, str],
    installed: Mapping[str, str],
    program: str,
    expected: list[str],
) -> None:
    root = tmp_path / manager
    for name, answer in installed.items():
        write_program(root / name, answer)
        if answer.startswith(("#!", "export")):
            (root / name).write_text(answer.replace("{0}", str(root)).replace("{1}", Path(name).name))
    variables = "[A-Z_]+_VERSION|[A-Z]+_ROOT|RUBY_ENGINE|GEM_HOME=.*rvm|FNM_DIR|ASDF_DATA_DIR"
    recipes = {"runtime": {"managers": [manager], "directories": {manager: str(root)}}}
    shop = stage(hosts=1, recipes=recipes, files=dict(release), dodo=SELECTED % (program, variables))
    done = shop.deploy().ok()
    found = [
        line for line in output_of(done, "say") if not (line.startswith(("GEM_ROOT", "PATH")) and manager == "chruby")
    ]
    assert found == [line.replace("{root}", str(root)) for line in expected]


@pytest.mark.extended("recipe")
@pytest.mark.parametrize(
    ("manager", "version", "command"),
    [
        ("pyenv", "3.9", "PYENV_ROOT={root} {root}/bin/pyenv install 3.9"),
        ("chruby", "jruby-9.4.5.0", "ruby-install --rubies-dir {root} jruby 9.4.5.0"),
        ("chruby", "3.2.2", "ruby-install --rubies-dir {root} ruby 3.2.2"),
        ("rvm", "3.2", "{root}/bin/rvm install ruby-3.2"),
        ("fnm", "20", "FNM_DIR={root} fnm install 20"),
        ("asdf", "3.2.2", "ASDF_DATA_DIR={root} {root}/bin/asdf install ruby 3.2.2"),
    ],
)
def test_each_manager_is_named_with_its_command(
    stage: Stages, tmp_path: Path, manager: str, version: str, command: str
) -> None:
    root = tmp_path / manager
    for program in ("pyenv", "rvm", "asdf"):
        write_program(root / f"bin/{program}", "not called")
    tool = {"pyenv": "python", "fnm": "node"}.get(manager, "ruby")
    options = {"managers": [manager], "directories": {manager: str(root)}, "versions": {tool: version}}
    shop = stage(hosts=1, recipes={"runtime": options})
    assert f"doit cap exec '{command.replace('{root}', str(root))}' production" in shop.deploy().failed().out
    assert shop.live is None


@pytest.mark.extended("recipe")
def test_managers_of_several_languages_work_together(stage: Stages, tmp_path: Path) -> None:
    install_rubies(tmp_path / "rbenv", "3.2.2")
    write_program(tmp_path / "fnm/node-versions/v20.1.0/installation/bin/node", "v20.1.0")
    directories = {name: str(tmp_path / name) for name in ("rbenv", "fnm")}
    options = {"managers": ["rbenv", "fnm"], "directories": directories, "versions": {"node": "20"}}
    shop = stage(hosts=1, recipes={"runtime": options}, files={".ruby-version": "3.2.2\n"})
    paths = [f"{tmp_path}/rbenv/versions/3.2.2/bin/ruby", f"{tmp_path}/fnm/node-versions/v20.1.0/installation/bin/node"]
    expected = [f"{paths[0]}: ruby 3.2.2p0", f"{paths[1]}: v20.1.0"]
    assert output_of(shop.deploy().ok(), "runtime.check") == expected


@pytest.mark.extended("recipe")
@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"managers": []}, "managers must name at least one of rbenv, rvm"),
        ({"managers": ["rbenf"]}, "unknown version manager rbenf; did you mean rbenv? (there are rbenv, rvm"),
        ({"managers": ["rbenv", "rvm"]}, "managers has rbenv and rvm, which both select ruby"),
        ({"managers": ["rbenv"], "directories": {"nvm": "/x"}}, "directories has nvm, which managers does not name"),
        ({"managers": ["rbenv"], "versions": {"node": "20"}}, "versions has node, which no manager of this recipe"),
        ({"managers": ["rbenv"], "directory": "../x"}, "directory must be a path in the release"),
    ],
)
def test_wrong_options_are_refused(stage: Stages, options: dict[str, Any], complaint: str) -> None:
    assert complaint in stage(recipes={"runtime": options}).deploy().failed(3).out


@pytest.mark.extended("recipe")
def test_the_usual_place_and_the_variable_of_the_host_are_found(stage: Stages, tmp_path: Path) -> None:
    shop = stage(hosts=1, recipes={"runtime": {"managers": ["rbenv"]}}, dodo=SAY, files={".ruby-version": "3.2.2\n"})
    home = Path(shop.project.path).parent / "home"
    install_rubies(home / ".rbenv", "3.2.2")
    assert output_of(shop.deploy().ok(), "runtime.check") == [f"{home}/.rbenv/versions/3.2.2/bin/ruby: ruby 3.2.2p0"]
    install_rubies(tmp_path / "other", "3.2.2")
    shop.project.hosts["web1"]["default_env"] |= {"RBENV_ROOT": f"{tmp_path}/other"}
    shop.project.config()
    assert output_of(shop.deploy().ok(), "runtime.check")[0].startswith(f"{tmp_path}/other/versions/")
    assert "RBENV_ROOT" not in os.environ


MISE = """#!/bin/sh
case "$*" in *' env '*) cat "$2/exports" ;; esac
"""
EXPORTS = """export PATH='/opt/node/bin:/usr/bin:/bin'
export RAILS_ENV='production'
export DATABASE_KEY='line one
k3y of line two'
"""


def test_the_values_of_mise_reach_hooks_and_are_masked_everywhere(stage: Stages, tmp_path: Path) -> None:
    program = tmp_path / "mise"
    program.write_text(MISE)
    program.chmod(0o755)
    say = """
@cap.after("published")
def say(host):
    host.run('echo "$RAILS_ENV"; echo "$DATABASE_KEY" | wc -l; echo "$DATABASE_KEY" | tail -n 1')
    host.run('exit 3')
"""
    recipes = {"runtime": {"managers": ["mise"], "directories": {"mise": str(tmp_path)}}}
    shop = stage(hosts=1, recipes=recipes, dodo=say, files={"exports": EXPORTS})
    done = shop.deploy().failed()
    assert output_of(done, "say") == ["production", "2", "***"]
    written = [path for path in (shop.project.path / "log").rglob("*") if path.is_file()]
    journals = [path for path in (shop.host().deploy_to / ".capdoit").rglob("*") if path.is_file()]
    assert written
    assert journals
    assert not [path for path in (*written, *journals) if b"k3y of" in path.read_bytes()]
    encoded = base64.b64encode(b"line one\nk3y of line two")
    assert not [path for path in written if encoded in path.read_bytes()]


PLACES_IN_SCRIPT = re.compile(
    r'find_root (?P<name>\w+) "\$1" (?P<words>.+)|for (?P<mise>mise) in \S+ \S+ (?P<rest>.+); do'
)
VARIABLES = ("RBENV_ROOT", "PYENV_ROOT", "rvm_path", "NVM_DIR", "XDG_CONFIG_HOME", "FNM_DIR", "XDG_DATA_HOME",
             "ASDF_DATA_DIR")  # fmt: skip


@pytest.mark.parametrize("manager", runtime.MANAGERS)
def test_a_deploy_looks_for_managers_where_the_script_looks(manager: str) -> None:
    found = (line.groupdict() for line in PLACES_IN_SCRIPT.finditer(runtime.SCRIPT))
    in_script = {one["name"] or one["mise"]: one["words"] or one["rest"] for one in found}
    usual = " ".join(f'"{place}"' for place in runtime.PLACES[manager])
    assert expand_places(in_script[manager]) == expand_places(usual)


def expand_places(words: str) -> set[str]:
    """Return the places that words of sh mean, with and without variables; those of an unset variable are no places."""
    command = f'mise() {{ :; }}; printf "%s\\n" {words}'
    places: set[str] = set()
    for variables in ({name: f"/{name}" for name in VARIABLES}, dict.fromkeys(VARIABLES, "")):
        env = {"HOME": "/home/deploy", **variables}
        done = subprocess.run(["sh", "-c", command], env=env, capture_output=True, text=True, check=True)
        places |= {*done.stdout.splitlines()}
    return places - {"", "/nvm", "/fnm"}
