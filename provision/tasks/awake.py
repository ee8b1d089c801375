"""What holds a box awake and when it would stop, in words."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provision.agent.wire.documents import Guard

LATE = 300
"""Seconds without a look of the guard, which looks every minute, after which something is wrong with it."""


def shown(guard: Guard, now: float) -> Iterator[str]:
    """Yield the lines about a box's guard."""
    if not guard["there"]:
        yield "it stops neither when it is idle nor after a time"
        return
    looked, minutes = guard["looked"], guard["idle_minutes"]
    if looked is None:
        yield "the guard has not looked yet; it does every minute"
    elif now - looked > LATE:
        yield f"the guard has not looked since {_clock(looked, now)}: systemctl status gpurig-guard"
    else:
        yield from _idle(guard, now)
    if guard["awake_until"]:
        yield f"kept awake until {_clock(guard['awake_until'], now)}"
    if guard["lifetime_until"]:
        yield f"stops at {_clock(guard['lifetime_until'], now)} whatever it does"
    if not minutes and looked is not None:
        yield "it does not stop when it is idle: idleStopMinutes is 0"


def _idle(guard: Guard, now: float) -> Iterator[str]:
    """Say what uses it, or since when nothing does."""
    minutes, since = guard["idle_minutes"], guard["idle_since"]
    if guard["busy"]:
        then = f"; would stop {minutes} min after it ends" if minutes else ""
        yield f"awake: {'; '.join(guard['busy'])}{then}"
    elif since is not None:
        end = guard["stops_at"]
        then = f", stops at {_clock(end, now)}" if end and minutes else ""
        yield f"idle since {_clock(since, now)}{then}"


def _clock(moment: float, now: float) -> str:
    """Return a moment as this machine's clock shows it; with the day where that is another one than today."""
    there, today = time.localtime(moment), time.localtime(now)
    return time.strftime("%H:%M" if there[:3] == today[:3] else "%Y-%m-%d %H:%M", there)
