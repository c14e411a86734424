"""The recipe maintenance with a real nginx that is configured as in the manual."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from capdoit.recipes import maintenance
from capdoit.testing import Stages, StageUnderTest
from tests.recipes.nginx import Nginx

pytestmark = pytest.mark.real
ASK = """
@cap.after("updated")
def ask(host):
    host.run(["curl", "-sS", "-w", "status %{http_code}\\\\n", "-H", "Host: shop.example.com", "URL"])
"""


def manual() -> str:
    """Return the lines of the manual for nginx."""
    paragraphs = str(maintenance.__doc__).split("\n\n")
    return paragraphs[[each.endswith("in nginx:") for each in paragraphs].index(True) + 1]


@pytest.fixture
def shop(stage: Stages) -> Iterator[tuple[StageUnderTest, Nginx]]:
    shop = stage(hosts=1, recipes={"maintenance": {}}, files={"index.html": "the shop\n"})
    nginx = Nginx(shop.project.path.parent / "nginx")
    nginx.serve(f"root {shop.host().deploy_to}/current;" + manual().replace("/srv/shop", str(shop.host().deploy_to)))
    dodo = shop.project.path / "dodo.py"
    dodo.write_text(dodo.read_text() + ASK.replace("URL", nginx.url("/")))
    with nginx.running():
        shop.deploy().ok()
        yield shop, nginx


def seen(nginx: Nginx, path: str = "/") -> tuple[int, str]:
    """Return what a visitor gets."""
    request = urllib.request.Request(nginx.url(path), headers={"Host": "shop.example.com"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_visitors_see_the_page_during_a_deploy(shop: tuple[StageUnderTest, Nginx]) -> None:
    stage, nginx = shop
    assert seen(nginx) == (200, "the shop\n")
    stage.commit({"index.html": "the new shop\n"})
    done = stage.deploy("maintenance=yes", "message=new prices")
    assert "web1 | <p>new prices</p>" in done.ok().out
    assert "web1 | status 503" in done.out
    assert seen(nginx) == (200, "the new shop\n")


def test_visitors_see_the_shop_again_after_a_failure_before_publish(shop: tuple[StageUnderTest, Nginx]) -> None:
    stage, nginx = shop
    with stage.fail_at("updated"):
        assert "web1 | status 503" in stage.deploy("maintenance=yes").failed().out
    assert seen(nginx) == (200, "the shop\n")


def test_visitors_see_the_page_on_every_path_until_it_is_removed(shop: tuple[StageUnderTest, Nginx]) -> None:
    stage, nginx = shop
    with stage.fail_at("published"):
        stage.deploy("maintenance=yes", "message=back at noon").failed()
    for path in ("/", "/index.html", "/tea/1?q=x"):
        status, text = seen(nginx, path)
        assert (status, "back at noon" in text) == (503, True)
    stage.doit("run", "-s", "deploy:production:maintenance.down").ok()
    assert seen(nginx) == (200, "the shop\n")
