"""What the things of one account and region cost by list prices, USD; each figure keeps who said it."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

from provision.aws import prices
from provision.model.errors import GpurigError
from provision.model.prices import HOURS_A_MONTH

if TYPE_CHECKING:
    from provision.model.prices import Quote

ALARM_MONTH = 0.10
"""USD of a CloudWatch alarm of standard resolution (aws.amazon.com/cloudwatch/pricing); the first ten are free."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rates:
    """The prices of a region."""

    profile: str
    region: str

    @functools.cached_property
    def gib_hour(self) -> Quote:
        """Of a GiB of a gp3 volume."""
        return _per_hour(prices.gp3_gib_month(self.profile, self.region))

    @functools.cached_property
    def snapshot_gib_hour(self) -> Quote:
        """Of a GiB of a snapshot that was ever written."""
        return _per_hour(prices.snapshot_gib_month(self.profile, self.region))

    @functools.cached_property
    def address_hour(self) -> Quote:
        """Of a public IPv4 address in use."""
        return prices.address_hour(self.profile, self.region)

    def instance_hour(self, instance_type: str, *, spot_in: str = "") -> Quote | None:
        """Of an instance type; `spot_in`: of a spot instance in that zone, at its price now. None where nobody says."""
        if spot_in:
            try:
                now = prices.spot(self.profile, self.region, instance_type).get(spot_in)
            except GpurigError:
                now = None
            if now:
                return now
        return prices.on_demand(self.profile, self.region, instance_type)

    def sources(self, *more: Quote | None) -> list[str]:
        """Return who said these prices and those of disks, snapshots and addresses; each once."""
        quotes = (self.gib_hour, self.snapshot_gib_hour, self.address_hour, *more)
        return list(dict.fromkeys(quote.source for quote in quotes if quote))


def _per_hour(month: Quote) -> Quote:
    return dataclasses.replace(month, usd=month.usd / HOURS_A_MONTH)
