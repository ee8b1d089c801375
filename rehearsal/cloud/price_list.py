"""AWS's Price List, GetProducts alone: moto has none. Its products have the shape of AWS's, and its neighbours too.

Beside each product stand those that a question without all its filters would meet: reservations, capacity blocks, other
systems, archived snapshots, idle addresses.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import re
from typing import TYPE_CHECKING, Any

from rehearsal.cloud import market

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIEnvironment

REGIONS = ("us-east-1", "eu-central-1", "ap-south-1")
"""Where the Price List answers, for all regions."""
MOST = 100
"""Products on a page."""
_MATCHES: dict[str, Callable[[str, str], bool]] = {
    "TERM_MATCH": lambda value, wanted: value == wanted,
    "EQUALS": lambda value, wanted: value == wanted,
    "CONTAINS": lambda value, wanted: wanted in value,
    "ANY_OF": lambda value, wanted: value in wanted.split(","),
    "NONE_OF": lambda value, wanted: value not in wanted.split(","),
}


def is_meant(environ: WSGIEnvironment) -> bool:
    """Tell whether a request is one to the Price List."""
    return _scope(environ)[1] == "pricing"


def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer a request, in JSON 1.1."""
    status, document = _answer(environ)
    start_response(status, [("Content-Type", "application/x-amz-json-1.1")])
    return [json.dumps(document).encode()]


def _scope(environ: WSGIEnvironment) -> tuple[str, str]:
    """Return the region and service that a request is signed for."""
    found = re.search(r"Credential=[^/]*/[^/]*/([^/]*)/([^/]*)/", environ.get("HTTP_AUTHORIZATION", ""))
    return (found.group(1), found.group(2)) if found else ("", "")


def _answer(environ: WSGIEnvironment) -> tuple[str, dict[str, Any]]:
    region = _scope(environ)[0]
    if region not in REGIONS:
        # In truth there is no such address, and no answer.
        return _wrong("UnknownEndpoint", f"there is no Price List in {region}; it is in {', '.join(REGIONS)}")
    if not environ.get("HTTP_X_AMZ_TARGET", "").endswith(".GetProducts"):
        raise NotImplementedError
    request = json.loads(environ["wsgi.input"].read() or b"{}")
    service, filters = request.get("ServiceCode"), request.get("Filters", [])
    if not service:
        return _wrong("InvalidParameterException", "Input Parameters are invalid. serviceCode cannot be null or empty")
    if request.get("FormatVersion", "aws_v1") != "aws_v1":
        return _wrong("InvalidParameterException", "Input Parameters are invalid. The format version is not supported")
    if unknown := [part["Type"] for part in filters if part["Type"] not in _MATCHES]:
        return _wrong("InvalidParameterException", f"Input Parameters are invalid. {unknown[0]} is no filter type")
    found = [json.dumps(one) for one in _products() if one["serviceCode"] == service and _matches(one, filters)]
    first, most = int(request.get("NextToken") or 0), request.get("MaxResults") or MOST
    more = {"NextToken": str(first + most)} if first + most < len(found) else {}
    return "200 OK", {"FormatVersion": "aws_v1", "PriceList": found[first : first + most], **more}


def _wrong(code: str, message: str) -> tuple[str, dict[str, Any]]:
    return "400 Bad Request", {"__type": code, "message": message}


def _matches(product: dict[str, Any], filters: list[dict[str, str]]) -> bool:
    facts = {"productFamily": product["product"].get("productFamily"), **product["product"]["attributes"]}
    facts["ServiceCode"] = product["serviceCode"]
    return all(
        facts.get(part["Field"]) is not None and _MATCHES[part["Type"]](facts[part["Field"]], part["Value"])
        for part in filters
    )


@functools.cache
def _products() -> tuple[dict[str, Any], ...]:
    return tuple(
        itertools.chain.from_iterable(
            (*_instances(region), *_disks(region), *_addresses(region)) for region in market.PREFIXES
        )
    )


