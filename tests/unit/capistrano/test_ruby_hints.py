"""The Ruby of a task tells roughly where it runs."""

from __future__ import annotations

import pytest

from capdoit.capistrano.ruby_hints import Hint, guess_from_ruby

ROLES = ("app", "web", "db")


@pytest.mark.parametrize(
    ("ruby", "hint"),
    [
        ("on roles(:web) do", Hint(roles=("web",))),
        ("on roles(:web, :app), in: :parallel do |host|", Hint(roles=("web", "app"))),
        ("on roles %w[web db] do", Hint(roles=("web", "db"))),
        ("on release_roles(:all) do", Hint()),
        ("on roles(fetch(:my_roles)) do", Hint()),
        ("on(roles(:db)) { execute :true }", Hint(roles=("db",))),
        ("on primary(:db) do", Hint(roles=("db",), is_for_primary=True)),
        ("on roles(:worker) do", Hint()),
        ("on roles(:web), in: :sequence, wait: 5 do", Hint(roles=("web",), at_once=1, wait_seconds=5)),
        ("on roles(:web), in: :groups, limit: 3 do", Hint(roles=("web",), at_once=3)),
        ("run_locally { execute :make }", Hint(runs_here=True)),
        ("puts 'done'", Hint(runs_here=True)),
    ],
)
def test_the_hosts_of_a_task_are_guessed(ruby: str, hint: Hint) -> None:
    assert guess_from_ruby([f"task :x do {ruby}"], ROLES, []) == hint


def test_a_recipe_that_might_do_the_work_is_named_if_it_is_installed() -> None:
    ruby = ["on(roles(:web)) { execute :touch, 'tmp/restart.txt' }"]
    assert guess_from_ruby(ruby, ROLES, ["passenger"]).remarks == ("recipe passenger restarts the application so",)
    assert guess_from_ruby(ruby, ROLES, []).remarks == ()
