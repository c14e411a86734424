"""The user's own Capistrano says what a project declares, and contacts no host."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from capdoit.capistrano.project import CapistranoStage
from capdoit.capistrano.ruby_reader import find_command, read_stage
from capdoit.errors import ConfigError
from tests.integration.capistrano.conversions import convert, write_project


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Yield a socket that is a host of the project; a connection to it would wait there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        yield server


def read(folder: Path, stage: str = "production") -> CapistranoStage:
    return read_stage(folder, ("cap",), stage)


def test_no_host_is_contacted_whatever_runs_while_a_stage_is_loaded(tmp_path: Path, listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    stage = f"""
server "127.0.0.1", port: {port}, user: "nobody", roles: %w[web]
set :uptime, -> {{ on(roles(:web)) {{ capture :uptime }} }}
set :by_hand, -> {{ Net::SSH.start("127.0.0.1", "nobody", port: {port}) {{ |ssh| ssh.exec!("uptime") }} }}
set :by_sshkit, -> {{ SSHKit::Coordinator.new(["127.0.0.1:{port}"]).each {{ execute :uptime }} }}
on(roles(:web)) {{ execute :touch, "/tmp/was-here" }}
"""
    rake = 'task(:look) { on(roles(:web)) { execute :uptime } }\nafter "production", "look"\n'
    found = read(write_project(tmp_path / "shop", rake, production=stage))
    with pytest.raises(BlockingIOError):
        listener.accept()
    assert [found.settings[name].error for name in ("uptime", "by_hand", "by_sshkit")] == [
        "CapdoitExport::NeedsHost: needs a host"
    ] * 3
    assert [str(place) for place in found.skipped] == ["config/deploy/production.rb:6", "Capfile:5"]
    assert found.failure == ""


def test_settings_have_their_values_errors_and_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_KEY", "k3y")
    monkeypatch.delenv("UNSET_KEY", raising=False)
    deploy = """
set :deploy_to, -> { "/srv/#{fetch(:application)}" }
ask :branch, "main"
set :answered, -> { fetch(:branch).upcase }
set :broken, -> { raise ArgumentError, "no vault" }
set :ended, -> { exit 3 }
set :key, ENV["DEPLOY_KEY"]
set :needed, ENV.fetch("UNSET_KEY")
append :linked_dirs, "log", :tmp
set :object, Object.new
"""
    found = read(write_project(tmp_path / "shop", deploy=deploy)).settings
    assert found["deploy_to"].value == "/srv/shop"
    assert found["deploy_to"].is_computed
    assert str(found["deploy_to"].place) == "config/deploy.rb:4"
    assert (found["branch"].value, found["branch"].is_question) == ("main", True)
    assert found["answered"].value == "MAIN"
    assert found["broken"].error == "ArgumentError: no vault"
    assert found["ended"].error == "SystemExit: exit"
    assert found["key"].variables == {"DEPLOY_KEY": "k3y"}
    assert found["needed"].variables == {"UNSET_KEY": None}
    assert found["linked_dirs"].value == ["log", "tmp"]
    assert found["object"].value == {"ruby": "Object"}
    assert not found["application"].is_computed
    assert found["keep_releases"].place is None


def test_tasks_and_hooks_have_their_lines(tmp_path: Path) -> None:
    deploy = """
namespace :app do
  desc "Warm the cache"
  task :warm, [:depth] do
    on roles(:web) do
      execute :true
    end
  end
  after :warm, :tell do
    puts "warm"
  end
end

namespace :deploy do
  task(:starting) { puts "begins" }
  before :publishing, "app:warm"
end
"""
    found = read(write_project(tmp_path / "shop", deploy=deploy))
    own = {name: task for name, task in found.tasks.items() if task.blocks}
    assert {name: [(b.first, b.last) for b in task.blocks] for name, task in own.items()} == {
        "app:warm": [(6, 10)],
        "app:tell": [(11, 13)],
        "deploy:starting": [(17, 17)],
    }
    assert own["app:warm"].description == "Warm the cache"
    assert own["app:warm"].arguments == ("depth",)
    assert own["deploy:starting"].adds_to_other
    assert [(hook.kind, hook.target, hook.task, hook.place.line) for hook in found.hooks] == [
        ("after", "app:warm", "app:tell", 11),
        ("before", "deploy:publishing", "app:warm", 18),
    ]


@pytest.mark.extended("detail")
def test_servers_have_everything_that_was_said_of_them(tmp_path: Path) -> None:
    stage = """
