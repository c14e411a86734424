"""A value that code computes is written as deploy.yml can compute it, or is in the closing list with its line."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.integration.capistrano.conversions import Converted, convert, write_project


def convert_with(folder: Path, deploy: str, **env: str) -> Converted:
    write_project(folder, deploy=deploy)
    for words in (
        ["init", "-q", "-b", "work"],
        ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-q", "-m", "x", "--allow-empty"],
    ):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return convert(folder, env=env)


def frozen(converted: Converted) -> list[str]:
    """Return the settings in the closing list that have only their value of today, with their lines."""
    lines = (line.strip() for line in converted.out.splitlines() if "the value of today" in line)
    return [line.partition(": set :")[0] + " " + line.partition(": set :")[2].partition(":")[0] for line in lines]


def test_a_branch_by_way_of_a_variable_or_another_setting_follows_what_is_checked_out(tmp_path: Path) -> None:
    for number, code in enumerate(
        (
            "b = `git rev-parse --abbrev-ref HEAD`.chomp\nset :branch, b\n",
            "set :current, -> { `git symbolic-ref --short HEAD`.strip }\nset :branch, -> { fetch(:current) }\n",
            "def checked_out\n  `git branch --show-current`.chomp\nend\nset :branch, checked_out\n",
        )
    ):
        converted = convert_with(tmp_path / str(number), code)
        assert "\nbranch: !current\n" in converted.deploy
        assert not [line for line in frozen(converted) if line.endswith(" branch")]


def test_values_that_code_computes_elsewhere_are_listed(tmp_path: Path) -> None:
    code = """
tag = `git rev-parse --abbrev-ref HEAD`.chomp
set :branch, "rel-" + tag
home = ENV["DEPLOY_HOME"] || "/srv"
set :deploy_to, "#{home}/shop"
if ENV["CI"]
  set :keep_releases, 1
else
  set :keep_releases, 3
end
set :release_note, "at #{Time.now.year}"
set :workers, 2 unless ENV["SMALL"]
set :ruby, File.read("Capfile").lines.first.strip
"""
    converted = convert_with(tmp_path / "shop", code)
    assert frozen(converted) == [
        f"config/deploy.rb:{number} {name}"
        for number, name in (
            (5, "branch"),
            (7, "deploy_to"),
            (11, "keep_releases"),
            (13, "release_note"),
            (14, "workers"),
            (15, "ruby"),
        )
    ]
    assert "branch: rel-work" in converted.deploy


def test_lines_whose_condition_is_false_today_are_listed(tmp_path: Path) -> None:
    code = """
set :keep_releases, 6 if ENV["CI"]
set :linked_files, %w[.env] if File.exist?("no-such-file")
small = ENV["SMALL"]
if small
  set :workers,
      1
end
set :quiet, true if fetch(:stage) == :staging
set :overridden, 1 if ENV["CI"]
set :overridden, 2
task :later do
  set :inside, 1 if ENV["CI"]
end
"""
    folder = tmp_path / "shop"
    converted = convert_with(folder, code)
    names = ["4 keep_releases", "5 linked_files", "8 workers"]
    assert frozen(converted) == [f"config/deploy.rb:{name}" for name in names]
    assert "config/deploy.rb:4: set :keep_releases: its condition is false now" in converted.dodo


@pytest.mark.extended("variant")
def test_a_server_whose_condition_is_false_today_is_listed(tmp_path: Path) -> None:
    stage = 'server "a.example.com", roles: :web\nserver "b.example.com", roles: :web if ENV["BOTH"]\n'
    converted = convert(write_project(tmp_path / "shop", production=stage))
    assert "config/deploy/production.rb:2: server: its condition is false now" in converted.out
    assert "production.rb:1" not in converted.out


def test_values_that_stay_the_same_are_not_listed(tmp_path: Path) -> None:
    code = """
