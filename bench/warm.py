"""`fab setup-digits` on a fresh box whose job volume remembers, beside the box before it, which had nothing.

The first box keeps what it installs; what that takes is told apart, and is not counted as part of the cold time. The
stand-in of Caffe compiles in seconds where the real one takes half an hour: `make bench SOURCES=upstream` has that one.
"""

from __future__ import annotations

import json
import os
import re
import time
from typing import TYPE_CHECKING

from bench.rig import seconds

if TYPE_CHECKING:
    from rehearsal.user import User

AIM = 0.1
VOLUME_GIB = 16
"""Entries may take 40 % of the volume, and those of DIGITS with CUDA take 3.5 GiB."""
FORGOTTEN = 61
"""Seconds after which ext4 gives the inodes of deleted files away again (60, in fs/ialloc.c): until then it looks for
others one by one. A new instance's disk has no such past; here another box has just been removed from the same one."""
KEPT = re.compile(r"kept on the job volume \(\w+\): .* in ([\d.]+) s")


def measure(user: User) -> dict[str, float]:
    """Return the seconds of both, of keeping, and of each step, and what part of the cold time the warm one is."""
    user.config("jobVolumeGib", str(VOLUME_GIB))
    figures = {f"{name}, cold": value for name, value in _life(user).items()}
    logs = user.on_box("sudo cat /var/lib/gpurig/logs/*.log")
    figures["keeping"] = sum(float(took) for took in KEPT.findall(logs))
    # The volume's snapshot is what the next box's volume is made from.
    user.destroy()
    figures |= {f"{name}, warm": value for name, value in _life(user).items()}
    user.destroy()
    figures["ratio"] = figures["setup-digits, warm"] / (figures["setup-digits, cold"] - figures["keeping"])
    for name, value in figures.items():
        unit = f"     (aim: at most {AIM})" if name == "ratio" else " s"
        print(f"{name:<28}{value:8.2f}{unit}", flush=True)
    return figures


def _life(user: User) -> dict[str, float]:
    """Make a box and set DIGITS up; returns the seconds of that, and of each step."""
    os.sync()
    time.sleep(FORGOTTEN)
    user.up()
    user.fab("setup-base")
    whole = seconds(lambda: user.fab("setup-digits"))
    journal = user.on_box("sudo cat /var/lib/gpurig/journal.jsonl").splitlines()
    events = [json.loads(line) for line in journal if line.startswith("{")]
    installed = [event for event in events if event.get("state") == "installed" and event["step"] != "base"]
    return {**{event["step"]: event["seconds"] for event in installed}, "setup-digits": whole}
