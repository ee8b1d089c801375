"""What a stack has cost, and costs: reckoned from times that AWS tells and list prices. It is not AWS's bill.

EC2 forgets what is gone: a box an hour after it was terminated, a volume at once. What nobody knows is said, and is in
no sum.
"""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

from provision.aws.instances import Instance
from provision.life.accounts import RUNNING, instance_hour
from provision.life.ledger import DAY, Ledger
from provision.model.tags import ACCESS, JOBS, TEMPORARY, VOLUME
from provision.model.words import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from provision.aws.holdings import Holdings, Thing
    from provision.life.rates import Rates
    from provision.model.prices import Quote

WEEK = 7 * DAY


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """What one thing has cost and costs, USD."""

    what: str
    """instance, address, root disk, job volume, volume, snapshot, image."""
    id: str
    host: str
    region: str
    state: str
    since: float | None
    """When it was made, or first started as far as is known; seconds of UTC."""
    hours: float
    """For which it was billed, at least."""
    by_day: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """Of a box: the hours of each day (UTC) of the last week, as far as is known which days."""
    spent: float | None
    """Since then; None: nobody says what an hour costs."""
    week: float | None
    """In the last seven days, as far as is known which days."""
    hour: float | None
    """As it is now."""
    at_most: bool = False
    """Whether the figures are the most that it can be."""
    source: str = ""
    """Who said the price."""
    remark: str = ""
    """What to know of the figures."""
    incomplete: bool = False
    """Whether it was billed for a time that nobody knows, beyond what is in the figures."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reckoning:
    """How the rows of one region are reckoned."""

    held: Holdings
    rates: Rates
    stopped_at: Callable[[Thing, float], float | None]
    """When an instance stopped that was started at a moment, where EC2 does not say; None: nobody knows."""

    def rows(self, stack: str) -> Iterator[Row]:
        """Reckon what there is of a stack: boxes and what they have, then disks, snapshots and images."""
        things = [thing for thing in self.held.things if thing.stack == stack]
        for thing in things:
            if thing.kind == "instance":
                yield from self._instance(thing)
        disks = {volume: thing for thing in things if thing.kind == "instance" for volume in thing.disks}
        in_images = {snapshot for thing in things if thing.kind == "image" for snapshot in thing.snapshots}
        for thing in things:
            if thing.kind == "volume":
                yield self._volume(thing, root=disks.get(thing.id))
            elif thing.kind == "image" or (thing.kind == "snapshot" and thing.id not in in_images):
                yield self._stored(thing)

    def _instance(self, thing: Thing) -> Iterator[Row]:
        instance, ledger = Instance.from_aws(thing.row), Ledger.read(thing.tags)
        end, remark = self._end(thing, instance)
        launched = instance.launched if end is not None else None
        missed = ledger.missed(instance.launched, instance.first)
        gaps = ledger.gaps + missed + (end is None)
        until = self.held.now if end is None else end
        hours = ledger.hours(until, launched)
        begin, now = self.held.now - WEEK, self.held.now
        week = ledger.within(until, launched, since=begin, until=now) / 3600
        running = instance.state in RUNNING
        price = instance_hour(thing, self.rates)
        about: dict[str, Any] = {
            "id": thing.id,
            "host": thing.host,
            "region": thing.region,
            "state": instance.state,
            "since": min([instance.launched, *(run.began for run in ledger.runs), *filter(None, [instance.first])]),
            "hours": hours,
            "by_day": _dated(ledger.by_day(until, launched, since=begin, until=now)),
        }
        lost = f"and {counted(gaps, 'time')} that it ran for nobody knows how long" if gaps else ""
        remarks = "; ".join(filter(None, [lost, remark, _of_spot(instance)]))
        figures = _figures(price, hours, week, running=running)
        yield Row(what="instance", **about, **figures, remark=remarks, incomplete=bool(gaps))
        if ACCESS in thing.tags:
            return
        figures = _figures(self.rates.address_hour, hours, week, running=running)
        yield Row(what="address", **about, **figures, remark="billed while the box runs", incomplete=bool(gaps))

    def _end(self, thing: Thing, instance: Instance) -> tuple[float | None, str]:
        """Return until when an instance ran, None where nobody knows, and what to say of that."""
        if instance.state in RUNNING:
            return self.held.now, ""
        if instance.stopped is not None:
            return instance.stopped, ""
        known = self.stopped_at(thing, instance.launched)
        if known is not None:
            return known, "stopped by itself; when, is told by CloudWatch to some minutes"
        return None, "it stopped by itself, and nobody says when"

    def _volume(self, thing: Thing, *, root: Thing | None) -> Row:
        what = {JOBS: "job volume", TEMPORARY: "volume of a restore"}.get(thing.tags.get(VOLUME, ""), "volume")
        remark = "" if thing.attached_to else "attached to nothing, and billed all the same"
        if thing.row.get("VolumeType", "gp3") != "gp3":
            remark = f"a {thing.row['VolumeType']} volume, reckoned as gp3"
        return self._held_since(
            thing,
            self.rates.gib_hour,
            what="root disk" if root else what,
            host=thing.host or (root.host if root else ""),
            remark=remark,
        )

    def _stored(self, thing: Thing) -> Row:
        host = thing.host or ("" if thing.kind == "snapshot" else "all")
        return self._held_since(thing, self.rates.snapshot_gib_hour, what=thing.kind, host=host, at_most=True)

    def _held_since(
        self, thing: Thing, gib_hour: Quote, *, what: str, host: str, remark: str = "", at_most: bool = False
    ) -> Row:
        """Reckon what is billed for every hour that it is there, as if it had always had the size that it has."""
        made = self.held.now if thing.made is None else thing.made
        hours = max(0.0, self.held.now - made) / 3600
        price = dataclasses.replace(gib_hour, usd=gib_hour.usd * thing.gib)
        return Row(
            what=what,
            id=thing.id,
            host=host,
            region=thing.region,
            state=thing.state,
            since=thing.made,
            hours=hours,
            **_figures(price, hours, min(hours, WEEK / 3600), running=True),
            at_most=at_most,
            remark=remark,
        )


def _figures(price: Quote | None, hours: float, week: float, *, running: bool) -> dict[str, Any]:
    if price is None:
        return {"spent": None, "week": None, "hour": None if running else 0.0, "source": ""}
    now = price.usd if running else 0.0
    return {"spent": hours * price.usd, "week": week * price.usd, "hour": now, "source": price.source}


def _dated(seconds: Mapping[int, float]) -> dict[str, float]:
    """Return hours by date, of seconds by the number of the day."""
    return {time.strftime("%Y-%m-%d", time.gmtime(day * DAY)): spent / 3600 for day, spent in seconds.items()}


def _of_spot(instance: Instance) -> str:
    return "as if the spot price had always been that of now" if instance.spot else ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Total:
    """What the rows come to, USD; what nobody says the price of is in none."""

    spent: float
    week: float
    """In the last seven days."""
    days: float
    """How many of these days the oldest thing was there, 1 at least."""
    like_this: float
    """A week like these days."""
    month: float
    """As it is now, if nobody touches it."""
    unknown: int
    """Rows that have no price, or ran for a time that nobody knows."""

    @classmethod
    def of(cls, rows: Sequence[Row], now: float, *, hours_a_month: float) -> Total:
        """Add rows up."""
        week = sum(row.week or 0.0 for row in rows)
        oldest = min((row.since for row in rows if row.since is not None), default=now)
        age = min(max(now - oldest, DAY), WEEK)
        return cls(
            spent=sum(row.spent or 0.0 for row in rows),
            week=week,
            days=age / DAY,
            like_this=week * WEEK / age,
            month=sum(row.hour or 0.0 for row in rows) * hours_a_month,
            unknown=sum(row.spent is None or row.incomplete for row in rows),
        )
