"""`make gpu-check` from its start to its end, on a machine whose card and driver are stand-ins."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from provision.catalogue import tried
from tests.kit import card
from tests.kit.box import LACK

pytestmark = [pytest.mark.life, pytest.mark.skipif(bool(LACK), reason=str(LACK))]


def test_recipes_are_tried_on_the_card_and_what_came_out_makes_marks(tmp_path: Path) -> None:
    into = tmp_path / "into"
    check = [sys.executable, "-m", "rehearsal", "gpu-check", "--state", str(tmp_path / "state"), "--into", str(into)]
    wanted = ["--recipes", "base,nvidia-driver,nolearn-dbn", "--minutes", "5"]
    done = card.run(tmp_path, *check, *wanted, name="NVIDIA H200", compute="9.0", driver="580.1")
    assert "NVIDIA H200 (compute 9.0, driver 580.1)" in done.stdout, done.stdout + done.stderr
    assert "5 % busy" in done.stdout
    table = json.loads((into / "gpu-check.json").read_text())
    states = {row["recipe"]: row["state"] for row in table["recipes"]}
    assert states["base"] == "tried"
    # It is for other cards only, or its licence is not accepted: neither is a failure.
    assert states["nolearn-dbn"] in ("no", "not run")
    assert done.returncode == int("failed" in states.values())
    (read,) = tried.checks(into)
    assert (read.gpu, read.driver, read.image) == ("H200", "580.1", "ubuntu-22.04")
    assert not list((tmp_path / "state" / "gpu" / "boxes").glob("card")), "the box is gone"
