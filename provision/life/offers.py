"""What there is to be had: instance types that can run what is wanted, zone by zone, with what they cost."""

from __future__ import annotations

import dataclasses
import math
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from provision.aws import machines, prices, quotas, spot_prices
from provision.catalogue.catalogue import Catalogue
from provision.model.errors import GpurigError
from provision.model.platforms import gpus, instance_types

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from provision.aws.quotas import Quota
    from provision.aws.spot_prices import SpotPrice
    from provision.life.wish import Wish
    from provision.model.platforms import InstanceType
    from provision.model.prices import Quote

_AT_ONCE = 16
"""Prices that are asked for at the same time."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Offer:
    """An instance type in a zone."""

    kind: InstanceType
    zone: str
    on_demand: Quote | None
    spot_price: SpotPrice | None
    """None: EC2 has no spot price of it there."""
    spot: bool
    """Whether it is to be had as spot."""
    why_not: str = ""
    """What is in its way, "" where nothing is that is known before it is tried."""

    @property
    def usd(self) -> float | None:
        """What an hour of the instance costs, as it is to be had."""
        if self.spot:
            return self.spot_price.now if self.spot_price else None
        return self.on_demand.usd if self.on_demand else None

    @property
    def source(self) -> str:
        """Who says so."""
        if self.spot:
            return self.spot_price.source if self.spot_price else ""
        return self.on_demand.source if self.on_demand else ""

    @property
    def gpu_memory_gib(self) -> int | None:
        """Of one of its GPUs; None where it has none."""
        model = gpus().get(self.kind.gpu)
        return (self.kind.gpu_memory_gib or model.memory_gib) if model else None

    @property
    def place(self) -> tuple[bool, float, str, str]:
        """By what offers are sorted: the cheapest first, those that cannot be had last."""
        return bool(self.why_not), math.inf if self.usd is None else self.usd, self.kind.name, self.zone

    def __str__(self) -> str:
        price = "" if self.usd is None else f" at ${self.usd:.3f} an hour"
        return f"{self.kind.name} in {self.zone}{' as spot' if self.spot else ''}{price}"

    def document(self) -> dict[str, Any]:
        """Return it as plain data."""
        spot = self.spot_price
        return {
            "instanceType": self.kind.name,
            "zone": self.zone,
            "gpu": self.kind.gpu,
            "gpus": self.kind.gpus,
            "gpuMemoryGib": self.gpu_memory_gib,
            "vcpus": self.kind.vcpus,
            "memoryGib": self.kind.memory_gib,
            "spot": self.spot,
            "usdPerHour": self.usd,
            "source": self.source,
            "onDemand": self.on_demand and dataclasses.asdict(self.on_demand),
            "spotPrice": spot and dataclasses.asdict(spot),
            "whyNot": self.why_not,
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class Market:
    """All offers of a region for one wish."""

    wish: Wish
    offers: list[Offer]
    """Those that can be had first, cheapest first."""
    quotas: Mapping[str, Quota]
    """What was asked for, by code."""
    notes: list[str]
    """What could not be asked, and what is said instead."""

    @classmethod
    def look(cls, wish: Wish) -> Market:
        """Ask AWS. Raises `GpurigError` where EC2 does not answer."""
        kinds = _kinds(wish)
        zones = machines.zones_with(wish.profile, wish.region, kinds, subnets=wish.subnets)
        names = [name for name in kinds if zones[name]]
        notes: list[str] = []
        on_demand, spot = _prices(wish, names, notes)
        known = _quotas(wish, names, notes)
        offers = [
            Offer(
                kind=kinds[name],
                zone=zone,
                on_demand=on_demand[name],
                spot_price=spot.get((name, zone)),
                spot=wish.spot,
            )
            for name in names
            for zone in zones[name]
        ]
        judged = [dataclasses.replace(one, why_not=_why_not(one, wish, known)) for one in offers]
        return cls(wish=wish, offers=sorted(judged, key=lambda one: one.place), quotas=known, notes=notes)

    def quotas_of(self, offers: Iterable[Offer]) -> list[Quota]:
        """Return the quotas that some offers count for."""
        codes = {quotas.code_of(offer.kind.name, spot=offer.spot) for offer in offers}
        return [quota for code, quota in self.quotas.items() if code in codes]

    def best(self) -> list[Offer]:
        """Return those in whose way nothing is."""
        return [offer for offer in self.offers if not offer.why_not]


def _kinds(wish: Wish) -> dict[str, InstanceType]:
    """Return the instance types that can run what is wanted: those of the table, and those that EC2 has beside them."""
    catalogue = Catalogue()
    found = {**machines.with_known_gpus(wish.profile, wish.region), **instance_types()}
    if wish.instance_type not in found:
        configured = machines.described(wish.profile, wish.region, wish.instance_type)
        found.update({configured.name: configured} if configured else {})
    misfits: dict[str, str] = {}
    for kind in found.values():
        if kind.gpu not in misfits:
            misfits[kind.gpu] = wish.misfit(kind, catalogue)
    return {name: kind for name, kind in found.items() if not misfits[kind.gpu]}


def _prices(
    wish: Wish, names: list[str], notes: list[str]
) -> tuple[dict[str, Quote | None], dict[tuple[str, str], SpotPrice]]:
    """Return prices on demand by type, and as spot by type and zone."""
    # The first one alone: where the account may not ask, the others need not wait for their refusals.
    first = [prices.on_demand(wish.profile, wish.region, name) for name in names[:1]]
    with ThreadPoolExecutor(_AT_ONCE) as crew:
        rest = list(crew.map(lambda name: prices.on_demand(wish.profile, wish.region, name), names[1:]))
    if reason := prices.why_table(wish.profile, wish.region):
        notes.append(f"prices on demand are those of the table: {reason}")
    try:
        history = spot_prices.history(wish.profile, wish.region, names)
    except GpurigError as error:
        notes.append(error.what)
        history = []
    return dict(zip(names, [*first, *rest], strict=True)), {(one.instance_type, one.zone): one for one in history}


def _quotas(wish: Wish, names: list[str], notes: list[str]) -> dict[str, Quota]:
    """Return the quotas that these types count for, by code; what may not be asked is left out and noted."""
    found: dict[str, Quota] = {}
    for code in sorted({quotas.code_of(name, spot=wish.spot) for name in names} - {""}):
        try:
            found[code] = quotas.of(wish.profile, wish.region, code)
        except GpurigError as error:
            notes.append(error.what)
    return found


def _why_not(offer: Offer, wish: Wish, known: Mapping[str, Quota]) -> str:
    """Return what is known to be in an offer's way."""
    quota = known.get(quotas.code_of(offer.kind.name, spot=wish.spot))
    needed = offer.kind.vcpus * wish.hosts
    if offer.usd is None:
        return "no spot price" if wish.spot else "no price known"
    if quota and quota.left < needed:
        return f"quota: needs {needed} vCPUs, {quota.left} of {quota.vcpus} are left"
    if wish.max_price is not None and offer.usd > wish.max_price:
        return f"above ${wish.max_price:.3f} an hour"
    return ""
