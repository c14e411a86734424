"""Without Ruby, plain lines are read as text, and everything else is reported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from capdoit.capistrano.project import CapistranoStage
from capdoit.capistrano.ruby_literals import NotLiteralError, read_arguments
from capdoit.capistrano.text_reader import read_stage_as_text


@pytest.mark.parametrize(
    ("text", "plain", "named"),
    [
        (' :application, "shop"', ["application", "shop"], {}),
        ("(:keep_releases, 5)", ["keep_releases", 5], {}),
        (" :linked_dirs, %w[log tmp/pids]", ["linked_dirs", ["log", "tmp/pids"]], {}),
        (" :linked_dirs, ['log', \"tmp\",\n  :pids]", ["linked_dirs", ["log", "tmp", "pids"]], {}),
        (' :env, { "A" => "b", c: true }', ["env", {"A": "b", "c": True}], {}),
        (' "web1", user: "ann", roles: %w(app web), primary: true', ["web1"],
         {"user": "ann", "roles": ["app", "web"], "primary": True}),
        (" 'web1', :roles => [:app], ssh_options: { keys: %w[a], forward_agent: false }", ["web1"],
         {"roles": ["app"], "ssh_options": {"keys": ["a"], "forward_agent": False}}),
        (" :pty, nil", ["pty", None], {}),
    ],
)  # fmt: skip
def test_literals_are_read(text: str, plain: list[Any], named: dict[str, Any]) -> None:
    assert read_arguments(text) == (plain, named)


@pytest.mark.parametrize(
    "text",
    [' :a, "x#{y}"', " :a, ENV['B']", " :a, -> { 1 }", " :a, `id`", " :a, fetch(:b)", " :a, [1, b]", " :a, 'x' + 'y'"],
)
def test_code_is_not_a_literal(text: str) -> None:
    with pytest.raises(NotLiteralError):
        read_arguments(text)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config/deploy").mkdir(parents=True)
    (tmp_path / "Capfile").write_text('require "capistrano/setup"\nrequire "capistrano/rails"\nlock "~> 3.17"\n')
    (tmp_path / "config/deploy/production.rb").write_text("")
    return tmp_path


def read(folder: Path, deploy: str, stage: str = "") -> CapistranoStage:
    (folder / "config/deploy.rb").write_text(deploy)
    (folder / "config/deploy/production.rb").write_text(stage)
    return read_stage_as_text(folder, "production")


def unread(stage: CapistranoStage) -> list[str]:
    return [str(place) for place, _ in stage.unread]


def test_plain_settings_are_read_and_computed_ones_are_reported(folder: Path) -> None:
    deploy = """
# A comment, with set :not, "this"
set :application, "shop" # and a remark
set :linked_files, %w[
  config/database.yml
  config/master.key
]
append :linked_dirs, "log",
       "tmp"
append :linked_dirs, "vendor"
remove :linked_dirs, "tmp"
set :branch, ENV["BRANCH"] || "main"
ask :user, "ann"
set :color, "#ffffff"
"""
    found = read(folder, deploy)
    assert {name: setting.value for name, setting in found.settings.items() if not setting.error} == {
        "application": "shop",
        "linked_files": ["config/database.yml", "config/master.key"],
        "linked_dirs": ["log", "vendor"],
        "user": "ann",
        "color": "#ffffff",
    }
    assert str(found.settings["linked_files"].place) == "config/deploy.rb:4"
    assert found.settings["user"].is_question
    assert str(found.settings["branch"].place) == "config/deploy.rb:12"
    assert found.settings["branch"].error
    assert unread(found) == []
    assert "capistrano/rails/assets" in found.features


def test_servers_and_roles_are_read(folder: Path) -> None:
    stage = """
server "ann@web1.example.com:2222", roles: %w[app], primary: true
role :web, %w[web1.example.com:2222 web2.example.com], user: "bob"
server "db.example.com", port: 22, roles: :db, password: "hush"
server address, roles: :app
"""
    found = read(folder, "", stage)
    assert [(one.hostname, one.user, one.port, one.roles) for one in found.servers] == [
        ("web1.example.com", "bob", 2222, ("app", "web")),
        ("web2.example.com", "bob", None, ("web",)),
        ("db.example.com", "", 22, ("db",)),
    ]
    assert found.servers[0].properties == {"primary": True}
    assert found.servers[2].has_password
    assert unread(found) == ["config/deploy/production.rb:5"]


def test_blocks_are_reported_once_and_their_lines_are_not_read(folder: Path) -> None:
    deploy = """
namespace :deploy do
  task :restart do
    set :application, "inside"
  end
end
if ENV["X"]
  set :application, "inside"
end
set :application, "shop"
"""
    found = read(folder, deploy)
    assert found.settings["application"].value == "shop"
    assert unread(found) == ["config/deploy.rb:2", "config/deploy.rb:7"]
