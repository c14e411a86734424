"""Places in Capistrano's flows become hook points, and hooks on the project's own tasks follow these tasks."""

from __future__ import annotations

import pytest

from capdoit.capistrano.hook_points import find_point, place_tasks
from capdoit.capistrano.project import CapistranoHook, CapistranoTask, Place


@pytest.mark.parametrize(
    ("kind", "target", "point"),
    [
        ("after", "deploy:published", 'after("published")'),
        ("before", "deploy:starting", 'before("starting")'),
        ("after", "deploy:reverted", 'after("reverted")'),
        ("before", "deploy", 'before("starting", flows="deploy")'),
        ("after", "deploy:rollback", 'after("finished", flows="rollback")'),
        ("after", "deploy:failed", "on_failed"),
        ("before", "deploy:check:linked_files", 'before("starting")'),
        ("before", "deploy:symlink:shared", 'after("updating")'),
        ("before", "deploy:symlink:release", 'before("publishing")'),
        ("after", "git:create_release", 'after("updating")'),
        ("after", "bundler:install", 'after("updated")'),
        ("before", "deploy:assets:precompile", 'before("updated")'),
        ("before", "deploy:restart", 'after("published")'),
        ("after", "deploy:cleanup", 'after("finishing")'),
    ],
)
def test_a_place_in_capistranos_flow_is_a_hook_point(kind: str, target: str, point: str) -> None:
    assert str(find_point(kind, target)) == point


def test_a_task_of_an_unknown_plugin_is_no_place() -> None:
    assert find_point("after", "rocket:launch") is None


def hook(text: str) -> CapistranoHook:
    kind, target, task = text.split()
    return CapistranoHook(kind, target, task, Place("config/deploy.rb", 1))


def placed(*hooks: str, own: str = "a b c d") -> tuple[list[str], list[str]]:
    tasks = {name: CapistranoTask(name=name) for name in own.split()}
    found, rest = place_tasks([hook(text) for text in hooks], tasks)
    return [f"{one.task} {one.point}" for one in found], [one.task for one in rest]


def test_tasks_run_in_the_order_of_their_hooks() -> None:
    assert placed("after deploy:published a", "after deploy:published b")[0] == [
        'a after("published")',
        'b after("published")',
    ]


def test_hooks_on_tasks_of_the_project_run_next_to_them_also_if_declared_first() -> None:
    found, rest = placed("before a b", "after a c", "after c d", "after deploy:updated a")
    assert [line.split()[0] for line in found] == ["b", "a", "c", "d"]
    assert {line.split(" ", 1)[1] for line in found} == {'after("updated")'}
    assert rest == []


def test_a_task_at_two_points_takes_its_own_hooks_to_both() -> None:
    found, _ = placed("after deploy:published a", "after deploy:failed a", "after a b")
    assert found == ['a after("published")', 'b after("published")', "a on_failed", "b on_failed"]


def test_hooks_on_tasks_without_a_point_are_left() -> None:
    assert placed("after production a", "after b c") == ([], ["a", "c"])
