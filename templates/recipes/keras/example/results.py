"""What a training leaves: its files, and whether it has learnt anything."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

LUCK = 0.1
"""What chance may bring of what guessing gets wrong."""


def put(path: Path, result: Any) -> None:
    """Write a result as JSON so that it is never seen in part."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    part.replace(path)


def nothing_learnt(labels: NDArray[np.int64]) -> float:
    """Return the error from which on a network does no better than to say the most frequent of these labels always."""
    return (1 - LUCK) * (1 - int(np.bincount(labels).max()) / len(labels))


def need_finite(epoch: int, loss: float) -> None:
    """End the program, exit code 1, where a loss is none."""
    if not math.isfinite(loss):
        raise SystemExit(f"epoch {epoch}: the loss is {loss}, and nothing more is learnt")


def need_learnt(error: float, limit: float) -> None:
    """End the program, exit code 1, where the network is no better than guessing."""
    if not error < limit:
        raise SystemExit(f"error {error:.4f}, and from {limit:.4f} on it is guessing: it has learnt nothing")


def measured(
    epochs: list[dict[str, float]], error: float, limit: float, *, setting: str, pictures: int
) -> dict[str, Any]:
    """Return what a bench tells of one setting; `pictures`: of an epoch."""
    return {
        "setting": setting,
        "seconds": [epoch["seconds"] for epoch in epochs],
        "losses": [epoch["loss"] for epoch in epochs],
        "error": error,
        "nothing_learnt": limit,
        "pictures": pictures,
    }
