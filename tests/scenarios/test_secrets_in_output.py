"""Secrets that hosts and hooks print: too short to be masked, equal to a word of capdoit, quoted, or cut."""

from __future__ import annotations

import json
from textwrap import dedent

import pytest

from capdoit.testing import DODO, Project
from tests.support import further


def with_secret(project: Project, hook: str) -> Project:
    """Set the secret TOKEN, and call a hook on every host."""
    file = project.path / "deploy.yml"
    # JSON, which the fixture writes, has no tags
    file.write_text("{default_env: {TOKEN: !env TOKEN}," + file.read_text().strip()[1:])
    text = f"""
        import os
        @cap.after("updated")
        def hook(host, flow):
            {hook}
        """
    project.dodo(DODO + dedent(text))
    return project


def deploy(project: Project, token: str, code: int = 0) -> str:
    return project.doit("deploy:production", env={"TOKEN": token}).failed(code).out


@pytest.mark.parametrize("token", ["e", *further("of", "rel", " e\n")])
def test_a_short_secret_is_named_in_a_warning_and_hides_nothing(project: Project, token: str) -> None:
    said = deploy(with_secret(project, "host.run('echo the release')"), token)
    assert "***" not in said
    assert said.count("warning: TOKEN: a secret of fewer than 4 characters is not masked in what is shown\n") == 1
    assert "web1 | the release\n" in said
    answer = json.loads(project.doit("cap", "status", "--json", env={"TOKEN": token}).out)
    assert answer["stage"] == "production"
    assert not [one["warnings"] for one in answer["hosts"] if one.get("warnings")]


@pytest.mark.extended("detail")
def test_a_secret_in_the_subject_of_a_commit_is_not_in_journals_pages_and_lists(project: Project) -> None:
    with_secret(project, "pass")
    deploy(project, "hunter2hunter2")
    subject = "use hunter2hunter2 at https://ann:passw0rdpassw0rd@git.example.com/a/very/long/path.git"
    project.repo.git("commit", "--quiet", "--allow-empty", "-m", subject)
    project.repo.git("clone", "--quiet", "--bare", ".", str(project.path / ".git"))
    said = project.doit("cap", "pending", env={"TOKEN": "hunter2hunter2"}, check=True).out
    assert "use *** at" in said
    said += deploy(project, "hunter2hunter2")
    kept = [project.deploy_to("web1") / ".capdoit/journal", *(project.path / "log").rglob("*.*")]
    texts = [said, *(file.read_text() for file in kept)]
    assert len(texts) == 2 + len(["log", "page", "page"])
    assert [text for text in texts if "hunter2" in text or "passw0" in text] == []


@pytest.mark.extended("detail")
def test_doctor_and_exec_name_a_short_secret(project: Project) -> None:
    with_secret(project, "pass")
    assert "TOKEN is too short to be masked" in project.doit("cap", "doctor", env={"TOKEN": "abc"}, check=True).out
    said = project.doit("cap", "exec", "echo abc", env={"TOKEN": "abc"}, check=True).out
    assert "warning: TOKEN: a secret of fewer than 4 characters" in said
    assert "    abc\n" in said


@pytest.mark.extended("detail")
def test_an_automatic_rollback_and_a_drill_warn_once(project: Project) -> None:
    project.config(on_failure="rollback")
    deploy(with_secret(project, "pass"), "e")
    dodo = project.path / "dodo.py"
    project.dodo(
        dodo.read_text() + "@cap.after('published', flows=('deploy',))\ndef fail(host):\n    host.run('exit 3')\n"
    )
    said = deploy(project, "e", 1)
    assert "It was rolled back" in said
    assert said.count("warning: TOKEN:") == 1
    project.dodo(DODO)
    deploy(project, "e")
    assert project.doit("drill:production", env={"TOKEN": "e"}, check=True).out.count("warning: TOKEN:") == 1


@pytest.mark.parametrize("token", ["release", *further("deploy", "live", "2026", "production")])
def test_a_secret_that_is_a_word_of_capdoit_is_masked_where_a_host_says_it(project: Project, token: str) -> None:
    plain = deploy(with_secret(project, "host.run('echo it is $TOKEN', called='t')"), "another-one")
    said = deploy(project, token)
    assert "| it is ***\n" in said
    assert said.count("***") == plain.count("***") == 2
    status = project.doit("cap", "status", env={"TOKEN": token}, check=True).out
    assert str(project.current("web1")) in status


