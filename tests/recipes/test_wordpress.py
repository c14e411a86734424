"""The recipe wordpress: uploads are shared, and wp-cli runs on one host after each publish, where it is present."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from capdoit.testing import Stages, StageUnderTest

CODE = {"index.php": "<?php\n", "wp-content/uploads/.gitkeep": "", "wp-content/themes/shop/style.css": "h1 {}\n"}


def make(stage: Stages, hosts: int = 1, **options: Any) -> StageUnderTest:
    return stage(hosts=hosts, recipes={"wordpress": options}, files=CODE)


def test_uploads_are_shared_and_the_cache_is_flushed_on_one_host(stage: Stages) -> None:
    site = make(stage, 2)
    site.stand_in("wp")
    site.deploy().ok()
    first = site.live
    site.commit({"index.php": "<?php // second\n"})
    site.deploy().ok()
    second = site.live
    site.rollback().ok()
    calls = site.calls("wp")
    assert {(call.host, call.argv) for call in calls} == {("web1", ("cache", "flush"))}
    assert [Path(call.cwd).name for call in calls] == [first, second, first]
    uploads = site.host().release(str(first)) / "wp-content/uploads"
    assert os.readlink(uploads) == str(site.host().shared / "wp-content/uploads")
    site.assert_healthy()


def test_a_host_without_wp_cli_runs_nothing(stage: Stages) -> None:
    done = make(stage, command=["no-such-wp"]).deploy().ok()
    assert "no-such-wp is not on the PATH: not run" in done.out


@pytest.mark.extended("recipe")
def test_options_change_the_commands_and_the_directory(stage: Stages) -> None:
    options: dict[str, Any] = {
        "uploads": "web/app/uploads",
        "command": ["vendor/bin/wp", "--allow-root"],
        "commands": ["core update-db", "cache flush"],
        "roles": ["app"],
    }
    site = make(stage, **options)
    site.commit({"vendor/bin/wp": '#!/bin/sh\necho "$*" >>../../wp-calls\n'})
    site.deploy().ok()
    calls = (site.host().deploy_to / "wp-calls").read_text().splitlines()
    assert calls == ["--allow-root core update-db", "--allow-root cache flush"]
    assert (site.host().release(str(site.live)) / "web/app/uploads").is_symlink()
    assert not (site.host().release(str(site.live)) / "wp-content/uploads").is_symlink()


@pytest.mark.extended("recipe")
def test_a_command_that_fails_fails_the_flow_with_the_release_live(stage: Stages) -> None:
    site = make(stage)
    site.stand_in("wp", script="echo 'Error establishing a database connection' >&2; exit 1")
    done = site.deploy().failed()
    assert "wp cache flush failed: exit status 1" in done.out
    assert "Error establishing a database connection" in done.out
    assert "doit run -s deploy:production:wordpress.run_commands" in done.out
    assert site.live


@pytest.mark.extended("recipe")
def test_wp_cli_does_not_run_before_the_publish(stage: Stages) -> None:
    site = make(stage)
    site.stand_in("wp")
    with site.fail_at("publishing", when="before"):
        site.deploy().failed()
    assert site.calls("wp") == []


@pytest.mark.extended("recipe")
def test_wp_cli_runs_on_demand_in_the_live_release(stage: Stages) -> None:
    site = make(stage, 2, commands=[], command=["wp", "--url=shop.example.com"])
    site.stand_in("wp", answer="akismet\n")
    site.deploy().ok()
    assert "akismet" in site.doit("wordpress.wp:production", "--", "plugin", "list").ok().out
    (call,) = site.calls("wp")
    assert (call.host, call.argv) == ("web1", ("--url=shop.example.com", "plugin", "list"))
    assert Path(call.cwd).name == site.live
    done = site.doit("wordpress.wp:production")
    assert "wordpress.wp needs a command, such as: doit wordpress.wp:production -- plugin list" in done.out
    assert done.code != 0
