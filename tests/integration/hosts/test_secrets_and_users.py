"""Secrets of commands, and commands that run as another user."""

from __future__ import annotations

from textwrap import dedent

import pytest

from capdoit.testing import Project

TEXT = "hunter2 'and' \"more\" $HOME"


def with_hook(project: Project, *lines: str) -> Project:
    project.config(linked_files=None)
    text = (project.path / "deploy.yml").read_text()
    # JSON, which the fixture writes, has no tags
    (project.path / "deploy.yml").write_text("{default_env: {TOKEN: !env TOKEN}," + text.strip()[1:])
    project.dodo(
        dedent("""
        import capdoit
        cap = capdoit.load("deploy.yml")
        @cap.after("updated")
        def hook(host, release):
        """)
        + "".join(f"    {line}\n" for line in lines)
    )
    return project


def test_a_secret_reaches_the_command_and_no_output_or_file(project: Project) -> None:
    with_hook(project, 'host.run("printf %s \\"$TOKEN\\" >../../got; echo \\"it is $TOKEN\\"", cwd=release.path)')
    done = project.doit("deploy:production", env={"TOKEN": TEXT}).ok()

    assert (project.deploy_to("web1") / "got").read_text() == TEXT
    assert "it is ***" in done.out
    assert "hunter2" not in done.out
    written = [f for f in project.path.rglob("*") if f.is_file() and f.name != "got"]
    assert [f for f in written if b"hunter2" in f.read_bytes()] == []


def test_a_secret_is_masked_in_the_report_of_a_failure(project: Project) -> None:
    with_hook(project, 'host.run("echo $TOKEN; exit 4")')
    done = project.doit("deploy:production", env={"TOKEN": "hunter2"}).failed(1)

    assert "exit status 4" in done.out
    assert "***" in done.out
    assert "hunter2" not in done.out


def test_a_secret_is_not_in_the_arguments_of_any_process(project: Project) -> None:
    see = "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\\\0' ' ' >../../args; true"
    with_hook(project, f'host.run("{see}", cwd=release.path)')
    project.doit("deploy:production", env={"TOKEN": "hunter2"}).ok()

    seen = (project.deploy_to("web1") / "args").read_text(errors="replace")
    assert "deploy:production" in seen
    assert "hunter2" not in seen


def test_an_unset_secret_is_refused_before_any_host_is_touched(project: Project) -> None:
    done = with_hook(project, "pass").doit("deploy:production").failed(1)

    assert "TOKEN" in done.out
    assert not (project.deploy_to("web1") / ".capdoit").exists()


def test_a_command_as_another_user_has_the_environment_and_no_secret_in_arguments(
    project: Project,
) -> None:
    see = 'id -un; printf %s \\"$TOKEN\\"; cat; cat /proc/[0-9]*/cmdline 2>/dev/null | grep -c hunter[2]; true'
    with_hook(
        project,
        f'who = host.capture("{see}", user="nobody", cwd="/")',
        'assert who == "nobody\\nhunter20", who',
    )
    project.doit("deploy:production", env={"TOKEN": "hunter2"}).ok()


def test_a_refusal_of_sudo_fails_the_deploy_with_its_message(project: Project) -> None:
    done = with_hook(project, 'host.run("true", user="no-such-user")').doit("deploy:production", env={"TOKEN": "x"})

    assert done.failed(1)
    assert "no-such-user" in done.out
    assert project.current("web1") is None


@pytest.mark.extended("detail")
def test_a_secret_option_of_a_recipe_reaches_a_command_unchanged(project: Project) -> None:
    project.write_module(
        "recipes/warm.py",
        dedent("""
        from dataclasses import dataclass
        from capdoit import Recipe, Secret


        @dataclass(frozen=True)
        class Options:
            key: Secret


        warm = Recipe("warm", options=Options)


        @warm.after("updated")
        def fetch(host, options):
            host.run('echo "${#KEY} $KEY"', env={'KEY': options.key})
        """),
    )
    project.config()
    file = project.path / "deploy.yml"
    file.write_text("{recipes: {warm: {key: !env TOKEN}}," + file.read_text().strip()[1:])
    done = project.doit("deploy:production", env={"TOKEN": "s3cr3t-value"}, check=True)

    assert "| 12 ***" in done.out
    assert "s3cr3t" not in done.out
