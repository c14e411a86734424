"""The recipe cron with the real crontab, whose directory is one of the test in a namespace of its own."""

from __future__ import annotations

import grp
import os
import shutil
from pathlib import Path

import pytest

from capdoit.testing import Stages

pytestmark = pytest.mark.real
IN_NAMESPACE = """
exec unshare --mount sh -c 'mount --bind {spool} /var/spool/cron/crontabs && exec {crontab} "$@"' crontab "$@"
"""


def test_the_real_crontab_has_the_jobs_of_the_live_release(stage: Stages, tmp_path: Path) -> None:
    crontab = shutil.which("crontab")
    assert crontab, "this test needs crontab: apt-get install cron"
    assert os.geteuid() == 0, "this test creates a mount namespace, which needs root"
    spool = tmp_path / "crontabs"
    spool.mkdir()
    os.chown(spool, 0, grp.getgrnam("crontab").gr_gid)
    spool.chmod(0o1730)
    shop = stage(hosts=1, recipes={"cron": {}}, files={"config/crontab": "5 4 * * * cd {release_path} && one\n"})
    shop.stand_in("crontab", script=IN_NAMESPACE.format(spool=spool, crontab=crontab))
    own = "# my own\n* * * * * mine\n"
    (tmp_path / "own").write_text(own)
    assert shop.doit("cap", "exec", f"crontab {tmp_path}/own", "production").ok()

    shop.deploy().ok()
    first = shop.live
    shop.commit({"config/crontab": "@daily two\n"})
    shop.deploy().ok()
    assert lines(spool) == ["# my own", "* * * * * mine", *marked("@daily two")]
    shop.commit({"config/crontab": "61 4 * * * wrong\n"})
    refused = shop.deploy().failed()
    assert "bad minute" in refused.out
    assert "line 4: 61 4 * * * wrong" in refused.out
    assert lines(spool) == ["# my own", "* * * * * mine", *marked("@daily two")]
    shop.rollback().ok()
    release = shop.host().release(str(first))
    assert lines(spool) == ["# my own", "* * * * * mine", *marked(f"5 4 * * * cd {release} && one")]
    assert lines(shop.host().shared, "crontab.before") == ["# my own", "* * * * * mine", *marked("@daily two")]
    shop.assert_healthy()


def lines(folder: Path, name: str = "root") -> list[str]:
    """Return the lines of a crontab without the remarks that crontab itself puts at its top."""
    text = (folder / name).read_text().splitlines()
    return [line for line in text if not line.startswith(("# DO NOT EDIT", "# (")) or line == "# my own"]


def marked(line: str) -> list[str]:
    return ["# BEGIN capdoit shop production", line, "# END capdoit shop production"]
