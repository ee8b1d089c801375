"""What a box costs. Prices are list prices of us-east-1 in USD; other regions differ by up to a half."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infra.settings import Settings

GP3_GIB_MONTH = 0.08
SNAPSHOT_GIB_MONTH = 0.05
ADDRESS_HOUR = 0.005
HOURS_A_MONTH = 730


@dataclasses.dataclass(frozen=True, kw_only=True)
class Price:
    """Cost of one box in each of its states, USD."""

    instance_hour: float | None
    """The instance alone: on demand, or at most if it is spot; None: not in the table."""
    disks_month: float
    """Root and job volume."""
    jobs_month: float
    """The job volume alone."""
    snapshot_month: float
    """Its snapshot, at most: what was never written does not count."""
    spot: bool

    @classmethod
    def of(cls, settings: Settings) -> Price:
        """Return the price of a box."""
        ceilings = [price for price in (settings.machine.usd_per_hour, settings.spot_max_price) if price is not None]
        return cls(
            instance_hour=min(ceilings, default=None),
            disks_month=(settings.root_volume_gib + settings.job_volume_gib) * GP3_GIB_MONTH,
            jobs_month=settings.job_volume_gib * GP3_GIB_MONTH,
            snapshot_month=settings.job_volume_gib * SNAPSHOT_GIB_MONTH,
            spot=settings.spot,
        )

    @property
    def running_hour(self) -> float | None:
        """Instance, disks and public address together."""
        if self.instance_hour is None:
            return None
        return self.instance_hour + ADDRESS_HOUR + self.disks_month / HOURS_A_MONTH

    def __str__(self) -> str:
        """Return the price as the preview shows it."""
        return f"{self._running()}; {self._resting()} (list prices of us-east-1)"

    def _running(self) -> str:
        if self.running_hour is None:
            return f"running: the instance's price (not in the table) + ${self.disks_month:.2f} a month for its disks"
        most = "at most " if self.spot else ""
        return f"running: {most}${self.running_hour:.3f} an hour, ${self.running_hour * 24:.2f} a day"

    def _resting(self) -> str:
        stopped = "" if self.spot else f"stopped: ${self.disks_month:.2f} a month; "
        kept = f"job volume alone: ${self.jobs_month:.2f} a month; its snapshot: ${self.snapshot_month:.2f} or less"
        return stopped + kept
