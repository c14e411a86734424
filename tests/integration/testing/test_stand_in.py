"""Stand-ins for programs of hosts."""

from __future__ import annotations

import subprocess
from pathlib import Path
from textwrap import dedent

import pytest

from capdoit.testing import Call, Stages
from tests.support import further

HOSTILE = ["a b", "", "it's", 'say "hi"', "two\nlines\n", "$HOME `id` \\n \\", "*", "-n", "ä\udcff", "\ttab"]
ASK = f"""
@cap.after("published")
def ask(host, release):
    host.run(["oracle", *{HOSTILE!r}], cwd=release.path, env={{"WHY": "a=b\\nc"}})
"""


def test_calls_are_recorded_with_host_directory_and_environment(stage: Stages) -> None:
    shop = stage(dodo=ASK)
    shop.stand_in("oracle", answer="forty\n'two'")
    assert "forty" in shop.deploy().ok().out

    found = {call.host: call for call in shop.calls("oracle")}
    for name in ("web1", "web2"):
        assert found[name].argv == tuple(HOSTILE)
        assert found[name].cwd == str(shop.host(name).release(str(shop.live)))
        assert found[name].env["WHY"] == "a=b\nc"


@pytest.mark.extended("detail")
def test_concurrent_calls_are_all_recorded_completely(stage: Stages) -> None:
    each = "for n in 1 2 3 4 5 6 7 8 9 10; do oracle $n & done; wait"
    shop = stage(
        dodo=dedent(f"""
        @cap.after('published')
        def ask(host):
            host.run({each!r})
        """)
    )
    shop.stand_in("oracle")
    shop.deploy().ok()
    calls = {(call.host, call.argv) for call in shop.calls("oracle")}
    assert calls == {(host, (str(n),)) for host in ("web1", "web2") for n in range(1, 11)}


@pytest.mark.parametrize("shell", [["dash"], *further(["bash", "--posix"], ["busybox", "ash"])], ids=" ".join)
def test_a_stand_in_works_in_every_shell(stage: Stages, shell: list[str]) -> None:
    shop = stage(hosts=1)
    shop.stand_in("oracle", answer="x\\n'", status=3)
    file = Path(shop.host().deploy_to.parent.parent.parent / "stand-ins/bin/web1/oracle")
    for _ in range(2):
        done = subprocess.run([*shell, file, *HOSTILE], capture_output=True, check=False, cwd="/usr")
        assert (done.returncode, done.stdout, done.stderr) == (3, b"x\\n'", b"")
    assert shop.calls("oracle") == [Call(tuple(HOSTILE), "/usr", "web1", {})] * 2


@pytest.mark.extended("detail")
def test_a_stand_in_precedes_the_path_of_a_host(stage: Stages) -> None:
    site = stage(hosts={"web1": {"default_env": {"PATH": "/usr/bin:/bin", "LANG": "C"}}})
    site.stand_in("git", script='exec /usr/bin/git "$@"')
    site.deploy().ok()
    assert site.calls("git")


def test_a_stand_in_can_fail_and_can_run_a_script(stage: Stages) -> None:
    shop = stage(
        hosts=1,
        dodo=dedent("""
        @cap.after('updated')
        def ask(host):
            host.run(['oracle', 'a b'])
        """),
    )
    shop.stand_in("oracle", status=4)
    assert "exit status 4" in shop.deploy().failed().out
    shop.stand_in("oracle", script='echo "<$1>"; [ "$1" = "a b" ]')
    assert "<a b>" in shop.deploy().ok().out
    shop.stand_in("oracle", script="false")
    assert "exit status 1" in shop.deploy().failed().out
    assert len(shop.calls("oracle")) == 3


@pytest.mark.extended("detail")
def test_a_call_on_the_controller_has_no_host(stage: Stages) -> None:
    dodo = dedent("""
        import subprocess
        @cap.after('published', once=True)
        def tell(hosts):
            subprocess.run(['oracle'])
        """)
    shop = stage(dodo=dodo)
    shop.stand_in("oracle")
    shop.deploy().ok()
    assert [call.host for call in shop.calls("oracle")] == [None]


def test_asking_for_calls_of_a_program_without_stand_in_is_refused(stage: Stages) -> None:
    with pytest.raises(AssertionError, match="oracel has no stand-in"):
        stage().calls("oracel")
