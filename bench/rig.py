"""What the questions of `make bench` share: timing, and how figures are told."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def seconds(action: Callable[[], object]) -> float:
    """Return how long `action` takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def spread(values: Sequence[float]) -> str:
    """Return the median with the lowest and the highest value."""
    return f"{statistics.median(values):7.3f} s   ({min(values):.3f} to {max(values):.3f}, {len(values)} runs)"
