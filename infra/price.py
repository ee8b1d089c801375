"""What boxes cost. Prices are list prices of us-east-1 in USD; other regions differ by up to a half."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from provision.model.platforms import price_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.settings import Settings

GP3_GIB_MONTH = price_table().gp3_gib_month
ADDRESS_HOUR = price_table().address_hour
HOURS_A_MONTH = 730


@dataclasses.dataclass(frozen=True, kw_only=True)
class Price:
    """Cost of one box, or of several together, in each state, USD."""

    boxes: int
    instance_hour: float | None
    """The instances alone: on demand, or at most if it is spot; None: not in the table."""
    disks_month: float
    """Root and job volumes."""
    jobs_month: float
    """The job volumes alone."""
    snapshot_month: float
    """Their snapshots, at most: what was never written does not count."""
    spot: bool

    @classmethod
    def of(cls, settings: Settings, jobs_gib: int) -> Price:
        """Return the price of a box with a job volume of so many GiB."""
        ceilings = [price for price in (settings.machine.usd_per_hour, settings.spot_max_price) if price is not None]
        return cls(
            boxes=1,
            instance_hour=min(ceilings, default=None),
            disks_month=(settings.root_volume_gib + jobs_gib) * GP3_GIB_MONTH,
            jobs_month=jobs_gib * GP3_GIB_MONTH,
            snapshot_month=jobs_gib * price_table().snapshot_gib_month,
            spot=settings.spot,
        )

    @classmethod
    def total(cls, prices: Sequence[Price]) -> Price:
        """Return the price of several boxes together: of one stack, and so all spot or none."""
        hours = [price.instance_hour for price in prices if price.instance_hour is not None]
        return cls(
            boxes=sum(price.boxes for price in prices),
            instance_hour=sum(hours) if len(hours) == len(prices) else None,
            disks_month=sum(price.disks_month for price in prices),
            jobs_month=sum(price.jobs_month for price in prices),
            snapshot_month=sum(price.snapshot_month for price in prices),
            spot=prices[0].spot,
        )

    @property
    def running_hour(self) -> float | None:
        """Instances, disks and public addresses together."""
        if self.instance_hour is None:
            return None
        return self.instance_hour + self.boxes * ADDRESS_HOUR + self.disks_month / HOURS_A_MONTH

    def __str__(self) -> str:
        """Return the price as the preview shows it."""
        several = f"{self.boxes} boxes, " if self.boxes > 1 else ""
        return f"{several}{self._running()}; {self._not_running()} (list prices of us-east-1)"

    def _running(self) -> str:
        if self.running_hour is None:
            unknown = "the instance's price" if self.boxes == 1 else "the instances' prices"
            return f"running: {unknown} (not in the table) + ${self.disks_month:.2f} a month for disks"
        most = "at most " if self.spot else ""
        return f"running: {most}${self.running_hour:.3f} an hour, ${self.running_hour * 24:.2f} a day"

    def _not_running(self) -> str:
        stopped = "" if self.spot else f"stopped: ${self.disks_month:.2f} a month; "
        jobs, snapshot = ("job volume", "its snapshot") if self.boxes == 1 else ("job volumes", "their snapshots")
        kept = f"{jobs} alone: ${self.jobs_month:.2f} a month; {snapshot}: ${self.snapshot_month:.2f} or less"
        return stopped + kept
