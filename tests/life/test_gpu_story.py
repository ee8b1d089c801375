"""`make rehearse GPU=1` on a machine whose card and driver are stand-ins, as far as one gets without computing."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import pytest

from rehearsal.site import ROOT
from tests.kit import card
from tests.kit.box import LACK

pytestmark = [pytest.mark.life, pytest.mark.skipif(bool(LACK), reason=str(LACK))]


def test_the_stack_asks_for_such_a_card_its_box_sees_it_and_the_first_that_computes_ends_it(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".rehearsal-test-") as state:
        story = [sys.executable, "-m", "rehearsal", "story", "--gpu", "--state", state]
        done = card.run(tmp_path, *story, name="Tesla T4", compute="7.5", driver="580.1")
        said = done.stdout + done.stderr
        assert done.returncode == 1, said
        signs = ("instanceType g4dn.xlarge", "the box sees the Tesla T4", "cuda           installed")
        for sign in (*signs, "nvidia-driver  was there already, not by gpurig; taken as it is"):
            assert sign in done.stdout, said
        # This library is none; that of a card runs what was compiled for it.
        assert "caffe (STAND-IN): there is no GPU here, or no driver for it" in said, said
        assert json.loads((Path(state) / "boxes" / "taken.json").read_text()) == [], "the machine has all of it back"
