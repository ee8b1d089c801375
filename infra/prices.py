"""What AWS asks in the region of a stack, looked up for the preview: the same figures that `fab` shows."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from provision.model import prices
from provision.model.errors import BadInput
from provision.model.platforms import price_table
from provision.model.prices import Product

if TYPE_CHECKING:
    from infra.cloud import Cloud
    from infra.settings import Settings
    from provision.model.prices import Question, Quote

_WRONG = "AWS's Price List"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prices:
    """What the parts of a box cost, USD."""

    instance: Quote | None
    """An hour on demand; None: nobody says."""
    spot: float | None
    """An hour as spot, now, in the zone to use; None: not asked for, or not known."""
    gp3: Quote
    """A GiB of a disk and month."""
    snapshot: Quote
    """A GiB of a snapshot and month."""
    address: Quote
    """An hour of a public address."""

    @classmethod
    def find(cls, settings: Settings, cloud: Cloud, zone: str) -> Prices:
        """Ask AWS; what it does not say stands at the dated table, and the user is told why."""
        name, table = settings.machine.name, price_table()
        spot = _spot(cloud, name, zone) if settings.spot else None
        try:
            instance = _product(cloud, prices.instance(name, cloud.region))
            gp3 = _product(cloud, prices.gp3(cloud.region))
            prefix = gp3.prefix if gp3 else ""
            snapshot = _product(cloud, prices.snapshot(cloud.region, prefix)) if gp3 else None
            address = _product(cloud, prices.address(cloud.region, prefix)) if gp3 else None
        except BadInput as error:
            pulumi.log.warn(f"prices are those of {table.region} in {table.date}: {error}")
            instance = gp3 = snapshot = address = None
        return cls(
            instance=instance.quote if instance else prices.instance_from_table(name),
            spot=spot,
            gp3=gp3.quote if gp3 else prices.from_table(table.gp3_gib_month),
            snapshot=snapshot.quote if snapshot else prices.from_table(table.snapshot_gib_month),
            address=address.quote if address else prices.from_table(table.address_hour),
        )

    @property
    def sources(self) -> tuple[str, ...]:
        """Who says so, each once."""
        quotes = (self.instance, self.gp3, self.snapshot, self.address)
        return tuple(dict.fromkeys(quote.source for quote in quotes if quote))


def _product(cloud: Cloud, question: Question) -> Product | None:
    """Return what the Price List has; None where it has no such product, or several.

    Raises `BadInput` where it does not answer.
    """
    filters = [{"field": field, "value": value} for field, value in question.fields.items()]
    try:
        found = cloud.ask_prices(aws.pricing.get_product, _WRONG, service_code=question.service, filters=filters)
    except BadInput as error:
        # The provider's own words for no product and for too many: the list itself does answer.
        if any(words in str(error) for words in ("did not return any elements", "not precise enough")):
            return None
        raise
    return Product.read(found.result)


def _spot(cloud: Cloud, name: str, zone: str) -> float | None:
    filters = [{"name": "product-description", "values": [prices.SPOT_PRODUCTS[0]]}]
    try:
        found = cloud.ask(
            aws.ec2.get_spot_price, "spot price", instance_type=name, availability_zone=zone, filters=filters
        )
    except BadInput as error:
        pulumi.log.warn(f"what {name} costs as spot in {zone} is not known: {error}")
        return None
    return float(found.spot_price)
