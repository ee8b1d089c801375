"""What GPUs cost on the spot market and how many an account may run."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS
from moto.ec2.responses import EC2Response
from moto.servicequotas.responses import ServiceQuotasResponse

from rehearsal.cloud.hooks import around, asked, filters

if TYPE_CHECKING:
    from collections.abc import Callable

ON_DEMAND = {
    "g4dn.xlarge": 0.526,
    "g5.xlarge": 1.006,
    "g6.xlarge": 0.8048,
    "g6e.xlarge": 1.861,
    "g7.2xlarge": 2.52,
    "p4d.24xlarge": 21.96,
    "p5.48xlarge": 55.04,
}
"""US dollars an hour in us-east-1."""
_SPOT_SHARE = {"a": 0.41, "b": 0.39, "c": 0.44, "d": 0.40, "f": 0.47}  # of the on-demand price, by the zone's letter
QUOTAS = {
    "L-DB2E81BA": ("Running On-Demand G and VT instances", 8.0),
    "L-417A185B": ("Running On-Demand P instances", 0.0),
    "L-3819A6DF": ("All G and VT Spot Instance Requests", 8.0),
    "L-7212CCBC": ("All P Spot Instance Requests", 0.0),
}
"""In vCPUs: an account that asked once for a small box, and never for P."""


@around(EC2Response, "describe_spot_price_history")
def spot_prices(response: Any, _: Callable[[], Any]) -> Any:
    """Answer one price for each type and zone that offers it; a type without a price has none."""
    where = filters(response)
    zones = {asked(response, "AvailabilityZone"), *where.get("availability-zone", ())} - {None}
    types = asked(response, "InstanceTypes", []) or where.get("instance-type") or list(ON_DEMAND)
    now = dt.datetime.now(dt.UTC)
    history = [
        {
            "InstanceType": offer["InstanceType"],
            "ProductDescription": "Linux/UNIX",
            "SpotPrice": f"{ON_DEMAND[offer['InstanceType']] * _SPOT_SHARE[offer['Location'][-1]]:.6f}",
            "AvailabilityZone": offer["Location"],
            "Timestamp": now,
        }
        for offer in INSTANCE_TYPE_OFFERINGS["availability-zone"].get(response.region, [])
        if offer["InstanceType"] in types and offer["InstanceType"] in ON_DEMAND
        if offer["Location"][-1] in _SPOT_SHARE and (not zones or offer["Location"] in zones)
    ]
    return ActionResult({"SpotPriceHistory": history})


@around(ServiceQuotasResponse, "get_service_quota")
def quota(response: Any, proceed: Callable[[], Any]) -> Any:
    """Answer the quotas of GPU instances; moto knows those of VPCs."""
    wanted = json.loads(response.body)
    code = wanted.get("QuotaCode")
    if wanted.get("ServiceCode") != "ec2" or code not in QUOTAS:
        return proceed()
    name, value = QUOTAS[code]
    quota = {
        "ServiceCode": "ec2",
        "QuotaCode": code,
        "QuotaName": name,
        "Value": value,
        "Unit": "None",
        "Adjustable": True,
    }
    return json.dumps({"Quota": quota})
