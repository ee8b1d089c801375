"""Prices of AWS: what is asked of its Price List, how its answer reads, and the table that stands in for it.

Pure: `provision.aws.prices` asks for `fab`, `infra.price` for the preview, and both get the same figures here.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, Self

from provision.model.platforms import instance_types, price_table

if TYPE_CHECKING:
    from collections.abc import Mapping

PRICE_LIST_REGIONS = ("us-east-1", "eu-central-1", "ap-south-1")
"""Where AWS answers for the prices of all regions (botocore's endpoints of `api.pricing`); the first is asked."""
PRICES_PROVIDER = "aws-prices"
"""The name of a stack's provider that only asks for prices: nothing is made where it looks."""
SPOT_PRODUCTS = ("Linux/UNIX", "Linux/UNIX (Amazon VPC)")
"""What EC2 calls a Linux box in its spot prices: which of them depends on the age of the account."""
HOURS_A_MONTH = 730
"""As AWS's own calculator counts."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Quote:
    """A price and who says so."""

    usd: float
    source: str
    """ "AWS Price List of eu-west-1", "table of 2026-11 for us-east-1", or whose else."""

    def __str__(self) -> str:
        return f"${self.usd:.3f} ({self.source})"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Question:
    """What one price is asked by: a service of the Price List, and what the product's attributes have to be."""

    service: str
    fields: Mapping[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Product:
    """One product of the Price List with its price on demand."""

    usd: float
    usage_type: str
    """ "EU-BoxUsage:g4dn.xlarge": what stands on the bill."""
    source: str

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Read a product as GetProducts gives it, JSON text; None where it has no price in USD above zero.

        The price of a first tier may be zero (a free allowance), a reservation's is: the highest one counts.
        """
        document = json.loads(text)
        attributes = document["product"]["attributes"]
        terms = document.get("terms", {}).get("OnDemand", {}).values()
        rates = [float(rate["pricePerUnit"].get("USD", 0)) for term in terms for rate in _dimensions(term)]
        if not any(rates):
            return None
        # AWS numbers its lists by their time. A stand-in gives its own name there, and is not taken for AWS.
        version = str(document.get("version", ""))
        publisher = "AWS Price List" if version.isdigit() else f"price list of {version or 'nobody known'}"
        source = f"{publisher} of {attributes['regionCode']}"
        return cls(usd=max(rates), usage_type=attributes["usagetype"], source=source)

    @property
    def prefix(self) -> str:
        """What usage types of its region begin with: "EU-"; "" in us-east-1."""
        before, dash, _ = self.usage_type.partition("-")
        return f"{before}-" if dash and ":" not in before else ""

    @property
    def quote(self) -> Quote:
        """Its price."""
        return Quote(usd=self.usd, source=self.source)


def _dimensions(term: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(term["priceDimensions"].values())


def instance(name: str, region: str) -> Question:
    """Ask for an hour of an instance type: Linux, on demand, on shared hardware, nothing installed.

    A capacity reservation and, of large GPU types, a capacity block are products with the same attributes but these.
    """
    fields = {
        "instanceType": name,
        "regionCode": region,
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
        "marketoption": "OnDemand",
    }
    return Question(service="AmazonEC2", fields=fields)


def gp3(region: str) -> Question:
    """Ask for a GiB and month of a gp3 volume."""
    fields = {"productFamily": "Storage", "volumeApiName": "gp3", "regionCode": region}
    return Question(service="AmazonEC2", fields=fields)


def snapshot(region: str, prefix: str) -> Question:
    """Ask for a GiB and month of a snapshot; `prefix` is that of the region's usage types.

    Archived ones and those on Outposts are products of the same family.
    """
    fields = {
        "productFamily": "Storage Snapshot",
        "regionCode": region,
        "usagetype": f"{prefix}EBS:SnapshotUsage",
    }
    return Question(service="AmazonEC2", fields=fields)


def address(region: str, prefix: str) -> Question:
    """Ask for an hour of a public IPv4 address in use; one that is idle is a product of the same group."""
    fields = {
        "group": "VPCPublicIPv4Address",
        "regionCode": region,
        # The one service whose usage types have a prefix in us-east-1, too.
        "usagetype": f"{prefix or 'USE1-'}PublicIPv4:InUseAddress",
    }
    return Question(service="AmazonVPC", fields=fields)


def from_table(usd: float) -> Quote:
    """Return a price of the table, as what it is."""
    table = price_table()
    return Quote(usd=usd, source=f"table of {table.date} for {table.region}")


def instance_from_table(name: str) -> Quote | None:
    """Return an instance type's price in the table; None where it has none."""
    known = instance_types().get(name)
    return None if known is None or known.usd_per_hour is None else from_table(known.usd_per_hour)
