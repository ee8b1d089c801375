"""What the selected stack has cost: its regions asked, reckoned, and held against its ceiling."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from provision.aws import uptime
from provision.life import accounts, ceiling, states
from provision.life.accounts import Place
from provision.life.cost import Reckoning, Total
from provision.life.rates import Rates
from provision.model.errors import GpurigError, NoHosts
from provision.model.host import Host
from provision.model.prices import HOURS_A_MONTH

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from provision.aws.holdings import Holdings, Thing
    from provision.life.cost import Row
    from provision.life.states import State
    from provision.model.limit import Limit


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ceiling:
    """What the ceiling leaves one box."""

    host: str
    id: str
    usd: float | None
    """Of `gpurig:maxSpend`, after all its hours at the price that the ceiling counts by; None: no such ceiling."""
    hours: float | None
    """Until AWS ends it, as `fab status` says it; None: it does not run, or AWS has no end for it ahead."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Spending:
    """What a stack has cost and costs."""

    stack: str
    regions: tuple[str, ...]
    now: float
    """By AWS's clock, seconds of UTC."""
    rows: list[Row]
    total: Total
    ceilings: list[Ceiling]
    sources: tuple[str, ...]
    """Who said the prices."""
    not_looked_at: dict[str, str]
    """Where there may be more, and why nobody knows."""


def spending() -> Spending:
    """Ask what the selected stack has, wherever it is, and reckon it. Raises `GpurigError`."""
    known = states.states()
    selected = next((state for state in known if state.current), None)
    if selected is None:
        raise NoHosts("no stack is selected", hint=f"pulumi stack select NAME --create; there are: {_names(known)}")
    place = Place.of(known)
    wanted, not_looked_at = accounts.regions_of(place, [selected])
    held = accounts.held_in(place, wanted, not_looked_at)
    regions = [part.region for part in held]
    rates = {region: Rates(profile=place.profile, region=region) for region in regions}
    rows = [row for part in held for row in _reckoning(part, rates[part.region]).rows(selected.stack)]
    now = max(part.now for part in held)
    ceilings, not_told = _ceilings(rows, selected.limits, place.profile)
    return Spending(
        stack=selected.stack,
        regions=tuple(regions),
        now=now,
        rows=rows,
        total=Total.of(rows, now, hours_a_month=HOURS_A_MONTH),
        ceilings=ceilings,
        sources=tuple(dict.fromkeys(row.source for row in rows if row.source)),
        not_looked_at={**not_looked_at, **not_told},
    )


def _names(known: Sequence[State]) -> str:
    return ", ".join(state.stack for state in known) or "none"


def _reckoning(held: Holdings, rates: Rates) -> Reckoning:
    def stopped_at(thing: Thing, launched: float) -> float | None:
        return uptime.stopped_at(held.profile, held.region, thing.id, launched=launched, now=held.now)

    return Reckoning(held=held, rates=rates, stopped_at=stopped_at)


def _ceilings(rows: Sequence[Row], limits: Mapping[str, Limit], profile: str) -> tuple[list[Ceiling], dict[str, str]]:
    """Return what the stack's ceiling leaves each box that is still there, and of which boxes AWS does not say it."""
    found, not_told = [], {}
    for row in rows:
        limit = limits.get(row.id)
        if row.what != "instance" or limit is None or limit.seconds() is None:
            continue
        end = None
        if row.state in accounts.RUNNING:
            box = Host(name=row.host, address="", instance_id=row.id, region=row.region, profile=profile)
            try:
                end = ceiling.read(box)
            except GpurigError as error:
                not_told[f"the end of {row.host} ({row.id})"] = error.what
        found.append(
            Ceiling(
                host=row.host,
                id=row.id,
                usd=None if limit.usd is None else limit.usd - row.hours * (limit.usd_per_hour or 0.0),
                hours=(end.until - end.asked) / 3600 if end and end.ahead else None,
            )
        )
    return found, not_told
