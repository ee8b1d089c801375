"""The history of spot prices: moto answers with one price of 2006 for everything."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from moto.core import utils
from moto.core.responses import ActionResult
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS
from moto.ec2.responses import EC2Response

from rehearsal.cloud import market
from rehearsal.cloud.hooks import filters, intercept, parameter, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DAYS = 90
"""How far back EC2 knows."""
MOST = 1000
"""Rows of a page."""
PRODUCT = "Linux/UNIX"


@intercept(EC2Response, "describe_spot_price_history")
def describe_spot_price_history(response: Any, _: Callable[[], Any]) -> Any:
    """Return the changes of a time, and the last one before it, the latest first."""
    products = parameter(response, "ProductDescriptions", [])
    now = utils.utcnow().replace(tzinfo=dt.UTC)
    start, end = (_moment(parameter(response, name), now) for name in ("StartTime", "EndTime"))
    if start > end:
        raise refusal("InvalidParameterValue", "The start time has to be before the end time.")
    start = max(start, end - dt.timedelta(days=DAYS))
    rows = [
        row
        for kind, zone in _offers(response)
        if not products or PRODUCT in products
        for row in _changes(kind, zone, start.timestamp(), end.timestamp())
    ]
    rows = [row for row in rows if _wanted(row, filters(response))]
    rows.sort(key=lambda row: row["Timestamp"], reverse=True)
    first, most = int(parameter(response, "NextToken") or 0), int(parameter(response, "MaxResults") or MOST)
    more = str(first + most) if first + most < len(rows) else ""
    return ActionResult({"SpotPriceHistory": rows[first : first + most], "NextToken": more})


def _moment(text: Any, now: dt.datetime) -> dt.datetime:
    if not text:
        return now
    moment = text if isinstance(text, dt.datetime) else dt.datetime.fromisoformat(str(text))
    # A start that lies ahead is now: clocks differ.
    return min(now, moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC))


def _offers(response: Any) -> Iterator[tuple[str, str]]:
    kinds, zone = parameter(response, "InstanceTypes", []), parameter(response, "AvailabilityZone")
    for offer in INSTANCE_TYPE_OFFERINGS["availability-zone"].get(response.region, []):
        if (not kinds or offer["InstanceType"] in kinds) and zone in (None, offer["Location"]):
            yield offer["InstanceType"], offer["Location"]


def _changes(kind: str, zone: str, start: float, end: float) -> Iterator[dict[str, Any]]:
    first, last = (int(moment // market.SPOT_STEP_S) for moment in (start, end))
    for step in range(first, last + 1):
        usd = market.spot(kind, zone, step)
        if usd is not None:
            yield {
                "InstanceType": kind,
                "ProductDescription": PRODUCT,
                "SpotPrice": f"{usd:.6f}",
                "AvailabilityZone": zone,
                "Timestamp": dt.datetime.fromtimestamp(step * market.SPOT_STEP_S, dt.UTC),
            }


def _wanted(row: dict[str, Any], asked: dict[str, list[str]]) -> bool:
    facts = {
        "availability-zone": row["AvailabilityZone"],
        "instance-type": row["InstanceType"],
        "product-description": row["ProductDescription"],
        "spot-price": row["SpotPrice"],
    }
    if unknown := asked.keys() - facts.keys():
        raise refusal("InvalidParameterValue", f"The filter '{min(unknown)}' is invalid")
    return all(facts[name] in values for name, values in asked.items())
