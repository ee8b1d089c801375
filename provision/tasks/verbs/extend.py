"""`fab extend`: let every host run longer than its ceiling says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provision.aws import instances
from provision.life import ceiling, guard
from provision.model.errors import BadInput
from provision.model.limit import GRACE
from provision.model.words import seconds_of
from provision.tasks.verb import verb

if TYPE_CHECKING:
    from provision.screen.progress import View
    from provision.tasks.context import Context
    from provision.transport.session import Session

OPTIONS = {"time": "how much later: 30m, 4h, 2d", "yes": "also beyond gpurig:maxSpend"}
LONGEST = 7 * 86400
"""Seconds by which one call moves an end: more is a limit that the settings should say."""


@verb(options=OPTIONS, argument="time", short_options=False)
def extend(c: Context, time: str, *, yes: bool = False) -> None:
    """Let every host run on (fab extend 4h): AWS ends it so much later, and its own timer, too."""
    seconds = seconds_of(time)
    if seconds is None or seconds > LONGEST:
        raise BadInput([f"extend {time}: write a time from 1m to 7d, such as 30m, 4h or 2d"])

    def move(session: Session, out: View) -> None:
        host = session.host
        price = _price(session, seconds, beyond=yes)
        until = ceiling.extend(host, seconds)
        # AWS first: should the box not be reached, it ends too early, never too late.
        out.line(f"{host}: AWS ends it {ceiling.day(until)}{price}")
        if host.limit.box_hours:
            guard.set_lifetime(session, until - GRACE)
            out.line(f"{host}: it stops itself {GRACE // 60} minutes before, its runs first")

    c.each_session(move)


def _price(session: Session, seconds: float, *, beyond: bool) -> str:
    """Return what the time costs at most. Raises `BadInput` where it is more than `gpurig:maxSpend`."""
    host, limit = session.host, session.host.limit
    now = ceiling.read(host)
    if now is None or limit.usd_per_hour is None:
        return ""
    ran = ceiling.hours(host, instances.find(host), now.asked)
    left = max(0.0, now.until - now.asked)
    total = ceiling.cost(host, ran, left + seconds) or 0.0
    if limit.usd is not None and total > limit.usd and not beyond:
        wrong = f"it would cost ${total:.2f} in all, and gpurig:maxSpend is ${limit.usd:g}"
        raise BadInput([f"{host}: {wrong}"], hint="--yes goes beyond it; pulumi config set gpurig:maxSpend changes it")
    return f"; the longer time costs ${limit.usd_per_hour * seconds / 3600:.2f} at most, ${total:.2f} in all"
