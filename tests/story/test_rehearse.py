"""The main job, end to end: `python -m rehearsal story`, as `make rehearse` runs it, with a state folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rehearsal.boxes import why_not

ROOT = Path(__file__).parents[2]


def state_of_the_machine() -> str:
    """List what boxes take from a machine: interfaces, namespaces, loop devices, mounts, nftables tables."""
    looks = [
        ["ip", "-oneline", "-brief", "link"],
        ["ip", "netns", "list"],
        ["losetup", "--list", "--noheadings", "--output", "BACK-FILE"],
        ["findmnt", "--list", "--noheadings", "--output", "TARGET"],
        ["nft", "list", "tables"],
        ["sysctl", "net.ipv4.ip_forward"],
    ]
    return "\n".join(subprocess.run(look, capture_output=True, text=True, check=True).stdout for look in looks)


@pytest.mark.box
@pytest.mark.slow
@pytest.mark.skipif(why_not() is not None, reason=why_not() or "")
def test_the_main_job_runs_and_leaves_the_machine_as_it_was(tmp_path: Path) -> None:
    before = state_of_the_machine()
    done = subprocess.run(
        [sys.executable, "-m", "rehearsal", "story", "--state", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "SOURCES": "standins"},
        capture_output=True,
        text=True,
        check=False,
        timeout=1500,
    )
    log = (tmp_path / "cloud.log").read_text(errors="replace") if (tmp_path / "cloud.log").exists() else ""
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-3000:]}\n--- cloud.log\n{log[-3000:]}"
    for sign in ("digits is ready on", "nothing to do, all", "no answer: the security group drops it", "as before"):
        assert sign in done.stdout
    assert "stand-in" in done.stdout.partition("What was real, and what stood in")[2]
    assert state_of_the_machine() == before
