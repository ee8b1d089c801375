"""`fab dataset-build` beside ImageMagick under GNU parallel: the same pictures, on the same box, in the same run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.rig import seconds
from rehearsal.errors import RehearsalError
from rehearsal.site import ROOT

if TYPE_CHECKING:
    from rehearsal.user import User

PICTURES = 2000
SHORTCUT = "-define jpeg:size=512x512"
"""ImageMagick's own way to decode a JPEG at a part of its size, for those who know it."""
PYTHON = "/opt/gpurig/datasets/venv/bin/python"


def measure(user: User) -> dict[str, float]:
    """Return seconds by name, and how many times as long ImageMagick takes."""
    user.config("jobVolumeGib", "8")
    user.up()
    user.fab("setup-datasets")
    user.on_box("sudo apt-get -qq update && sudo apt-get -qq install -y imagemagick parallel >/dev/null")
    user.fab("sync", str(ROOT / "bench" / "camera"))
    user.fab("run", "--folder", "camera", "--command", f"{PYTHON} camera.py ../../datasets/camera {PICTURES}")
    figures = {
        "fab dataset-build": seconds(lambda: user.fab("dataset-build", "small", "--from", "camera")),
        "mogrify under parallel": seconds(lambda: magick(user, "plain")),
        "mogrify with jpeg:size": seconds(lambda: magick(user, "hinted", SHORTCUT)),
    }
    same_work(user)
    user.destroy()
    ours = figures["fab dataset-build"]
    for name, value in figures.items():
        print(f"{name:<28}{value:8.1f} s {PICTURES / value:8.0f} pictures a second", flush=True)
    for name, aim in (("mogrify under parallel", "     (aim: more than 1)"), ("mogrify with jpeg:size", "")):
        figures[f"{name} / ours"] = figures[name] / ours
        print(f"{f'{name} / ours':<28}{figures[name] / ours:8.2f}{aim}")
    return figures


def magick(user: User, goal: str, words: str = "") -> None:
    """Do the same with ImageMagick."""
    user.fab("run", "--folder", "camera", "--command", f"bash magick.sh ../../datasets/camera ../../{goal} {words}")


def same_work(user: User) -> None:
    """Raise `RehearsalError` unless each of the three left four versions of every picture."""
    for folder in ("datasets/small", "plain", "hinted"):
        count = user.on_box(f"find /jobs/{folder} -name '*.png' | wc -l").split()[-1]
        if int(count) != 4 * PICTURES:
            raise RehearsalError(f"{folder} has {count} pictures, and not {4 * PICTURES}")
