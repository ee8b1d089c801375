"""A step that goes at once and ends as nobody foresaw: neither done nor failed."""

from __future__ import annotations

import subprocess
import sys

from tests.kit.fab import ROOT

UNKNOWN = """
from provision.agent.at_once import AtOnce
step = {"name": "tool", "reboot": False, "disk_gib": 0, "timeout": 1}
AtOnce([step], {"needs": {"tool": []}, "builds": []}, lambda _: {}["nothing of the kind"]).run()
"""


def test_a_step_of_which_nobody_knows_how_it_ended_ends_the_runner() -> None:
    done = subprocess.run(
        [sys.executable, "-c", UNKNOWN], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert "nothing of the kind" in done.stderr
