"""The guard and a box's lifetime: told of in time, never over at once. The host's signs of life are the test's own."""

from __future__ import annotations

import dataclasses
import os
import shutil
import time
from pathlib import Path

import pytest

from tests.recipes.guard_lab import Box

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare"),
    reason="needs root and unshare for a /run of its own",
)


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def with_lifetime(box: Box, hours: int) -> Box:
    return dataclasses.replace(box, target=dataclasses.replace(box.target, idle_stop_minutes=0, lifetime_hours=hours))


def test_the_end_of_its_lifetime_is_told_and_left_to_its_timer(box: Box) -> None:
    box = with_lifetime(box, 5)
    box.has("run/lifetime", f"{time.time() + 500:.0f}\n")
    for _ in range(2):
        seen = box.looks()
    assert seen["lifetime_until"] == pytest.approx(time.time() + 500, abs=30)
    (line,) = box.text("said").splitlines()
    assert "powers off in 8 min" in line
    assert "its lifetime" in line
    assert not box.stopped


def test_a_lifetime_counts_from_the_start_of_the_first_process(box: Box) -> None:
    assert with_lifetime(box, 5).looks()["lifetime_until"] == pytest.approx(time.time() + 5 * 3600, abs=30)


def test_a_box_that_is_up_for_longer_than_a_new_lifetime_is_told_and_has_twenty_minutes(box: Box) -> None:
    # A lifetime that was over an hour before the boot: the timer, started again, would elapse at once.
    with_lifetime(box, -1).does("arm")
    until = float(box.text("run/lifetime"))
    assert until == pytest.approx(time.time() + 20 * 60, abs=60)
    assert box.text("run/until.conf") == "[Timer]\nOnStartupSec=\nOnActiveSec=20min\n"
    assert "powers off in 20 min: its lifetime is over" in box.text("said")
    did = box.text("did").splitlines()
    assert did.index("daemon-reload") < did.index("restart gpurig-lifetime.timer")
    # Once only: a second setup gives no more.
    box.has("run/lifetime", f"{time.time() + 60:.0f}\n")
    (box.folder / "run/until.conf").unlink()
    with_lifetime(box, 1).does("arm")
    assert not box.text("run/until.conf")


@pytest.mark.parametrize(("hours", "keeps"), [(5, True), (9, False), (0, False)])
def test_an_end_that_was_asked_for_gives_way_to_settings_with_a_later_one(box: Box, hours: int, *, keeps: bool) -> None:
    asked = f"{time.time() + 8 * 3600:.0f}"
    box.has("run/lifetime", asked)
    with_lifetime(box, hours).does("arm")
    assert box.text("run/lifetime") == (asked if keeps else "")
