"""`doit cap install --from-capistrano`: which files it writes, what it refuses, and how it reads a project."""

from __future__ import annotations

from pathlib import Path

import pytest

from capdoit.testing import Completed
from tests.integration.capistrano.conversions import convert, run_doit, write_project
from tests.support import further

ONE = 'server "web1.example.com", roles: %w[web]\n'


def install(folder: Path, *options: str) -> Completed:
    return run_doit(folder, {}, "cap", "install", "--from-capistrano", *options)


def written(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"Capfile", "config", ".capdoit", "__pycache__"}


def test_files_that_exist_are_kept_and_new_ones_are_written_next_to_them(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "shop")
    (folder / "deploy.yml").write_text("mine")
    (folder / "dodo.py").write_text("1 / 0")
    out = convert(folder).out
    assert (folder / "deploy.yml").read_text() == "mine"
    assert (folder / "dodo.py").read_text() == "1 / 0"
    assert "application: shop" in (folder / "deploy.from-capistrano.yml").read_text()
    assert 'load("deploy.from-capistrano.yml")' in (folder / "dodo.from-capistrano.py").read_text()
    assert "deploy.from-capistrano.yml loads: production (1 host)" in out
    refused = install(folder).failed(3).out
    assert "deploy.from-capistrano.yml exist; move one of them away; nothing was written" in refused


@pytest.mark.extended("detail")
def test_only_the_named_stages_are_read(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "shop", production=ONE, staging=ONE, broken="raise 'never loaded'\n")
    converted = convert(folder, "production", "staging")
    assert [*converted.config.stages] == ["production", "staging"]
    assert not converted.config.default_stage


@pytest.mark.parametrize(
    ("stages", "words", "message"),
    [
        ({"production": ONE}, ["prodcution"], "no stage prodcution; did you mean production?"),
        *further(
            ({"check": ONE, "live": ONE}, [], "config/deploy/check.rb: check cannot be a stage here"),
            ({"production": "raise 'no vault'\n"}, [], ""),
        ),
    ],
)
def test_mistakes_are_refused_before_anything_is_written(
    tmp_path: Path, stages: dict[str, str], words: list[str], message: str
) -> None:
    folder = write_project(tmp_path / "shop", **stages)
    if not message:
        (folder / "config/deploy.rb").write_text("raise 'no vault'\n")
        message = "no vault"
    assert message in install(folder, *words).failed(3).out
    assert written(folder) == set()