require "net/ssh/proxy/jump"
role :app, %w[deploy@web1.example.com web2.example.com]
server "web1.example.com", roles: :web, primary: true, zone: "a", ssh_options: { keys: %w[~/.ssh/shop] }
server "db.example.com:2222", roles: %w[db], no_release: true,
       ssh_options: { proxy: Net::SSH::Proxy::Jump.new("gate.example.com") }
"""
    web1, web2, db = read(write_project(tmp_path / "shop", production=stage)).servers
    assert (web1.hostname, web1.user, web1.roles) == ("web1.example.com", "deploy", ("app", "web"))
    assert (web1.properties, web1.ssh_options) == ({"primary": True, "zone": "a"}, {"keys": ["~/.ssh/shop"]})
    assert (web2.roles, web2.is_computed) == (("app",), False)
    assert (db.port, db.properties, db.ssh_options) == (
        2222,
        {"no_release": True},
        {"proxy": {"proxy_jump": "gate.example.com"}},
    )


@pytest.mark.extended("detail")
def test_a_stage_that_fails_halfway_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    stage = 'server "web1.example.com", roles: :web\nraise "no inventory"\nset :late, 1\n'
    found = read(write_project(tmp_path / "shop", production=stage))
    assert found.failure == "RuntimeError: no inventory"
    assert [server.hostname for server in found.servers] == ["web1.example.com"]
    assert "late" not in found.settings


@pytest.mark.extended("detail")
def test_a_capfile_that_cannot_be_loaded_is_an_error_with_the_last_lines(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "shop", 'require "capistrano/not_there"\n')
    with pytest.raises(ConfigError, match="cannot load such file -- capistrano/not_there") as failed:
        read(folder)
    assert str(failed.value).startswith("`cap` could not load the stage production (exit status 1):")
    assert "--cap none" in str(failed.value)


@pytest.mark.extended("detail")
def test_a_program_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no-such-cap: No such file or directory"):
        read_stage(write_project(tmp_path / "shop"), ("no-such-cap",), "production")


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({"Gemfile": 'gem "capistrano"\n'}, ("bundle", "exec", "cap")),
        ({"Gemfile": 'gem "rails"\n', "Gemfile.lock": "    capistrano (3.18.0)\n"}, ("bundle", "exec", "cap")),
        ({"Gemfile": 'gem "rails"\n'}, ("cap",)),
        ({}, ("cap",)),
    ],
)
def test_capistrano_of_the_gemfile_is_run_with_bundler(
    tmp_path: Path, files: dict[str, str], command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bundle", "cap"):
        (programs / name).write_text("#!/bin/sh\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert find_command(tmp_path) == command
    (programs / "cap").unlink()
    (programs / "bundle").unlink()
    assert find_command(tmp_path) is None


@pytest.mark.extended("detail")
def test_a_project_is_known_behind_a_symlink_and_in_a_directory_named_like_a_library(tmp_path: Path) -> None:
    (tmp_path / "rake").mkdir()
    write_project(tmp_path / "rake/shop", deploy="set :ratio, 0.0 / 0\nset :late, -> { exit }\n")
    (tmp_path / "link").symlink_to(tmp_path / "rake/shop")
    converted = convert(tmp_path / "link")
    assert "# yaml-language-server" in converted.deploy
    assert "config/deploy.rb:4: set :late: it could not be evaluated: SystemExit: exit" in converted.out
    assert "  ratio: NaN\n" in converted.deploy


@pytest.mark.extended("detail")
def test_an_exit_while_a_stage_is_loaded_is_reported(tmp_path: Path) -> None:
    stage = 'server "web1.example.com", roles: :web\nexit if $stdin.gets.to_s != "yes"\n'
    assert read(write_project(tmp_path / "shop", production=stage)).failure == "SystemExit: exit"
