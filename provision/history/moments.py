"""Moments of a machine as a whole: its boots, the ends that it made of itself, and what EC2 told it."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Boot:
    """The time from a boot of the machine to its end."""

    begin: float
    end: float | None
    """The last sign of life; None: it is up."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stop:
    """When the machine powered itself off, and why."""

    at: float
    why: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Notice:
    """What EC2 has told a spot box of its end, or what came of it."""

    what: str
    """rebalance, taken or left."""
    at: float
    ends: float
    """When EC2 takes the box; of a recommendation, when it was told."""
    why: str
