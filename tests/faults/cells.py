"""Faults and moments: what goes wrong, when, and where that makes no sense, why."""

from __future__ import annotations

import dataclasses

from tests.faults import strikes
from tests.faults.moments import MOMENTS
from tests.faults.strikes import Strike

FOREVER = 1000
"""More calls than any command makes."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that goes wrong."""

    strike: Strike
    passes: bool | None = None
    """Whether the command has to get over it by itself, or cannot; None: either."""


FAULTS = {
    "throttled": Fault(
        strike=strikes.of_aws(code="RequestLimitExceeded", status=503, message="Request limit exceeded.", times=3),
        passes=True,
    ),
    "throttled on": Fault(
        strike=strikes.of_aws(
            code="RequestLimitExceeded", status=503, message="Request limit exceeded.", times=FOREVER
        ),
        passes=False,
    ),
    "error 500": Fault(
        strike=strikes.of_aws(
            code="InternalError", status=500, message="An internal error has occurred", times=FOREVER
        ),
        passes=False,
    ),
    "cut before": Fault(strike=strikes.of_aws(cut=True, times=FOREVER), passes=False),
    "cut after": Fault(strike=strikes.of_aws(lose=True, times=FOREVER), passes=False),
    "stale reads": Fault(strike=strikes.of_aws("Describe*", stale=True, times=30)),
    "expired": Fault(strike=strikes.of_aws("*", expired=True, after=30, times=FOREVER), passes=False),
    "clock wrong": Fault(strike=strikes.of_aws("*", skew=3600.0, times=FOREVER), passes=False),
    "killed": Fault(strike=strikes.killed, passes=False),
}

ALL = tuple(MOMENTS)
NO_SENSE: tuple[tuple[tuple[str, ...], tuple[str, ...], str], ...] = ()
"""Faults, moments, and why there is no cell."""


@dataclasses.dataclass(frozen=True)
class Cell:
    """One fault at one moment."""

    fault: str
    moment: str

    def __str__(self) -> str:
        return f"{self.fault} at {self.moment}".replace(" ", "-")


def why_not(fault: str, moment: str) -> str:
    """Return why there is no such cell; "" where there is."""
    return next((why for faults, moments, why in NO_SENSE if fault in faults and moment in moments), "")


def cells(*moments: str) -> list[Cell]:
    """Return the cells of these moments; of two that make and unmake the same, one follows the other."""
    return [Cell(fault, moment) for fault in FAULTS for moment in moments if not why_not(fault, moment)]
