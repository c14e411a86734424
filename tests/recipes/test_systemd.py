"""systemd: units are restarted once a release is live, in both flows."""

from __future__ import annotations

from capdoit.testing import Stages


def test_units_are_restarted_and_awaited_after_every_flip(stage: Stages):
    shop = stage(hosts=1, recipes={"systemd": {"units": ["shop.service"]}})
    shop.stand_in("systemctl", answer="active\n")
    shop.deploy().ok()
    restart, state = shop.calls("systemctl")
    assert restart.argv == ("restart", "--", "shop.service")
    assert state.argv == ("show", "--property=ActiveState", "--value", "--", "shop.service")