root = "/srv"
set :user, "deploy"
set :deploy_to, -> { "#{root}/#{fetch(:application)}" }
set :branch, ENV["BRANCH"] || "main"
set :linked_dirs, fetch(:linked_dirs, []).push("log", "tmp")
append :linked_files, ".env", "config/database.yml"
set :default_env, { "API_KEY" => ENV["API_KEY"], path: "/opt/bin:$PATH" }
set :config_dir, -> { shared_path.join("config") }
set :wanted, ENV.fetch("WANTED", "a")
set :cache_dir, File.join(root, "cache")
set :quiet, true if fetch(:stage) == :production
"""
    converted = convert_with(tmp_path / "shop", code)
    assert frozen(converted) == []


def test_each_variable_of_a_chain_is_read(tmp_path: Path) -> None:
    code = 'set :branch, ENV["REVISION"] || ENV["REV"] || "main"\nset :color, ENV["A"] || ENV["B"]\n'
    chain = "branch: !env {name: REVISION, default: !env {name: REV, default: main} }"
    converted = convert_with(tmp_path / "unset", code)
    assert chain in converted.deploy
    assert "color: !env {name: A, default: !env B }" in converted.deploy
    assert frozen(converted) == []
    assert chain in convert_with(tmp_path / "second", code, REV="v2", B="red").deploy


def test_an_octal_number_keeps_its_digits(tmp_path: Path) -> None:
    code = "set :file_mode, 0644\nset :modes, { dirs: 0o2755, files: [0640] }\nset :count, 420\n"
    converted = convert_with(tmp_path / "shop", code)
    own = converted.config.stages["production"].vars
    assert own["file_mode"] == "0644"
    assert own["modes"] == {"dirs": "02755", "files": ("0640",)}
    assert own["count"] == 420


def test_commands_and_prefixes_of_sshkit_are_listed(tmp_path: Path) -> None:
    code = """
SSHKit.config.command_map[:composer] = "php /opt/composer.phar"
SSHKit.config.command_map.prefix[:rake].push("bundle exec")
SSHKit.config.command_map.prefix[:rails].unshift -> { "nice" }
"""
    out = convert_with(tmp_path / "shop", code).out
    assert "config/deploy.rb:4: SSHKit.config.command_map[:composer]: write php /opt/composer.phar in hooks" in out
    assert "config/deploy.rb:5: SSHKit.config.command_map.prefix[:rake]: write bundle exec rake in hooks" in out
    assert "recipes run programs of the bundle with bundle exec themselves" in out
    assert "config/deploy.rb:6: SSHKit.config.command_map.prefix[:rails]: write nice rails in hooks" in out


@pytest.mark.extended("detail")
def test_servers_that_code_computes_are_listed(tmp_path: Path) -> None:
    folder = write_project(
        tmp_path / "shop", production='%w[a b].each { |n| server "#{n}.example.com", roles: :web }\n'
    )
    assert "config/deploy/production.rb:1: servers: code computes them" in convert(folder).out


def test_more_forms_of_defaults_ports_and_objects(tmp_path: Path) -> None:
    code = """
set :deploy_to, ENV.fetch("ROOT") { "/srv/shop" }
set :branch, ENV["branch"] || :stable
set :ssh_options, { port: "2222" }
set :bundle_without, %w[development test].join(" ")
set :slack_url, "https://hooks.slack.com/services/T0/B0/hush"
set :default_env, { "APP_ENV" => -> { fetch(:stage) }, "MODE" => "fast" }
"""
    converted = convert_with(tmp_path / "shop", code)
    stage = converted.config.stages["production"]
    assert "deploy_to: !env {name: ROOT, default: /srv/shop}" in converted.deploy
    assert "branch: !env {name: branch, default: stable}" in converted.deploy
    assert {host.port for host in stage.hosts} == {2222}
    assert "set :default_env, APP_ENV: its value is not a text" in converted.out
    assert "slack_url: !env SLACK_URL" in converted.deploy
    assert "hush" not in converted.deploy
    assert frozen(converted) == []


def test_a_task_of_capistrano_that_a_hook_calls_runs_once(tmp_path: Path) -> None:
    code = """
namespace :deploy do
  task :restart do
    on(roles(:web)) { execute :true }
  end
end
after "deploy:publishing", "deploy:restart"
"""
    assert convert_with(tmp_path / "shop", code).dodo.count("@cap.after(") == 1


def test_delayed_job_is_restarted_by_its_program_as_the_plugin_does(tmp_path: Path) -> None:
    code = "set :delayed_job_workers, 2\nset :delayed_job_roles, :web\n"
    folder = write_project(tmp_path / "shop", 'require "capistrano/delayed_job"\n', code)
    command = ("bundle", "exec", "bin/delayed_job", "-n", "2", "restart")
    options = convert(folder).recipes()["delayed_job"]
    assert tuple(options["restart_command"]) == command
    assert options["roles"] == ["web"]