def _instances(region: str) -> Iterator[dict[str, Any]]:
    for kind in market.kinds():
        usd = market.on_demand(kind, region)
        if usd is None:
            continue
        wanted = {
            "instanceType": kind,
            "operatingSystem": "Linux",
            "tenancy": "Shared",
            "preInstalledSw": "NA",
            "capacitystatus": "Used",
            "marketoption": "OnDemand",
            "licenseModel": "No License required",
            "operation": "RunInstances",
        }
        neighbours: list[tuple[str, float, dict[str, str]]] = [
            ("BoxUsage", usd, {}),
            ("Reservation", 0.0, {"capacitystatus": "AllocatedCapacityReservation"}),
            ("UnusedBox", usd, {"capacitystatus": "UnusedCapacityReservation"}),
            ("DedicatedUsage", 1.1 * usd, {"tenancy": "Dedicated"}),
            ("BoxUsage", 1.4 * usd, {"operatingSystem": "Windows", "operation": "RunInstances:0002"}),
            ("BoxUsage", 2.0 * usd, {"preInstalledSw": "SQL Std", "operation": "RunInstances:0200"}),
            *([("CapacityBlock", 0.8 * usd, {"marketoption": "CapacityBlock"})] if kind.startswith("p") else []),
        ]
        for usage, price, changed in neighbours:
            yield _product(
                "AmazonEC2", "Compute Instance", region, f"{usage}:{kind}", ("Hrs", price), {**wanted, **changed}
            )


def _disks(region: str) -> Iterator[dict[str, Any]]:
    gp3, snapshot = market.other("gp3_gib_month", region), market.other("snapshot_gib_month", region)
    for name, usd in {"gp3": gp3, "gp2": 1.25 * gp3}.items():
        facts = {"volumeApiName": name, "volumeType": "General Purpose"}
        yield _product("AmazonEC2", "Storage", region, f"EBS:VolumeUsage.{name}", ("GB-Mo", usd), facts)
    for name, usd in {
        "SnapshotUsage": snapshot,
        "SnapshotArchiveStorage": snapshot / 4,
        "SnapshotUsage.outposts": 2 * snapshot,
    }.items():
        facts = {"storageMedia": "Amazon S3"}
        yield _product("AmazonEC2", "Storage Snapshot", region, f"EBS:{name}", ("GB-Mo", usd), facts)


def _addresses(region: str) -> Iterator[dict[str, Any]]:
    usd = market.other("address_hour", region)
    for name in ("InUseAddress", "IdleAddress"):
        facts = {"group": "VPCPublicIPv4Address"}
        yield _product("AmazonVPC", "", region, f"PublicIPv4:{name}", ("Hrs", usd), facts)


def _product(
    service: str, family: str, region: str, usage: str, price: tuple[str, float], facts: dict[str, str]
) -> dict[str, Any]:
    prefix = market.PREFIXES[region] or ("USE1-" if service == "AmazonVPC" else "")
    attributes = {**facts, "regionCode": region, "usagetype": f"{prefix}{usage}", "servicecode": service}
    sku = hashlib.sha256(json.dumps(attributes).encode()).hexdigest()[:16].upper()
    unit, usd = price
    term, rate = f"{sku}.JRTCKXETXF", f"{sku}.JRTCKXETXF.6YS6EN2CT7"
    dimension = {
        "unit": unit,
        "beginRange": "0",
        "endRange": "Inf",
        "description": f"${usd:.4f} per {unit} of {usage}",
        "appliesTo": [],
        "rateCode": rate,
        "pricePerUnit": {"USD": f"{usd:.10f}"},
    }
    on_demand = {
        "priceDimensions": {rate: dimension},
        "sku": sku,
        "effectiveDate": "2026-11-01T00:00:00Z",
        "offerTermCode": "JRTCKXETXF",
        "termAttributes": {},
    }
    return {
        # AWS's public addresses have no family.
        "product": {**({"productFamily": family} if family else {}), "attributes": attributes, "sku": sku},
        "serviceCode": service,
        "terms": {"OnDemand": {term: on_demand}},
        "version": market.PUBLISHER,
        "publicationDate": "2026-11-01T00:00:00Z",
    }
