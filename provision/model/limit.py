"""How long a box may run: by the hour from each of its starts, by the dollar over all of them. Plain arithmetic."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

HOUR = 3600
GRACE = 600
"""Seconds by which the box's own timer is before AWS: a box that stops itself ends its runs and says why."""
LEAST = 1800
"""Seconds that a box has left that was up for longer already when its end was set: time to read of it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limit:
    """What `gpurig:maxHours` and `gpurig:maxSpend` allow one box; whichever is used up sooner counts."""

    hours: int = 0
    """From each start; 0: as long as it likes."""
    usd: float | None = None
    """Over all starts; None: whatever it costs."""
    usd_per_hour: float | None = None
    """What the box costs while it runs, disks and address included: on demand, or at most if it is spot."""

    @classmethod
    def from_document(cls, document: Mapping[str, Any] | None) -> Self:
        """Read what `to_document` wrote; a stack of before there were ceilings has none."""
        row = document or {}
        return cls(hours=row.get("hours") or 0, usd=row.get("usd"), usd_per_hour=row.get("usdPerHour"))

    def to_document(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return {"hours": self.hours, "usd": self.usd, "usdPerHour": self.usd_per_hour}

    def seconds(self, ran: float = 0.0) -> float | None:
        """Return how long AWS lets the box run that is started now, having run for `ran` hours; None: without an end.

        Zero or less: the money is spent.
        """
        ends = [float(self.hours * HOUR + GRACE)] if self.hours else []
        if (paid := self.paid_hours) is not None:
            ends.append((paid - ran) * HOUR)
        return min(ends, default=None)

    @property
    def settings(self) -> str:
        """The settings as they were typed, for a name: "12h", "50usd", "12h-50usd"."""
        hours = [f"{self.hours}h"] if self.hours else []
        return "-".join([*hours, *([] if self.usd is None else [f"{self.usd:.15g}usd"])])

    @property
    def paid_hours(self) -> float | None:
        """How many hours the money is enough for in all; None: it is no limit."""
        return None if self.usd is None or not self.usd_per_hour else self.usd / self.usd_per_hour

    @property
    def box_hours(self) -> int:
        """What the box's own timer counts from each of its boots, whole hours; 0: it has none."""
        seconds = self.seconds()
        return 0 if seconds is None else int((seconds - GRACE) // HOUR)

    def __str__(self) -> str:
        """Return the limit as the preview and `fab` say it."""
        parts = [f"{self.hours} h after each start"] if self.hours else []
        if self.usd is not None:
            enough = "" if self.paid_hours is None else f", which is enough for {self.paid_hours:.1f} h"
            parts.append(f"when ${self.usd:g} are spent in all{enough}")
        return ", or ".join(parts)