@pytest.mark.extended("detail")
def test_without_a_capfile_or_a_stage_there_is_nothing_to_read(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    assert "has no Capfile: --from-capistrano reads it; nothing was written" in install(folder).failed(3).out
    (folder / "Capfile").touch()
    assert "config/deploy has no stage (*.rb); nothing was written" in install(folder).failed(3).out
    assert "--cap is for --from-capistrano" in run_doit(folder, {}, "cap", "install", "--cap", "cap").failed(3).out


def test_without_ruby_plain_lines_are_read_as_text(tmp_path: Path) -> None:
    deploy = 'set :deploy_to, "/srv/shop"\nset :branch, `git branch`\nappend :linked_dirs, "log"\n'
    folder = write_project(tmp_path / "shop", 'require "capistrano/bundler"\n', deploy, production=ONE)
    converted = convert(folder, "--cap", "none")
    assert "as text, without Ruby: plain lines only" in converted.out
    assert "config/deploy.rb:4: set :branch: it is computed by Ruby" in converted.out
    assert converted.config.stages["production"].linked_dirs == ("log",)
    assert converted.recipes() == {"bundler": {}}


def test_a_setting_that_was_not_readable_is_to_be_filled_in_where_its_default_would_be_taken(tmp_path: Path) -> None:
    deploy = """
set :repo_url, REPOSITORIES.first
set :branch, DEFAULT_BRANCH
set :deploy_to, -> { "/srv/#{fetch(:application)}" }
if ENV["CI"]
  set :keep_releases, 2
end
set :linked_files, SECRETS
append :linked_files, ".env"
set :ssh_options, { keys: KEYS }
set :pty, TERMINAL
"""
    folder = write_project(tmp_path / "shop", deploy=deploy, production=ONE)
    converted = convert(folder, "--cap", "none")
    for line in (
        'repo_url: !todo "the address of the git repository"  # computed in config/deploy.rb:4',
        'branch: !todo "the branch to deploy"  # computed in config/deploy.rb:5',
        'deploy_to: !todo "the directory on the hosts"  # computed in config/deploy.rb:6',
        'keep_releases: !todo "the number of releases to keep"  # computed in config/deploy.rb:8',
        "linked_files: [.env]",
    ):
        assert f"\n{line}\n" in converted.deploy
    assert converted.config
    for number, name in ((6, "deploy_to"), (8, "keep_releases"), (12, "ssh_options"), (13, "pty")):
        assert f"config/deploy.rb:{number}: set :{name}: " in converted.out
    assert "config/deploy.rb:10: not read: set :linked_files: it is computed by Ruby" in converted.out
    refused = run_doit(folder, {}, "check:production").failed().out
    assert "deploy_to is not filled in: replace !todo by the directory on the hosts" in refused


def test_a_setting_that_ruby_could_not_evaluate_is_to_be_filled_in(tmp_path: Path) -> None:
    deploy = 'set :deploy_to, -> { raise "no vault" }\nset :repo_url, -> { raise "no vault" }\n'
    converted = convert(write_project(tmp_path / "shop", deploy=deploy, production=ONE))
    assert '\ndeploy_to: !todo "the directory on the hosts"  # ' in converted.deploy
    assert '\nrepo_url: !todo "the address of the git repository"  # ' in converted.deploy
    assert (
        "set :deploy_to: it could not be evaluated: RuntimeError: no vault; deploy.yml has !todo for it"
        in converted.out
    )


@pytest.mark.extended("detail")
def test_capistrano_of_a_bundle_is_run_with_bundler(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "shop", production=ONE)
    (folder / "Gemfile").write_text('gem "capistrano"\n')
    out = convert(folder).out
    assert "Reading the stage production with `bundle exec cap`; no host is contacted." in out


def test_a_gem_that_is_not_installed_is_named_without_the_frames_of_bundler(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "shop", production=ONE)
    (folder / "Gemfile").write_text('source "https://rubygems.org"\ngem "capistrano", "~> 99.19"\n')
    out = install(folder).failed(3).out
    assert "could not load the stage production" in out
    assert "  Could not find gem 'capistrano (~> 99.19)'" in out
    assert ".rb:" not in out
    assert "perhaps: bundle install" in out


@pytest.mark.extended("variant")
def test_an_error_in_a_file_of_the_project_keeps_its_line(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "shop", production=ONE)
    (folder / "Gemfile").write_text('gem "capistrano"\ndef broken = raise("no vault")\nbroken\n')
    out = install(folder).failed(3).out
    assert "Gemfile" in out
    assert "no vault" in out
    assert "/bundler/" not in out


@pytest.mark.extended("detail")
def test_mistakes_in_what_was_written_are_reported_with_their_lines(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "shop", production=ONE)
    (folder / "config/deploy.rb").write_text('set :application, "shop"\n')
    out = install(folder).failed(3).out
    assert "no repo_url, which transfer: git needs" in out
    assert "Next: correct these mistakes in the files" in out
    assert written(folder) >= {"deploy.yml", "dodo.py"}


def test_an_error_of_ruby_with_an_excerpt_of_the_code_is_one_line_of_dodo_py(tmp_path: Path) -> None:
    deploy = """
set :kernel, -> { capture(:uname) }
set :misspelled, -> { fetchh(:application) }
set :poem, -> { raise "one\\ntwo" }
"""
    folder = write_project(tmp_path / "shop", deploy=deploy, production=ONE + "unknown.thing\n")
    converted = convert(folder)
    assert "set :kernel: its value needs a host; " in converted.out
    assert "#   config/deploy.rb:5: set :misspelled: it could not be evaluated: NoMethodError: " in converted.dodo
    assert "#   config/deploy.rb:6: set :poem: it could not be evaluated: RuntimeError: one two\n" in converted.dodo
    assert "#   stage production: it could be loaded only in part: NameError: undefined local " in converted.dodo
    assert converted.tasks()


@pytest.mark.parametrize(
    ("url", "env"),
    [
        ("https://ci:#{ENV.fetch('CI_TOKEN', 'tok12345')}@git.example.com/shop.git", {}),
        *further(
            ("https://ci:#{ENV.fetch('CI_TOKEN', 'tok12345')}@git.example.com/shop.git", {"CI_TOKEN": "tok12345"}),
            ("https://ci:tok12345@git.example.com/shop.git", {}),
            ("https://ci:#{ENV['CI_TOKEN'] || 'tok12345'}@git.example.com/shop.git", {"CI_TOKEN": "tok123456"}),
        ),
    ],
)
def test_a_repository_url_with_a_password_is_taken_from_a_variable(
    tmp_path: Path, url: str, env: dict[str, str]
) -> None:
    converted = convert(write_project(tmp_path / "shop", deploy=f'set :repo_url, "{url}"\n', production=ONE), env=env)
    assert "\nrepo_url: !env REPO_URL  # FILL IN: " in converted.deploy
    assert "set :repo_url: " in converted.out
    assert "set the environment variable REPO_URL to its value" in converted.out
    assert "tok1234" not in converted.deploy + converted.out


def test_an_entry_of_the_environment_that_cannot_be_written_does_not_take_the_others_away(tmp_path: Path) -> None:
    deploy = """
set :default_env, {
  "PLAIN" => ENV["PLAIN"],
  "HOLE" => "pre-#{ENV['HOLE']}",
  "DSN" => "https://#{ENV['DSN']}/1",
  secret_part: "a-#{ENV['CI_TOKEN']}",
  other_name: ENV.fetch("OTHER", "main"),
  "BAZ" => ENV["BAZ"] || "dd",
  "EQUAL" => "dd",
  "NOTHING" => nil,
  "GAP" => ENV["GAP"].to_s,
  "API_TOKEN" => ENV["API_TOKEN"] || "hush",
}
set :note, "pre-#{ENV['HOLE']}"
set :long_note, <<~TEXT
  pre-#{ENV['HOLE']}
TEXT
set :db_password, ENV["PW"] || "hush"
"""
    env = {"CI_TOKEN": "abcdefgh"}
    converted = convert(write_project(tmp_path / "shop", deploy=deploy, production=ONE), env=env)
    entries = (
        "PLAIN: !env PLAIN",
        "other_name: !env {name: OTHER, default: main}",
        "BAZ: !env {name: BAZ, default: dd}",
        "EQUAL: dd",
        "API_TOKEN: !env API_TOKEN",
    )
    written = " ".join(converted.deploy.replace("\n", ", ").split())
    assert all(entry in written for entry in entries)
    for name in ("default_env, HOLE", "default_env, DSN", "default_env, secret_part", "note", "long_note"):
        assert f"set :{name}: a part of it is the " in converted.out
    for name in ("NOTHING", "GAP"):
        assert f"set :default_env, {name}: its value is empty" in converted.out
    for name in ("API_TOKEN", "PW"):
        assert f"it looks like a secret and is not written; set the environment variable {name}\n" in converted.out
    assert not any(text in converted.deploy + converted.out for text in ("pre-", "hush", "abcdefgh"))


def test_an_environment_variable_that_is_a_part_of_an_entry_is_never_its_complete_value(tmp_path: Path) -> None:
    deploy = """set :default_env, { "DSN" => "https://#{ENV['DSN']}/1", "KEPT" => "#{ENV['COLOR'] || "blue"}" }\n"""
    converted = convert(write_project(tmp_path / "shop", deploy=deploy, production=ONE), env={"DSN": "abc"})
    assert "default_env: {KEPT: blue}" in converted.deploy
    assert "set :default_env, DSN: a part of it is the environment variable DSN" in converted.out


@pytest.mark.extended("variant")
def test_a_repository_url_of_a_variable_keeps_it_without_its_default_that_has_a_password(tmp_path: Path) -> None:
    url = """ENV["REPOSITORY"] || "https://ci:tok12345@git.example.com/shop.git\""""
    converted = convert(write_project(tmp_path / "shop", deploy=f"set :repo_url, {url}\n", production=ONE))
    assert "\nrepo_url: !env REPOSITORY  # " in converted.deploy
    assert "set :repo_url: it looks like a secret and is not written; set the environment variable REP" in converted.out
    assert "tok12345" not in converted.deploy


@pytest.mark.parametrize(
    ("line", "options", "branch"),
    [
        ("set :branch, -> {\n  `git rev-parse --abbrev-ref HEAD`.chomp\n}", (), "!current"),
        *further(
            ("set :branch, `git rev-parse --abbrev-ref HEAD`.chomp", (), "!current"),
            ('set :branch, ENV["BRANCH"] ||\n  `git rev-parse --abbrev-ref HEAD`.chomp', (), "!current"),
            ('set :branch, ENV["BRANCH"] || `git symbolic-ref --short HEAD`.chomp', ("--cap", "none"), "!current"),
            ("ask :branch, -> { `git branch --show-current`.chomp }", ("--cap", "none"), "!ask {default: !current }"),
            ("ask :branch", (), "!ask"),
            ("ask :branch", ("--cap", "none"), "!ask"),
        ),
    ],
)
def test_a_branch_of_git_or_of_a_question_stays_one(
    tmp_path: Path, line: str, options: tuple[str, ...], branch: str
) -> None:
    converted = convert(write_project(tmp_path / "shop", deploy=f"{line}\n", production=ONE), *options)
    assert f"\nbranch: {branch}" in converted.deploy
    assert "set :branch" not in converted.out


def test_the_next_command_names_a_stage_that_could_be_read(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "shop", production=ONE, staging="raise 'no inventory'\n")
    assert "then run `doit check:production` and `doit deploy:production`" in convert(folder).out


def test_tasks_that_run_before_a_task_are_named_in_its_function_and_in_the_list(tmp_path: Path) -> None:
    deploy = """
task :warm => ["cache:clear"] do
  puts "warm"
end
task both: [:warm, "cache:clear"]
namespace :cache do
  task(:clear) { puts "clear" }
  task fill: :clear
end
namespace :deploy do
  task published: "cache:clear"
end
before :warm, :greet do
  puts "hello"
end
"""
    converted = convert(write_project(tmp_path / "shop", deploy=deploy, production=ONE))
    assert "task warm: on demand; it first runs cache:clear\n" in converted.out
    assert "task both: on demand; it first runs warm, cache:clear\n" in converted.out
    assert "task cache:fill: on demand; it first runs cache:clear\n" in converted.out
    assert 'task deploy:published: after("published"); it first runs cache:clear\n' in converted.out
    assert converted.dodo.count("    # Capistrano runs first: cache:clear.\n") == 3
    assert "    # Capistrano runs first: warm, cache:clear.\n" in converted.dodo
