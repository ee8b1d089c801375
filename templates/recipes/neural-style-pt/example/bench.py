"""Time neural-style's iterations: `python bench.py OPTION…`, the options of neural-style; $GPURIG_DEVICE says where.

Writes bench.json into $GPURIG_RESULTS.
Exit codes: neural-style's own; 1 where the loss does not fall; 3 where there is no GPU to compute on.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import platform
import re
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

SEED = 0


def timed(options: list[str], picture: Path) -> tuple[list[float], list[float]]:
    """Run neural-style; return when each iteration ended, in seconds of UTC, and its loss. Ends the program with it."""
    fixed = ["-seed", str(SEED), "-print_iter", "1", "-save_iter", "0", "-output_image", str(picture)]
    # It prints after each, when the device has computed its loss.
    ends: list[float] = []
    losses: list[float] = []
    with subprocess.Popen(["neural-style", *options, *fixed], stdout=subprocess.PIPE, text=True) as program:
        for line in program.stdout or ():
            if line.startswith("Iteration "):
                ends.append(time.time())
            if found := re.match(r"\s*Total loss: (\S+)", line):
                losses.append(float(found[1]))
                print(f"iteration {len(ends)}: loss {losses[-1]:.4g}", flush=True)
    if program.returncode:
        sys.exit(program.returncode)
    return ends, losses


def need_learnt(losses: list[float]) -> None:
    """End the program, exit code 1, where a loss is no number, or the last one is not below the first."""
    for number, loss in enumerate(losses, 1):
        if not math.isfinite(loss):
            raise SystemExit(f"iteration {number}: the loss is {loss}, and no picture comes of that")
    if not losses[-1] < losses[0]:
        raise SystemExit(f"the loss was {losses[0]:.4g} at first and is {losses[-1]:.4g}: it takes more iterations")


def main() -> None:
    """Time it, and say so in bench.json."""
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "out.png"
        ends, losses = timed(sys.argv[1:], picture)
        width, height = struct.unpack(">II", picture.read_bytes()[16:24])  # where every PNG says its size
    need_learnt(losses)
    cpu = os.environ.get("GPURIG_DEVICE") == "cpu" or not torch.cuda.is_available()
    result = {
        "unit": "iteration",
        # The first iteration pays for what is made once, and its loss is that of a picture that nobody has changed.
        "seconds": [after - before for before, after in itertools.pairwise(ends)],
        "losses": losses[1:],
        "error": losses[-1],
        "nothing_learnt": losses[0],
        "between": [ends[0], ends[-1]],
        "measure": "final loss",
        "device": "cpu" if cpu else f"cuda:0 ({torch.cuda.get_device_name(0)})",
        "seed": SEED,
        "data": f"1 content and 1 style picture at {width} x {height} pixels",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }
    part = Path(os.environ["GPURIG_RESULTS"]) / "bench.json.part"
    part.write_text(json.dumps(result, indent=1), encoding="utf-8")
    part.rename(part.with_suffix(""))


if __name__ == "__main__":
    main()
