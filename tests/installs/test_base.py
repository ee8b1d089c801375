"""A machine of one's own has the base recipe, and the same command once more changes nothing."""

from __future__ import annotations

from tests.installs.box import Box


def test_base(box: Box) -> None:
    assert "base  installed" in box.fab("setup-base")  # by cloud-init: the task joins in
    assert "nothing to do" in box.fab("setup-base")
    assert "tmux" in box.ssh("command -v tmux")
