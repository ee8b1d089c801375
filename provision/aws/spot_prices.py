"""What spot instances cost, now and in the last days, as EC2 tells it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import urllib.parse
from typing import TYPE_CHECKING, Any

from provision.aws.clients import aws_errors, client, listed
from provision.model.partitions import AWS, OTHERS
from provision.model.prices import SPOT_PRODUCTS

if TYPE_CHECKING:
    from collections.abc import Iterable

DAYS = 7
"""How far back a history goes; EC2 knows the last 90 days."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpotPrice:
    """The price of an instance type as spot in a zone, USD per hour."""

    instance_type: str
    zone: str
    now: float
    low: float
    """The lowest of the days asked for."""
    high: float
    changes: int
    """How often it changed in them."""
    days: int
    source: str


def history(profile: str, region: str, instance_types: Iterable[str], *, days: int = DAYS) -> list[SpotPrice]:
    """Return the spot price of each instance type in each zone that has it, now and in the last days.

    Raises `GpurigError` where EC2 does not say.
    """
    names = sorted(set(instance_types))
    if not names:
        return []
    with aws_errors(f"EC2 does not tell the spot prices of {region}"):
        ec2 = client("ec2", profile, region)
        rows = listed(
            ec2,
            "describe_spot_price_history",
            "SpotPriceHistory",
            InstanceTypes=names,
            ProductDescriptions=list(SPOT_PRODUCTS),
            # EC2 adds the last change before it, which is the price that held then.
            StartTime=dt.datetime.now(dt.UTC) - dt.timedelta(days=days),
        )
    rows.sort(key=_place)
    return [_price(list(group), ec2, days) for _, group in itertools.groupby(rows, _place)]


def _place(row: Any) -> tuple[str, str]:
    return row["InstanceType"], row["AvailabilityZone"]


def _price(rows: list[Any], ec2: Any, days: int) -> SpotPrice:
    latest = max(rows, key=lambda row: row["Timestamp"])
    known = [float(row["SpotPrice"]) for row in rows]
    host = urllib.parse.urlsplit(ec2.meta.endpoint_url).hostname or ""
    teller = "EC2" if host.endswith((*(f".{one.domain}" for one in (AWS, *OTHERS)), ".api.aws")) else host
    return SpotPrice(
        instance_type=latest["InstanceType"],
        zone=latest["AvailabilityZone"],
        now=float(latest["SpotPrice"]),
        low=min(known),
        high=max(known),
        changes=len({row["Timestamp"] for row in rows}) - 1,
        days=days,
        source=f"spot price of {latest['AvailabilityZone']}, told by {teller}",
    )
