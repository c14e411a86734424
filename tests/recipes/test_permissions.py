"""The recipe permissions: modes, groups and ACLs of the release and of linked directories, before the publish."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from pathlib import Path
from typing import Any

import pytest

from capdoit.testing import Stages, StageUnderTest
from tests.support import further

CODE = {"var/tea.txt": "tea\n", "bin/console": "#!/bin/sh\n", "config/db.yml": "secret\n"}
LINKED = ["var/log", "public/uploads"]
USER = pwd.getpwuid(os.getuid()).pw_name
OWN_GROUP = grp.getgrgid(os.getgid()).gr_name
OTHER_GROUP = next(group.gr_name for group in grp.getgrall() if group.gr_gid != os.getgid())
# Root changes the files of others too, so its own rights are no entry of the ACL.
MINE = "" if os.geteuid() == 0 else f"u:{USER}:rwX,"


def make(stage: Stages, hosts: int = 1, **options: Any) -> StageUnderTest:
    site = stage(hosts=hosts, recipes={"permissions": options}, files=CODE, linked_dirs=LINKED)
    site.stand_in("setfacl")
    site.stand_in("getfacl")
    return site


def mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.stat().st_mode):o}"


def changed(site: StageUnderTest) -> dict[str, set[str]]:
    """Return the entries of the last `setfacl` for each path, below deploy_to; the release is "release"."""
    found: dict[str, set[str]] = {}
    for call in site.calls("setfacl"):
        _, entries, *paths = call.argv
        for path in paths:
            place = site.host(str(call.host)).deploy_to.resolve()
            name = str(Path(path).relative_to(place)).replace(f"releases/{site.live}", "release")
            if "capdoit-acl" not in name:
                found[f"{call.host}:{name}"] = {*entries.split(",")}
    return found


def test_users_get_access_to_the_release_and_to_linked_directories_on_every_host(stage: Stages) -> None:
    site = make(stage, 2, paths=["var", "public"], users=[USER], groups=[OTHER_GROUP])
    site.deploy().ok()
    file = {entry for entry in (*MINE.split(","), f"u:{USER}:rwX", f"g:{OTHER_GROUP}:rwX") if entry}
    directory = file | {f"d:{entry}" for entry in file}
    found = changed(site)
    for host in ("web1", "web2"):
        assert {name: found[f"{host}:{name}"] for name in ("release/var", "release/var/tea.txt", "shared/var/log")} == {
            "release/var": directory,
            "release/var/tea.txt": file,
            "shared/var/log": directory,
        }
        assert f"{host}:shared/public/uploads" in found
    assert not [name for name in found if "config" in name or "bin" in name]
    site.assert_healthy()


@pytest.mark.extended("recipe")
def test_the_release_is_changed_before_it_is_live(stage: Stages) -> None:
    site = make(stage, paths=["var"], users=[USER])
    with site.fail_at("publishing", when="before"):
        site.deploy().failed()
    assert any("var/tea.txt" in " ".join(call.argv) for call in site.calls("setfacl"))
    assert site.live is None


@pytest.mark.extended("recipe")
def test_a_linked_directory_that_is_right_is_not_searched_again(stage: Stages) -> None:
    site = make(stage, paths=["var"], users=[USER])
    site.stand_in("getfacl", answer=f"user::rwx\nuser:{USER}:rwx\ndefault:user:{USER}:rwx\n")
    site.deploy().ok()
    assert {name for name in changed(site) if "shared" in name} == set()
    assert "web1:release/var" in changed(site), "the release is new"
    before = len(site.calls("setfacl"))
    site.deploy().ok()
    deployed = len(site.calls("setfacl"))
    assert deployed > before
    site.rollback().ok()
    assert len(site.calls("setfacl")) == deployed, "a rollback changes nothing that is right"


@pytest.mark.extended("recipe")
@pytest.mark.parametrize(("access", "rights"), [("rX", "r-x"), ("rwX", "rwx"), ("r", "r--"), ("rwx", "rwx")])
def test_the_rights_of_a_directory_are_compared_with_the_option(stage: Stages, access: str, rights: str) -> None:
    site = make(stage, paths=["var/log"], users=[USER], access=access)
    site.stand_in("getfacl", answer=f"default:user:{USER}:{rights}\n")
    site.deploy().ok()
    assert changed(site) == {}
    site.stand_in("getfacl", answer=f"default:user:{USER}:-wx\n")
    site.deploy().ok()
    assert "web1:shared/var/log" in changed(site)


def test_modes_and_a_group_are_set(stage: Stages) -> None:
    modes = {"bin/console": "755", "config/db.yml": "640"}
    site = make(stage, paths=["var"], mode="g+rwX,o-rwx", group=OWN_GROUP, modes=modes)
    site.deploy().ok()
    release = site.host().release(str(site.live))
    assert mode(release / "bin/console") == "755"
    assert mode(release / "config/db.yml") == "640"
    assert mode(release / "var/tea.txt") == "660"
    assert mode(release / "var") == mode(site.host().shared / "var/log") == "2770"
    assert mode(release / "config") not in ("2770", "770")
    site.assert_healthy()
    site.deploy().ok()
    site.rollback().ok()
    assert mode(release / "var/tea.txt") == "660"


@pytest.mark.extended("recipe")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to any group")
def test_new_files_get_the_group_of_their_directory(stage: Stages) -> None:
    site = make(stage, paths=["var"], group=OTHER_GROUP)
    site.deploy().ok()
    release = site.host().release(str(site.live))
    new = site.host().shared / "var/log/new"
    new.touch()
    for path in (release / "var/tea.txt", release / "var", site.host().shared / "var/log", new):
        assert path.group() == OTHER_GROUP
    assert (release / "config").group() == OWN_GROUP


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"users": ["no-such-user"]}, "the user no-such-user does not exist on this host; see the option users"),
        *further(
            ({"groups": ["no-such-group"]}, "the group no-such-group does not exist on this host"),
            ({"group": "no-such-group"}, "the group no-such-group does not exist on this host"),
        ),
    ],
)
def test_a_missing_user_or_group_is_refused_before_anything_is_changed(
    stage: Stages, options: dict[str, Any], complaint: str
) -> None:
    site = make(stage, paths=["var"], **options)
    done = site.deploy().failed()
    assert complaint in done.out
    assert "starting" in done.out
    assert site.host().releases == []


@pytest.mark.extended("recipe")
def test_a_file_system_without_acl_is_refused_before_anything_is_changed(stage: Stages) -> None:
    site = make(stage, paths=["var"], users=[USER])
    site.stand_in("setfacl", script='echo "setfacl: $3: Operation not supported" >&2; exit 1')
    done = site.deploy().failed()
    assert "has no ACL" in done.out
    assert "Operation not supported" in done.out
    assert "Mount it with the option acl, or set group, not users." in done.out
    assert list(site.host().shared.glob(".capdoit-acl*")) == []
    assert site.host().releases == []


def test_a_rollback_leaves_out_paths_that_its_release_does_not_have(stage: Stages) -> None:
    site = stage(hosts=1, files=CODE)
    site.deploy().ok()
    first = site.live
    site.commit({"storage/new/tea.txt": "tea\n", "bin/new": "new\n"})
    modes = {"bin/new": "755", "bin/console": "700"}
    site.project.config(recipes={"permissions": {"paths": ["storage/new"], "mode": "g+w", "modes": modes}})
    site.deploy().ok()
    back = site.rollback().ok()
    assert "the release has no storage/new" in back.out
    assert "the release has no bin/new" in back.out
    assert site.live == first
    assert mode(site.host().release(str(first)) / "bin/console") == "700"


@pytest.mark.extended("recipe")
def test_a_path_that_does_not_exist_is_refused(stage: Stages) -> None:
    site = make(stage, paths=["vra"], mode="g+w")
    assert "vra does not exist in the release; see the option paths" in site.deploy().failed().out
    assert site.live is None


@pytest.mark.extended("recipe")
@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({}, "set users, groups, group, mode or modes: there is nothing to do without them"),
        ({"users": ["www-data"]}, "paths and one of users, groups, group and mode need each other"),
        ({"paths": ["var"], "modes": {"var": "755"}}, "paths and one of users, groups, group and mode need each other"),
        ({"paths": ["var"], "mode": "0777"}, "mode must be a change such as g+rwX, not '0777'"),
        ({"paths": ["../shared"], "mode": "g+w"}, "'../shared' is not a path in the release"),
        ({"paths": ["/etc"], "mode": "g+w"}, "'/etc' is not a path in the release"),
        ({"paths": ["var"], "users": ["www data"]}, "'www data' is not a name of a user or group"),
        ({"paths": ["var"], "users": ["www-data"], "access": "all"}, "access must be some of r, w, x and X, not 'all'"),
    ],
)
def test_options_that_do_not_fit_are_refused(stage: Stages, options: dict[str, Any], complaint: str) -> None:
    assert complaint in make(stage, **options).deploy().failed(3).out
