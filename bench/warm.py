"""`fab setup-digits` on a box that has nothing, on one whose job volume remembers, and on one with a bucket.

The first box keeps what it installs, and sends it to the bucket; what that takes is told apart, and is not counted as
part of the cold time. The third has a blank volume, as a colleague's stack would. The stand-in of Caffe compiles in
seconds where the real one takes half an hour: `make bench SOURCES=upstream` has that one.
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
BUCKET = "gpurig-builds-bench"
FORGOTTEN = 61
"""Seconds after which ext4 gives the inodes of deleted files away again (60, in fs/ialloc.c): until then it looks for
others one by one. A new instance's disk has no such past; here another box has just been removed from the same one."""
KEPT = re.compile(r"kept on the job volume \(\w+\): .* in ([\d.]+) s")
FETCHED = re.compile(r"fetched from the bucket \(\w+\): .* in ([\d.]+) s")
SENT = re.compile(r"it is there, after ([\d.]+) s")


def measure(user: User, recipe: str = "digits") -> dict[str, float]:
    """Return the seconds of all three, of each step, of keeping, sending and fetching; and parts of the cold time."""
    setup = f"setup-{recipe}"
    user.config("jobVolumeGib", str(VOLUME_GIB))
    user.cloud.client("s3").create_bucket(Bucket=BUCKET)
    user.config("builds", f"s3://{BUCKET}")
    figures = _life(user, recipe, "cold")
    figures["keeping"] = _sum(KEPT, _logs(user))
    # The volume's snapshot is what the next box's volume is made from.
    user.destroy()
    figures |= _life(user, recipe, "volume")
    user.destroy()
    user.config("jobSnapshot", "none")
    figures |= _life(user, recipe, "bucket")
    figures["fetching"] = _sum(FETCHED, _logs(user))
    user.destroy()
    cold = figures[f"{setup}, cold"] - figures["keeping"] - figures.get("sending, cold", 0.0)
    ratios = {f"ratio, {name}": figures[f"{setup}, {name}"] / cold for name in ("volume", "bucket")}
    for name, value in (figures | ratios).items():
        unit = f"     (aim: at most {AIM})" if name in ratios else " s"
        print(f"{name:<28}{value:8.2f}{unit}", flush=True)
    return figures | ratios


def _life(user: User, recipe: str, name: str) -> dict[str, float]:
    """Make a box and set a recipe up; returns the seconds of that, of each step, and of sending builds."""
    os.sync()
    time.sleep(FORGOTTEN)
    user.up()
    user.fab("setup-base")
    said: list[str] = []
    figures = {f"setup-{recipe}, {name}": seconds(lambda: said.append(user.fab(f"setup-{recipe}")))}
    if sent := SENT.findall(said[0]):
        figures[f"sending, {name}"] = sum(map(float, sent))
    journal = user.on_box("sudo cat /var/lib/gpurig/journal.jsonl").splitlines()
    events = [json.loads(line) for line in journal if line.startswith("{")]
    installed = [event for event in events if event.get("state") == "installed" and event["step"] != "base"]
    return {**{f"{event['step']}, {name}": event["seconds"] for event in installed}, **figures}


def _logs(user: User) -> str:
    return user.on_box("sudo sh -c 'cat /var/lib/gpurig/logs/*.log'")


def _sum(pattern: re.Pattern[str], text: str) -> float:
    return sum(map(float, pattern.findall(text)))
