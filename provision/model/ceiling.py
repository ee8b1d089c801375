"""How the schedules of a box's ceiling are called and written: the program makes them, `fab` finds and moves them."""

from __future__ import annotations

import calendar
import hashlib
import re
import time

SNAPSHOT_AFTER = 900
"""Seconds from the stop to the snapshot of the volume: a system that hangs is switched off by EC2 within minutes."""
NAME_LIMIT = 64
"""Characters of a schedule's name (docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html)."""


def schedule_prefix(kind: str, instance_id: str) -> str:
    """Return how the names of an instance's schedules begin; `kind`: "stop" or "snapshot"."""
    return f"gpurig-{kind}-{instance_id}-"


def schedule_name(kind: str, instance_id: str, tail: str) -> str:
    """Return the name of a schedule; where it is too long, its end is a digest, so that no two tails share it."""
    name = f"{schedule_prefix(kind, instance_id)}{tail}"
    if len(name) <= NAME_LIMIT:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: NAME_LIMIT - len(digest) - 1]}-{digest}"


def at(moment: float) -> str:
    """Return a moment, seconds of UTC, as a one-time schedule has it: to the second, in UTC."""
    return time.strftime("at(%Y-%m-%dT%H:%M:%S)", time.gmtime(moment))


def moment_of(expression: str) -> float | None:
    """Return the moment of a one-time schedule, seconds of UTC; None for another expression."""
    found = re.fullmatch(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)", expression)
    return float(calendar.timegm(time.strptime(found[1], "%Y-%m-%dT%H:%M:%S"))) if found else None
