"""`fab keep-awake`: hold every host awake for a while, though nobody uses it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from provision.life import guard
from provision.model.errors import BadInput
from provision.model.idle_alarm import window
from provision.model.words import seconds_of
from provision.tasks.awake import shown
from provision.tasks.verb import verb

if TYPE_CHECKING:
    from provision.model.host import Host
    from provision.screen.progress import View
    from provision.tasks.context import Context
    from provision.transport.session import Session

LONGEST = 30 * 86400
"""Seconds. Whoever wants a box for longer sets idleStopMinutes to 0, and sees that in the settings."""
OPTIONS = {
    "duration": "for how long from now on: 90m, 2h, 1d; where not given, it shows what holds each host awake",
    "off": "hold it no longer",
}


@verb(options=OPTIONS, argument="duration", short_options=False)
def keep_awake(c: Context, *, duration: str = "", off: bool = False) -> None:
    """Keep every host from stopping when it is idle (fab keep-awake 2h), also across reboots; its lifetime ends it."""
    if duration and off:
        raise BadInput([f"keep-awake {duration} --off: give one of the two"])
    seconds = _seconds_of(duration) if duration else 0.0
    until = time.time() + seconds if seconds else 0.0

    def hold(session: Session, out: View) -> None:
        seen = guard.keep_awake(session, until) if duration or off else guard.look(session)
        lines = [*shown(seen, time.time()), *_beyond(session.host, seen["idle_minutes"], seconds)]
        out.line("\n".join(f"{session.host}: {line}" for line in lines))

    c.each_session(hold)


def _beyond(host: Host, idle_minutes: int, seconds: float) -> list[str]:
    """Warn of AWS's alarm, which nobody holds: it knows the CPUs alone."""
    minutes = window(idle_minutes) if host.instance_id else 0
    if not minutes or seconds <= minutes * 60:
        return []
    return [f"AWS's alarm stops it all the same where its CPUs do nothing for {minutes / 60:g} h (docs/ceilings.md)"]


def _seconds_of(text: str) -> float:
    """Return a length of time such as "90m", "2h" or "1.5d" in seconds. Raises `BadInput`."""
    seconds = seconds_of(text)
    if seconds is None or seconds > LONGEST:
        raise BadInput([f"keep-awake {text}: write a time from 1m to 30d, such as 90m, 2h or 1d"])
    return seconds
