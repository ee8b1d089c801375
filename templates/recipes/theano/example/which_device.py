"""Say which device computed: exp over a long vector, again and again, by each of PyTensor's ways to compute.

The question that Theano's manual had a script for, asked of what Theano lives on as. What came out answers it: a NumPy
array lies in the host's memory, and a JAX array knows its device. Results: which_device.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytensor
import pytensor.tensor as pt

NO_GPU = 3
"""Exit code where a GPU was asked for and there is none."""
WRONG = 1e-4
"""A relative error that is more than rounding: numbers of 32 bits have seven digits."""
BACKENDS = {"C": "FAST_RUN", "Numba": "NUMBA", "JAX": "JAX"}
"""Name of a way to compute, and PyTensor's own word for it."""


def options() -> argparse.Namespace:
    """Return the command line, checked."""
    parser = argparse.ArgumentParser(description="which device does PyTensor compute on?")
    parser.add_argument("--length", type=int, default=10 * 30 * 768, help="numbers in the vector (230,400)")
    parser.add_argument("--iterations", type=int, default=1000, help="how often to compute exp of it (1,000)")
    chosen = parser.parse_args()
    if min(chosen.length, chosen.iterations) < 1:
        parser.error("--length and --iterations have to be 1 or more")
    return chosen


def take_device(wanted: str) -> None:
    """Let JAX compute on what is asked for; ends the program where a GPU is asked for and JAX sees none."""
    if wanted == "cpu":
        jax.config.update("jax_platforms", "cpu")
    if wanted == "gpu" and jax.default_backend() != "gpu":
        print("which_device.py: a GPU was asked for, and JAX sees none on this host", file=sys.stderr)
        sys.exit(NO_GPU)


def measured(backend: str, values: np.ndarray, iterations: int) -> dict[str, object]:
    """Return how long `iterations` times exp took by one way to compute, where, and how far off the last one is."""
    shared = pytensor.shared(values)
    function = pytensor.function([], pt.exp(shared), mode=BACKENDS[backend])
    result = _ready(function())
    began = time.perf_counter()
    for _ in range(iterations):
        result = function()
    _ready(result)
    seconds = time.perf_counter() - began
    off = float(np.max(np.abs(np.asarray(result) / np.exp(values) - 1)))
    return {"backend": backend, "device": _device_of(result), "seconds": seconds, "relative_error": off}


def _ready(result: object) -> object:
    """Wait for what a GPU computes in the background."""
    return result.block_until_ready() if hasattr(result, "block_until_ready") else result


def _device_of(result: object) -> str:
    """Return "cpu", or the GPU that holds a result, as "cuda:0 (NVIDIA A10G)"."""
    (device,) = result.devices() if hasattr(result, "devices") else [None]
    return f"cuda:{device.id} ({device.device_kind})" if device and device.platform == "gpu" else "cpu"


def main() -> None:
    """Compute, say where it was, and write it down."""
    chosen = options()
    wanted = os.environ.get("GPURIG_DEVICE", "auto")
    take_device(wanted)
    values = np.random.default_rng(0).random(chosen.length, dtype="float32")
    rows = []
    # C and Numba compute on the CPU, whatever there is.
    for backend in ["JAX"] if wanted == "gpu" else BACKENDS:
        row = measured(backend, values, chosen.iterations)
        used = "cpu" if row["device"] == "cpu" else "gpu"
        print(f"{backend}: {chosen.iterations} times in {row['seconds']:.3f} s on {row['device']}. Used the {used}")
        if not row["relative_error"] < WRONG:  # nor what is no number
            raise SystemExit(f"{backend} computes wrongly: exp is off by {row['relative_error']:.1e} of its value")
        rows.append(row)
    versions = {"python": platform.python_version(), "pytensor": pytensor.__version__, "jax": jax.__version__}
    folder = Path(os.environ.get("GPURIG_RESULTS", "results"))
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / "which_device.json.part"
    sizes = {"length": chosen.length, "iterations": chosen.iterations}
    part.write_text(json.dumps({**sizes, "runs": rows, "versions": versions}, indent=1), encoding="utf-8")
    part.rename(folder / "which_device.json")


if __name__ == "__main__":
    main()
