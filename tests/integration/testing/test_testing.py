"""The stages of capdoit.testing."""

from __future__ import annotations

import os
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from capdoit.testing import SshdFleet, Stages, StageUnderTest
from capdoit.testing.sshd import find_program

HOSTILE = ["a b", "", "it's", 'say "hi"', "two\nlines\n", "$HOME `id` \\n \\", "*", "-n", "ä\udcff", "\ttab"]
ASK = f"""
@cap.after("published")
def ask(host, release):
    host.run(["oracle", *{HOSTILE!r}], cwd=release.path, env={{"WHY": "a=b\\nc"}})
"""


def deployed(stage: Stages, **settings: object) -> StageUnderTest:
    made = stage(**settings)  # type: ignore[arg-type]
    made.deploy().ok()
    return made


# -- stages


def test_a_stage_deploys_and_rolls_back_its_files(stage: Stages) -> None:
    shop = stage(files={"app.txt": "one", "bin/run": "#!/bin/sh\n"})
    assert shop.live is None
    shop.deploy().ok()
    first = shop.live
    sha = shop.commit({"app.txt": "two"})
    shop.deploy().ok()
    second = shop.live
    assert first
    assert second
    assert [shop.host(name).releases for name in ("web1", "web2")] == [[first, second]] * 2
    assert (shop.host("web2").release(second) / "REVISION").read_text() == f"{sha}\n"
    assert os.access(shop.host().release(second) / "bin/run", os.X_OK)

    shop.rollback().ok()
    assert shop.live == shop.host("web1").current == first
    shop.assert_healthy()


def test_a_recipe_given_as_text_is_used_with_its_options(stage: Stages) -> None:
    shop = stage(recipes={"greet": {"word": "hello"}}, hosts=1)
    shop.recipe(
        "greet",
        dedent("""
        from dataclasses import dataclass
        from capdoit import Recipe

        @dataclass(frozen=True)
        class Options:
            word: str

        greet = Recipe('greet', options=Options)

        @greet.after('published')
        def say(host, options):
            host.run(['oracle', options.word])
        """),
    )
    shop.stand_in("oracle")
    shop.deploy().ok()
    assert [call.argv for call in shop.calls("oracle")] == [("hello",)]


def test_hosts_have_the_names_and_roles_that_the_test_gives_them(stage: Stages) -> None:
    hosts: dict[str, dict[str, Any]] = {"app1": {"roles": ["app"]}, "db1": {"roles": ["db"], "no_release": True}}
    dodo = dedent("""
        @cap.after('published', roles='db')
        def migrate(host):
            host.run('oracle')
        """)
    shop = stage(hosts=hosts, dodo=dodo)
    shop.stand_in("oracle")
    shop.deploy().ok()
    assert [call.host for call in shop.calls("oracle")] == ["db1"]
    assert shop.host("db1").current is None
    assert shop.live
    shop.assert_healthy()


@pytest.mark.extended("detail")
def test_stages_of_one_test_are_independent(stage: Stages) -> None:
    one, two = deployed(stage, hosts=1), stage(hosts=1)
    assert one.live
    assert two.live is None


@pytest.mark.ssh
def test_an_ssh_stage_works_like_a_local_one(ssh_stage: Stages) -> None:
    shop = ssh_stage(hosts={"a": {}, "b": {}}, dodo=ASK)
    shop.stand_in("oracle")
    shop.deploy().ok()
    assert sorted((call.host, call.argv) for call in shop.calls("oracle")) == [
        ("a", tuple(HOSTILE)),
        ("b", tuple(HOSTILE)),
    ]
    with shop.kill_at("published"):
        shop.deploy().failed(-9)
    shop.deploy().ok()
    shop.assert_healthy()


@pytest.mark.ssh
def test_more_hosts_than_there_are_sshds_are_refused(ssh_stage: Stages) -> None:
    with pytest.raises(AssertionError, match="there are 5 sshd's, and 6 hosts"):
        ssh_stage(hosts=6)


def test_without_sshd_the_package_to_install_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _, path: None)  # noqa: ARG005
    with pytest.raises(pytest.fail.Exception, match="needs sshd, which is not installed: apt-get install openssh-serv"):
        SshdFleet(tmp_path, 1)
    with pytest.raises(pytest.fail.Exception, match="apt-get install coreutils"):
        find_program("cat", "coreutils")
