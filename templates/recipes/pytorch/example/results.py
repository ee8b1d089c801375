"""What a training leaves: its files, and whether it has learnt anything."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from pathlib import Path

LUCK = 0.1
"""What chance may bring of what guessing gets wrong."""


def put(path: Path, result: object) -> None:
    """Write a result, JSON or a network's weights, so that it is never seen in part."""
    part = path.with_name(f"{path.name}.part")
    if path.suffix == ".json":
        part.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    else:
        torch.save(result, part)
    part.replace(path)


def nothing_learnt(labels: torch.Tensor) -> float:
    """Return the error from which on a network does no better than to say the most frequent of these labels always."""
    return (1 - LUCK) * (1 - torch.bincount(labels).max().item() / len(labels))


def need_finite(epoch: int, loss: float, way_out: str) -> None:
    """End the program, exit code 1, where a loss is none."""
    if not math.isfinite(loss):
        raise SystemExit(f"epoch {epoch}: the loss is {loss}, and nothing more is learnt; {way_out}")


def need_learnt(error: float, limit: float, way_out: str) -> None:
    """End the program, exit code 1, where the network is no better than guessing."""
    if not error < limit:
        raise SystemExit(f"error {error:.4f}, and from {limit:.4f} on it is guessing: it has learnt nothing; {way_out}")


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
