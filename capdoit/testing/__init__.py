"""A pytest plugin for tests of recipes. pytest finds it where capdoit is installed.

    def test_the_cache_is_cleared_and_filled_on_both_hosts(stage):
        shop = stage(hosts=2, recipes={"acme_cache": {"warm": ["/"]}})
        shop.stand_in("acme-cache")
        shop.deploy().ok()
        assert [call.argv for call in shop.calls("acme-cache")] == [("clear",)] * 2 + [("warm", "/")] * 2
        with shop.kill_at("updated"):
            shop.deploy().failed(-9)
        shop.deploy().ok()
        shop.assert_healthy()

The fixture `stage` makes stages (`Stages`, `StageUnderTest`) whose hosts are directories. The hosts of `ssh_stage`
are real sshd's, which need Debian's openssh-server. doit, git and the scripts are real in both.
"""

from capdoit.testing.project import DODO, Completed, GitRepo, HostUnderTest, Project, clean_env
from capdoit.testing.sshd import Sshd, SshdFleet
from capdoit.testing.stage import Stages, StageUnderTest
from capdoit.testing.stand_in import Call

__all__ = [
    "DODO",
    "Call",
    "Completed",
    "GitRepo",
    "HostUnderTest",
    "Project",
    "Sshd",
    "SshdFleet",
    "StageUnderTest",
    "Stages",
    "clean_env",
]
