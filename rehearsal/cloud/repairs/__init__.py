"""Where moto 5.2 answers otherwise than AWS does, and a user of this project would notice."""

from __future__ import annotations

import functools
import importlib


@functools.cache
def apply() -> None:
    """Repair moto in this process, once: importing a module of this package puts its hooks in place."""
    for name in (
        "catalogue",
        "images",
        "budgets",
        "volumes",
        "instances",
        "launch",
        "network",
        "spot_prices",
        "metrics",
    ):
        importlib.import_module(f"{__name__}.{name}")
