"""Time neural-style's iterations: `python bench.py OPTION…`, the options of neural-style; $GPURIG_DEVICE says where.

Writes bench.json into $GPURIG_RESULTS. Exit codes: neural-style's own; 3 where there is no GPU to compute on.
"""

from __future__ import annotations

import itertools
import json
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


def timed(options: list[str], picture: Path) -> tuple[list[float], float]:
    """Run neural-style; return the seconds of each iteration but the first, and the last loss."""
    fixed = ["-seed", str(SEED), "-print_iter", "1", "-save_iter", "0", "-output_image", str(picture)]
    # The first iteration pays for what is made once; it prints after each, when the device has computed its loss.
    ends: list[float] = []
    loss = float("nan")
    with subprocess.Popen(["neural-style", *options, *fixed], stdout=subprocess.PIPE, text=True) as program:
        for line in program.stdout or ():
            if line.startswith("Iteration "):
                ends.append(time.perf_counter())
            if found := re.match(r"\s*Total loss: (\S+)", line):
                loss = float(found[1])
                print(f"iteration {len(ends)}: loss {loss:.4g}", flush=True)
    if program.returncode:
        sys.exit(program.returncode)
    return [after - before for before, after in itertools.pairwise(ends)], loss


def main() -> None:
    """Time it, and say so in bench.json."""
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "out.png"
        seconds, loss = timed(sys.argv[1:], picture)
        width, height = struct.unpack(">II", picture.read_bytes()[16:24])  # where every PNG says its size
    cpu = os.environ.get("GPURIG_DEVICE") == "cpu" or not torch.cuda.is_available()
    result = {
        "unit": "iteration",
        "seconds": seconds,
        "error": loss,
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
