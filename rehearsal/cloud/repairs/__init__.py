"""Where moto 5.2 answers otherwise than AWS does, and a user of this project would notice."""

from __future__ import annotations

import functools
import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rehearsal.cloud.clock import Due


MODULES = (
    "catalogue",
    "images",
    "budgets",
    "volumes",
    "instances",
    "launch",
    "network",
    "quotas",
    "scheduler",
    "spot_prices",
    "metrics",
)


@functools.cache
def apply() -> None:
    """Repair moto in this process, once: importing a module of this package puts its hooks in place."""
    for name in MODULES:
        importlib.import_module(f"{__name__}.{name}")


def sources() -> list[Callable[[], Iterable[Due]]]:
    """Return what knows of things that are due at a moment of the cloud's clock."""
    from rehearsal.cloud.repairs import scheduler  # noqa: PLC0415 - importing it changes moto, as `apply` does

    return [scheduler.due]
