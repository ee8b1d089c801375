"""`fab offers`: which instance types could be had where, and what they cost."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from provision.model.errors import BadInput
from provision.tasks.output import draw, tell
from provision.tasks.verb import verb

if TYPE_CHECKING:
    from rich.table import Table

    from provision.life.offers import Market, Offer
    from provision.tasks.context import Context

OPTIONS = {
    "recipe": "what the box is for; without it, the stack's",
    "region": "where; without it, the stack's, else that of the environment",
    "spot": "as spot, cheapest now first; without it, as the stack is set",
    "max_price": "the most that an hour of the instance may cost, USD",
    "all": "show also what cannot be had, and why",
}
SHOWN = 20
"""Rows of a table without --all."""


@verb(options=OPTIONS, limit="", json="print the offers as JSON, all of them", stopped="stopped; nothing was changed")
def offers(
    c: Context,
    *,
    recipe: str = "",
    region: str = "",
    spot: bool = False,
    max_price: str = "",
    all: bool = False,  # noqa: A002 - what the user types
) -> None:
    """Show the instance types and zones that can run the stack's recipe, with prices and quota: cheapest first."""
    from provision.life.offers import Market  # noqa: PLC0415 - it brings botocore's half second
    from provision.life.wish import Wish  # noqa: PLC0415
    from provision.transport import settings  # noqa: PLC0415

    found = settings.read()
    wish = Wish.of(found, recipe=recipe, region=region, spot=spot)
    market = Market.look(dataclasses.replace(wish, max_price=usd(max_price)))
    if found.missing:
        market.notes.append(f"no settings of a stack were read: {found.missing}")
    if c.json:
        print(json.dumps(document(market), indent=2))
        return
    show(market, market.offers if all else market.best()[:SHOWN])


def usd(text: str) -> float | None:
    """Read `--max-price`; None where it was not given. Raises `BadInput`."""
    try:
        value = float(text) if text else None
    except ValueError:
        value = -1.0
    if value is not None and not 0 < value < float("inf"):
        raise BadInput([f"--max-price {text}: write USD an hour, as in --max-price 0.60"])
    return value


def document(market: Market) -> dict[str, object]:
    """Return all offers as plain data."""
    wish = market.wish
    return {
        "region": wish.region,
        "recipe": wish.recipe,
        "image": wish.image,
        "spot": wish.spot,
        "maxPrice": wish.max_price,
        "quotas": [{**dataclasses.asdict(quota), "left": quota.left} for quota in market.quotas.values()],
        "notes": market.notes,
        "offers": [offer.document() for offer in market.offers],
    }


def show(market: Market, rows: list[Offer]) -> None:
    """Print a table of offers, and below it where its figures are from."""
    wish, best = market.wish, market.best()
    how = "as spot" if wish.spot else "on demand"
    print(f"{wish.recipe} on {wish.image} in {wish.region}, {how}: {len(best)} of {len(market.offers)} can be had")
    if rows:
        draw(_table(rows))
    hidden = len(market.offers) - len(rows)
    if hidden:
        print(f"{hidden} more: --all shows them" + (", and why they cannot be had" if len(rows) == len(best) else ""))
    for source in dict.fromkeys(offer.on_demand.source for offer in rows if offer.on_demand):
        print(f"on demand: {source}; disks and address come on top: pulumi preview")
    for quota in market.quotas_of(rows or market.offers):
        print(f"quota: {quota.used} of {quota.vcpus} vCPUs are in use ({quota.name}); more: {quota.link}")
    for note in market.notes:
        tell(note)


def _table(rows: list[Offer]) -> Table:
    from rich import table as tables  # noqa: PLC0415 - 60 ms that only tables pay
    from rich.box import SIMPLE  # noqa: PLC0415

    table = tables.Table(box=SIMPLE, pad_edge=False)
    for head in ("type", "zone", "GPU", "vCPU", "GiB", "on demand", "spot", "spot, 7 days", "in the way"):
        left = head in ("type", "zone", "GPU", "in the way")
        # On a narrow terminal words break; prices never do.
        table.add_column(head, no_wrap=not left, overflow="fold", justify="left" if left else "right")
    for offer in rows:
        kind, spot = offer.kind, offer.spot_price
        cards = f"{kind.gpus} x {kind.gpu}, {offer.gpu_memory_gib} GiB" if offer.gpu_memory_gib else "none"
        table.add_row(
            kind.name,
            offer.zone,
            cards,
            str(kind.vcpus),
            str(kind.memory_gib),
            f"${offer.on_demand.usd:.3f}" if offer.on_demand else "?",
            f"${spot.now:.3f}" if spot else "none",
            f"${spot.low:.3f} to ${spot.high:.3f}" if spot else "",
            offer.why_not,
        )
    return table