@pytest.mark.parametrize(
    "hook",
    [
        "host.run('echo $TOKEN; exit 4', called=os.environ['TOKEN'])",
        *further("raise RuntimeError('no ' + os.environ['TOKEN'])", "flow.warn('no ' + os.environ['TOKEN']); 1 / 0"),
    ],
)
def test_what_a_failing_hook_says_is_masked_even_if_it_is_a_word_of_capdoit(project: Project, hook: str) -> None:
    plain = deploy(with_secret(project, hook), "another-one", 1)
    said = deploy(project, "release", 1)
    assert "another-one" not in plain
    assert said.count("***") == plain.count("***") >= 1
    assert "deploy:production: hook failed" in said
    assert "live releases now:" in said


@pytest.mark.parametrize("shell", ["sh", *further("bash", "busybox sh")])
def test_a_secret_is_masked_in_the_trace_of_a_shell(project: Project, shell: str) -> None:
    with_secret(project, f"host.run('''{shell} -xc \"true \\\\\"\\$TOKEN\\\\\" -- x\" 2>&1''')")
    said = deploy(project, "pass'word s3cr3t")
    assert "***" in said
    assert "s3cr3t" not in said
    assert "word" not in said.replace("password", "")


@pytest.mark.extended("detail")
@pytest.mark.parametrize(
    "command",
    [
        "printf 's3cr'; sleep 0.3; printf '3tväl'; sleep 0.3; printf 'ue\\n'",
        "{ printf 's3cr'; sleep 0.3; printf '3tvälue\\n'; } >&2",
        "printf 's3cr3tvälue\\r50%%\\rs3cr3tvälue\\r\\n'",
        *(f"printf '%{8192 - n}s%s\\n' x \"$TOKEN and so on\"" for n in range(3, 13)),
        "printf '%65530s%s' x s3cr; sleep 0.3; printf '3tvälue'",
        "printf '%8186s%s' x s3cr3; sleep 0.3; printf 'tvälue more'",
    ],
)
def test_a_secret_in_pieces_is_masked(project: Project, command: str) -> None:
    with_secret(project, f"host.run({command!r})")
    said = deploy(project, "s3cr3tvälue")
    assert "s3c" not in said
    assert "lue" not in said.replace("value", "")


def print_values(project: Project, settings: str, variable: str = "") -> str:
    """Deploy with a hook that prints the variables URL and PASSWORD, and return what was shown."""
    file = project.path / "deploy.yml"
    file.write_text(f"{{{settings}," + file.read_text().strip()[1:])
    hook = '@cap.after("updated")\ndef hook(host):\n    host.run("echo url $URL password $PASSWORD")\n'
    project.dodo(f"{DODO}\n{hook}")
    return project.doit("deploy:production", env={"PASSWORD": variable} if variable else {}, check=True).out


def test_a_default_that_deploy_yml_has_is_not_masked(project: Project) -> None:
    settings = (
        "vars: {domain: !env {name: DOMAIN, default: shop.example}}, default_env: {URL: 'https://%{vars.domain}/'}"
    )

    said = print_values(project, settings)

    assert "web1 | url https://shop.example/ password\n" in said


def test_the_name_of_a_branch_is_not_masked(project: Project) -> None:
    said = print_values(project, "default_env: {URL: 'https://example.com/%{branch}'}")

    assert "web1 | url https://example.com/main password\n" in said


def test_a_secret_in_a_composed_value_is_masked_also_by_itself(project: Project) -> None:
    values = "URL: 'mysql://shop:%{vars.password}@db/', PASSWORD: '%{vars.password}'"

    said = print_values(
        project, f"vars: {{password: !env PASSWORD}}, default_env: {{{values}}}", variable="hunter2hunter2"
    )

    assert "web1 | url " in said
    assert "hunter2" not in said
    log = (project.path / "log/capdoit.log").read_text()
    assert "hunter2" not in log


def test_a_secret_that_is_only_a_part_of_a_value_is_masked_by_itself(project: Project) -> None:
    said = print_values(
        project,
        "vars: {password: !env PASSWORD}, default_env: {URL: 'mysql://shop:%{vars.password}@db/'}",
        variable="hunter2hunter2",
    )
    project.dodo(DODO + '\n@cap.after("updated")\ndef hook(host):\n    host.run("url=${URL#*shop:}; echo ${url%@*}")\n')

    said += project.doit("deploy:production", env={"PASSWORD": "hunter2hunter2"}, check=True).out

    assert "hunter2" not in said
    assert "web1 | ***\n" in said
