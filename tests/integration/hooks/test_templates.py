"""Configuration files that hooks make from templates."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from capdoit.testing import Project
from tests.support import deploy, further, write_hooks

DETAIL = pytest.mark.extended("detail")
TEMPLATE = """\
# {{ flow.application }} on {{ host.name }}, {{ flow.stage }}
root {{ release.path }}/public;
{% for name in names %}
server {{ name }};
{% endfor %}
"""


def write_template(project: Project, text: str, arguments: str = "") -> None:
    """Write a template, and a hook that makes nginx.conf of it and prints whether it was changed."""
    (project.path / "templates").mkdir(exist_ok=True)
    (project.path / "templates/nginx.conf").write_text(text)
    write_hooks(
        project,
        f"""
        from capdoit.script import Secret
        from capdoit.sources import EnvironmentVariable
        TOKEN = Secret(EnvironmentVariable('TOKEN'))

        @cap.after('updated')
        def configure(host, release):
            target = f"{{host.deploy_to}}/shared/etc/it's nginx.conf"
            print(host.name, 'changed:', host.template('templates/nginx.conf', target, {arguments}))
        """,
    )


def config_of(project: Project, host: str) -> Path:
    return project.shared(host) / "etc/it's nginx.conf"


def test_a_template_knows_the_host_the_release_the_flow_and_values(project: Project) -> None:
    write_template(project, TEMPLATE, "names=['a', 'b'], mode=0o640")
    release = deploy(project)
    for host in project.hosts:
        path = project.host(host).release(release)
        assert config_of(project, host).read_text() == (
            f"# shop on {host}, production\nroot {path}/public;\nserver a;\nserver b;\n"
        )
        assert config_of(project, host).stat().st_mode & 0o777 == 0o640


def test_a_file_that_is_equal_stays_as_it_is(project: Project) -> None:
    write_template(project, "größe {{ n }}\n", "n=1")
    assert project.doit("deploy:production", check=True).out.count("changed: True") == 2
    os.utime(config_of(project, "web1"), (1, 1))
    config_of(project, "web2").write_text("by hand\n")
    said = project.doit("deploy:production", check=True).out
    assert "web1 changed: False" in said
    assert "web2 changed: True" in said
    assert config_of(project, "web1").stat().st_mtime == 1


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("a\n{{ workerz }}\n", "template templates/nginx.conf:2: 'workerz' is undefined"),
        *further(
            (
                "a\n\n{% if %}\n",
                "template templates/nginx.conf:3: Expected an expression, got 'end of statement block'",
            ),
            (
                "{{ host.nmae }}\n",
                "template templates/nginx.conf:1: host.nmae is not defined; did you mean host.name?",
            ),
            ("a\n{{ 1 + 'a' }}\n", "template templates/nginx.conf:2: TypeError: unsupported operand type(s)"),
            ("a\n{% include 'other' %}\n", "template templates/nginx.conf:2: there is no template other"),
            ("{% include 'part' %}\n", "template templates/part:2: 'x' is undefined"),
        ),
    ],
)
def test_a_mistake_in_a_template_is_located_there(project: Project, text: str, mistake: str) -> None:
    write_template(project, text)
    (project.path / "templates/part").write_text("a\n{{ x }}\n")
    said = project.doit("deploy:production").failed().out
    assert f": {mistake}" in said
    assert "Traceback" not in said
    assert not config_of(project, "web1").exists()


@DETAIL
def test_a_template_that_does_not_exist_is_named(project: Project) -> None:
    write_template(project, "")
    (project.path / "templates/nginx.conf").unlink()
    said = project.doit("deploy:production").failed().out
    assert ": template templates/nginx.conf: there is no template nginx.conf" in said


def test_a_secret_is_in_the_file_and_not_in_what_is_shown(project: Project) -> None:
    env = {"TOKEN": "tops3cret"}
    project.config(default_env={"APP_TOKEN": "!env"})
    text = (project.path / "deploy.yml").read_text().replace('"!env"', "!env TOKEN")
    (project.path / "deploy.yml").write_text(text)
    write_template(
        project,
        "token {{ token }}\n{{ '%s' % nested.token }}{{ nested.token }}\n",
        "token=TOKEN, nested={'token': TOKEN}",
    )
    said = project.doit("deploy:production", env=env, check=True).out
    assert config_of(project, "web1").read_text() == "token tops3cret\n***tops3cret\n"
    write_template(project, "{{ token | int('x', 0) + [] }}\n", "token=TOKEN")
    said += project.doit("deploy:production", env=env).failed().out
    write_template(project, "{{ {}[token] }}\n", "token=TOKEN")
    said += project.doit("deploy:production", env=env).failed().out
    assert "tops3cret" not in said + (project.path / "log/capdoit.log").read_text()


def test_a_template_knows_the_values_of_deploy_yml(project: Project) -> None:
    project.hosts["web2"]["vars"] = {"disk": "ssd"}
    project.config(vars={"domain": "shop.example.com", "disk": "hdd", "token": "!env"})
    text = (project.path / "deploy.yml").read_text().replace('"!env"', "!env TOKEN")
    (project.path / "deploy.yml").write_text(text)
    write_template(project, "{{ vars.domain }} {{ host.vars.disk }} {{ vars.token }}\n")
    said = project.doit("deploy:production", env={"TOKEN": "tops3cret"}, check=True).out
    assert config_of(project, "web1").read_text() == "shop.example.com hdd tops3cret\n"
    assert config_of(project, "web2").read_text() == "shop.example.com ssd tops3cret\n"
    write_template(project, "a\n{{ vars.domian }}\n")
    said += project.doit("deploy:production", env={"TOKEN": "tops3cret"}).failed().out
    assert "template templates/nginx.conf:2: vars.domian is not defined; did you mean vars.domain?" in said
    write_template(project, "{{ hots.name }}\n")
    missing = project.doit("deploy:production", env={"TOKEN": "tops3cret"}).failed().out
    assert "template templates/nginx.conf:1: 'hots' is undefined; did you mean host?" in missing
    assert "tops3cret" not in said + (project.path / "log/capdoit.log").read_text()


def test_without_jinja_one_line_says_what_to_install(project: Project, tmp_path: Path) -> None:
    (tmp_path / "without").mkdir()
    (tmp_path / "without/jinja2.py").write_text("raise ImportError('no jinja2')\n")
    write_template(project, "a\n")
    path = os.pathsep.join([str(tmp_path / "without"), os.environ.get("PYTHONPATH", "")])
    said = project.doit("deploy:production", env={"PYTHONPATH": path}).failed().out
    assert ": host.template needs Jinja; to install it: pip install jinja2\n" in said
    assert "Traceback" not in said


@DETAIL
def test_a_dry_run_writes_nothing_and_a_drill_writes_into_its_shadow(project: Project) -> None:
    write_template(project, "a\n")
    project.doit("deploy:production", "dry_run=yes", check=True)
    assert not config_of(project, "web1").exists()
    deploy(project)
    deploy(project)
    (project.path / "templates/nginx.conf").write_text("b\n")
    text = (project.path / "dodo.py").read_text()
    project.dodo(text.replace("after('updated')", "before('publishing', drill=True)"))
    assert "changed: True" in project.doit("drill:production", check=True).out
    assert config_of(project, "web1").read_text() == "a\n"
