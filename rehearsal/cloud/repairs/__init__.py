"""Where moto 5.2 answers otherwise than AWS does, and a user of this project would notice."""

from __future__ import annotations

import functools
import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rehearsal.cloud.clock import Due


MODULES = (
    "alarms",
    "boundaries",
    "catalogue",
    "images",
    "budgets",
    "budget_actions",
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
    from rehearsal.cloud.repairs import alarms, scheduler  # noqa: PLC0415 - importing them changes moto, as `apply` does

    return [scheduler.due, alarms.due]


def controls() -> dict[str, Callable[..., dict[str, Any]]]:
    """Return what a rehearsal may have happen in the account, by the name of the control."""
    from rehearsal.cloud.repairs import alarms, budget_actions  # noqa: PLC0415 - as above

    return {"load": alarms.set_load, "spend": budget_actions.spend}
