"""Files as a bench writes them, and what is made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from provision.work.comparison import Comparison
from provision.work.measured import FILE, Half

GOOD: dict[str, Any] = {
    "unit": "epoch",
    "seconds": [9.0, 4.0, 2.0, 3.0],
    "losses": [2.0, 1.0, 0.5, 0.25],
    "error": 0.0125,
    "nothing_learnt": 0.9,
    "measure": "validation error",
    "device": "cpu",
    "seed": 7,
    "data": "digits [small], 1797 pictures",
    "versions": {"python": "3.11"},
}
OTHER = {"setting": "batches of 100", "seconds": [8.0, 8.0], "losses": [1.0, 0.5], "error": 0.25, "nothing_learnt": 0.9}
GPU = {"seconds": [5.0, 0.1, 0.2, 0.3], "device": "cuda:0 (NVIDIA A10G)", "error": 0.5}
HOST = {"name": "trainer", "instance_type": "g5.xlarge", "gpu": "NVIDIA A10G", "cpu": "EPYC", "cores": 4}


def half(folder: Path, asked: str, **changes: object) -> Half:
    """Write what a script would, and read it."""
    (folder / FILE).write_text(json.dumps({**GOOD, **changes}))
    return Half.read(folder / FILE, asked, "python lenet.py")


def comparison(folder: Path, **gpu: object) -> Comparison:
    """Return both halves; `gpu` goes into the GPU's file."""
    cpu, other = half(folder, "cpu"), half(folder, "gpu", **{**GPU, **gpu})
    return Comparison(recipe="pytorch", date="2026-01-02 03:04 UTC", host=HOST, cpu=cpu, gpu=other)
