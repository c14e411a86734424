"""The recipe cron: the jobs of the live release are a block of the crontab, and no other line changes."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from capdoit.recipes.cron import SCRIPT, fill
from capdoit.testing import Stages, StageUnderTest
from tests.support import further, wait_for

# A crontab in a file, with the answers of Debian's; jobs that begin with `bad` are refused.
CRONTAB = """
check() {{ ! grep -n '^bad' "$1" | sed 's/^\\([0-9]*\\):.*/"-":\\1: bad minute/' | grep . >&2; }}
case $1 in
    -V) echo 'usage: crontab [-u user] [-n] file' >&2; exit 1 ;;
    -l) [ -f {tab} ] || {{ echo 'no crontab for deploy' >&2; exit 1; }}; cat {tab} ;;
    -n) check "$2" ;;
    *) check "$1" && cat "$1" >{tab} ;;
esac
"""
OWN = "MAILTO=ann\n# BEGIN of my jobs\n* * * * * mine %d\\n\n"
JOBS = "5 4 * * * cd {release_path} && awk '{print $1}' {a,b} {stage} {shared_path} {current_path}\n"


def cron_stage(stage: Stages, jobs: str = JOBS, **options: Any) -> tuple[StageUnderTest, Path]:
    """Return a stage with one host, and the file that is the crontab of its user."""
    shop = stage(hosts=1, recipes={"cron": options}, files={"config/crontab": jobs})
    tab = shop.project.path / "crontab"
    shop.stand_in("crontab", script=CRONTAB.format(tab=tab))
    return shop, tab


def block(shop: StageUnderTest, line: str) -> str:
    """Return the block of the stage with one line, in which ``{}`` is the path of the live release."""
    release = shop.host().release(str(shop.live))
    return f"# BEGIN capdoit shop production\n{line.format(release)}\n# END capdoit shop production\n"


def test_the_block_belongs_to_the_live_release_and_other_lines_stay(stage: Stages) -> None:
    shop, tab = cron_stage(stage)
    tab.write_text(OWN)
    deploy_to = shop.host().deploy_to
    job = f"5 4 * * * cd {{}} && awk '{{{{print $1}}}}' {{{{a,b}}}} production {deploy_to}/shared {deploy_to}/current"
    shop.deploy().ok()
    assert tab.read_text() == OWN + block(shop, job)
    assert (shop.host().shared / "crontab.before").read_text() == OWN
    tab.write_text(tab.read_text() + "* * * * * below\n")
    shop.commit({"config/crontab": "0 1 * * * {release} {application}\n\n"})
    shop.deploy().ok()
    second = shop.live
    assert tab.read_text() == OWN + block(shop, f"0 1 * * * {second} shop") + "* * * * * below\n"
    shop.rollback().ok()
    assert tab.read_text() == OWN + block(shop, job) + "* * * * * below\n"
    assert f"0 1 * * * {second} shop\n" in (shop.host().shared / "crontab.before").read_text()
    assert (shop.host().shared / "crontab.before").stat().st_mode & 0o777 == 0o600
    shop.assert_healthy()


def test_jobs_that_crontab_refuses_stop_the_deploy_before_the_publish(stage: Stages) -> None:
    shop, tab = cron_stage(stage, "* * * * * fine\n")
    tab.write_text(OWN)
    shop.deploy().ok()
    live, before = shop.live, tab.read_text()
    shop.commit({"config/crontab": "bad line\n"})
    done = shop.deploy().failed()
    assert "crontab refuses the jobs of the release:" in done.out
    assert "line 5: bad line" in done.out
    assert "cron.prepare failed" in done.out
    assert (shop.live, tab.read_text()) == (live, before)
    shop.assert_healthy()


@pytest.mark.extended("recipe")
def test_jobs_come_from_a_command_that_a_rollback_does_not_run(stage: Stages) -> None:
    shop, tab = cron_stage(stage, command=["bundle", "exec", "whenever"])
    shop.stand_in("bundle", answer="0 2 * * * cd {release_path} && one\n")
    shop.deploy().ok()
    first = tab.read_text()
    assert first == block(shop, "0 2 * * * cd {} && one")
    shop.stand_in("bundle", answer="0 2 * * * cd {release_path} && two\n")
    shop.deploy().ok()
    assert tab.read_text() == block(shop, "0 2 * * * cd {} && two")
    shop.stand_in("bundle", status=1)
    shop.rollback().ok()
    assert tab.read_text() == first
    assert [call.cwd.rpartition("/")[0] for call in shop.calls("bundle")] == [
        str(shop.host().deploy_to / "releases")
    ] * 2


@pytest.mark.extended("recipe")
def test_a_rollback_to_a_release_that_was_deployed_without_the_recipe_removes_the_block(stage: Stages) -> None:
    shop, tab = cron_stage(stage)
    tab.write_text(OWN)
    shop.project.config(recipes={})
    shop.deploy().ok()
    shop.project.config()
    shop.deploy().ok()
    assert tab.read_text() != OWN
    assert 'the block "shop production" of the crontab was removed' in shop.rollback().ok().out
    assert tab.read_text() == OWN


@pytest.mark.extended("recipe")
def test_an_empty_file_means_no_jobs_and_a_missing_one_is_refused(stage: Stages) -> None:
    shop, tab = cron_stage(stage, "\n")
    shop.deploy().ok()
    assert not tab.exists()
    shop.commit({"config/crontab": None, "app.txt": "second\n"})
    assert "cat: config/crontab: No such file or directory" in shop.deploy().failed().out


@pytest.mark.extended("recipe")
def test_an_unchanged_crontab_is_not_written(stage: Stages) -> None:
    shop, tab = cron_stage(stage, "* * * * * same\n")
    shop.deploy().ok()
    shop.deploy().ok()
    written = [call.argv for call in shop.calls("crontab") if not call.argv[0].startswith("-")]
    assert len(written) == 1
    assert tab.read_text() == block(shop, "* * * * * same")


@pytest.mark.extended("recipe")
def test_a_host_that_loses_the_role_loses_the_block(stage: Stages) -> None:
    shop, tab = cron_stage(stage, "* * * * * job\n", roles=["web"])
    shop.deploy().ok()
    assert tab.exists()
    shop.project.hosts["web1"]["roles"] = ["app"]
    shop.project.hosts["web2"] = {"transport": "local", "deploy_to": "hosts/web2", "roles": ["web"]}
    shop.project.config()
    shop.deploy("hosts=web1").ok()
    assert tab.read_text() == ""


@pytest.mark.extended("recipe")
def test_the_block_is_removed_before_its_stage_is(stage: Stages) -> None:
    shop, tab = cron_stage(stage)
    tab.write_text(OWN)
    shop.deploy().ok()
    shop.doit("cron.remove:production").ok()
    assert tab.read_text() == OWN
    shop.assert_healthy()


@pytest.mark.extended("recipe")
@pytest.mark.parametrize(
    "lines",
    [
        "# BEGIN capdoit shop production\n* * * * * job\n",
        *further(
            "# END capdoit shop production\n",
            "# BEGIN capdoit shop production\n# END capdoit shop production\n" * 2,
        ),
    ],
)
def test_a_damaged_block_is_refused_before_the_publish(stage: Stages, lines: str) -> None:
    shop, tab = cron_stage(stage)
    tab.write_text(OWN + lines)
    done = shop.deploy().failed()
    assert 'the crontab has a line "# BEGIN capdoit shop production"' in done.out
    assert "crontab -e" in done.out
    assert shop.live is None
    assert tab.read_text() == OWN + lines


def test_jobs_with_a_line_that_ends_the_block_are_refused(stage: Stages) -> None:
    shop, tab = cron_stage(stage, "* * * * * job\n# END capdoit shop production\n")
    assert "the jobs have the line '# END capdoit shop production'" in shop.deploy().failed().out
    assert not tab.exists()


def test_variables_of_the_shell_are_no_placeholders() -> None:
    filled = fill("* * * * * ${stage} {stage} ${relase}\n", {"stage": "production", "release": "1"}, "web1")
    assert filled == "* * * * * ${stage} production ${relase}\n"


def test_a_script_that_is_stopped_leaves_no_copy_of_the_crontab(tmp_path: Path) -> None:
    program = tmp_path / "crontab"
    program.write_text('#!/bin/sh\necho "* * * * * secret"\n: >"$HOME/asked"\nsleep 60\n')
    program.chmod(0o755)
    (tmp_path / "tmp").mkdir()
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path), "TMPDIR": str(tmp_path / "tmp")}
    command = ["sh", "-c", SCRIPT, "cron", "install", "shop", "production", "", str(tmp_path / "before")]
    with subprocess.Popen(command, env=env, start_new_session=True) as script:
        wait_for(60, (tmp_path / "asked").exists)
        os.killpg(script.pid, signal.SIGTERM)
        assert script.wait(60) != 0
    assert [*(tmp_path / "tmp").iterdir()] == []


@pytest.mark.extended("recipe")
def test_a_misspelled_placeholder_is_refused(stage: Stages) -> None:
    shop, tab = cron_stage(stage, "* * * * * cd {relase_path}\n")
    assert "the crontab has {relase_path}; did you mean {release_path}?" in shop.deploy().failed().out
    assert not tab.exists()


@pytest.mark.extended("recipe")
def test_a_crontab_that_cannot_be_read_is_not_replaced(stage: Stages) -> None:
    shop, tab = cron_stage(stage)
    shop.stand_in("crontab", script="echo 'You (deploy) are not allowed to use this program (crontab)' >&2; exit 1")
    assert "are not allowed to use this program" in shop.deploy().failed().out
    assert not tab.exists()


@pytest.mark.extended("recipe")
def test_the_path_of_hooks_is_a_placeholder(stage: Stages) -> None:
    shop, tab = cron_stage(stage, "* * * * * PATH={hook_path} job\n")
    shop.deploy().ok()
    assert f"PATH={shop.project.hosts['web1']['default_env']['PATH']} job" in tab.read_text()


@pytest.mark.extended("recipe")
@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"file": "crontab", "command": ["whenever"]}, "set file or command, not both"),
        ({"command": []}, "command must not be empty"),
    ],
)
def test_wrong_options_are_refused(stage: Stages, options: dict[str, Any], complaint: str) -> None:
    assert complaint in stage(recipes={"cron": options}).deploy().failed(3).out
