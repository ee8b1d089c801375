"""What boxes cost, in each of their states, USD."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from provision.model.access import PUBLIC
from provision.model.prices import HOURS_A_MONTH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.prices import Prices
    from infra.settings import Settings


@dataclasses.dataclass(frozen=True, kw_only=True)
class Price:
    """Cost of one box, or of several together, in each state, USD."""

    boxes: int
    instance_hour: float | None
    """The instances alone: on demand, or at most if it is spot; None: nobody says."""
    spot_hour: float | None
    """The instances alone as spot, now; None: not spot, or not known."""
    address_hour: float
    """The public addresses."""
    disks_month: float
    """Root and job volumes."""
    jobs_month: float
    """The job volumes alone."""
    snapshot_month: float
    """Their snapshots, at most: what was never written does not count."""
    spot: bool
    sources: tuple[str, ...]
    """Who says so."""

    @classmethod
    def of(cls, settings: Settings, jobs_gib: int, prices: Prices) -> Price:
        """Return the price of a box with a job volume of so many GiB."""
        on_demand = prices.instance.usd if prices.instance else None
        ceilings = [price for price in (on_demand, settings.spot_max_price) if price is not None]
        return cls(
            boxes=1,
            instance_hour=min(ceilings, default=None),
            spot_hour=prices.spot if settings.spot else None,
            address_hour=prices.address.usd if settings.access == PUBLIC else 0.0,
            disks_month=(settings.root_volume_gib + jobs_gib) * prices.gp3.usd,
            jobs_month=jobs_gib * prices.gp3.usd,
            snapshot_month=jobs_gib * prices.snapshot.usd,
            spot=settings.spot,
            sources=prices.sources,
        )

    @classmethod
    def total(cls, prices: Sequence[Price]) -> Price:
        """Return the price of several boxes together: of one stack, and so all spot or none."""
        return cls(
            boxes=sum(price.boxes for price in prices),
            instance_hour=_sum([price.instance_hour for price in prices]),
            spot_hour=_sum([price.spot_hour for price in prices]),
            address_hour=sum(price.address_hour for price in prices),
            disks_month=sum(price.disks_month for price in prices),
            jobs_month=sum(price.jobs_month for price in prices),
            snapshot_month=sum(price.snapshot_month for price in prices),
            spot=prices[0].spot,
            sources=tuple(dict.fromkeys(source for price in prices for source in price.sources)),
        )

    @property
    def running_hour(self) -> float | None:
        """Instances, disks and public addresses together."""
        return None if self.instance_hour is None else self.instance_hour + self._beside_hour

    @property
    def _beside_hour(self) -> float:
        return self.address_hour + self.disks_month / HOURS_A_MONTH

    def __str__(self) -> str:
        """Return the price as the preview shows it."""
        several = f"{self.boxes} boxes, " if self.boxes > 1 else ""
        return f"{several}{self._running()}; {self._not_running()} ({', '.join(self.sources)})"

    def _running(self) -> str:
        if self.running_hour is None:
            unknown = "the instance's price" if self.boxes == 1 else "the instances' prices"
            return f"running: {unknown} (nobody says it) + ${self.disks_month:.2f} a month for disks"
        most = "at most " if self.spot else ""
        running = f"running: {most}${self.running_hour:.3f} an hour, ${self.running_hour * 24:.2f} a day"
        return (
            running if self.spot_hour is None else f"{running}, now ${self.spot_hour + self._beside_hour:.3f} an hour"
        )

    def _not_running(self) -> str:
        stopped = "" if self.spot else f"stopped: ${self.disks_month:.2f} a month; "
        jobs, snapshot = ("job volume", "its snapshot") if self.boxes == 1 else ("job volumes", "their snapshots")
        kept = f"{jobs} alone: ${self.jobs_month:.2f} a month; {snapshot}: ${self.snapshot_month:.2f} or less"
        return stopped + kept


def _sum(prices: Sequence[float | None]) -> float | None:
    """Return a sum, None where a part of it is not known."""
    known = [price for price in prices if price is not None]
    return sum(known) if len(known) == len(prices) else None
