"""The answer to a setup: whose events these are, and where to go on should the connection break."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from provision.agent.words import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provision.agent.wire.events import Event
    from provision.agent.wire.requests import Place

ENDINGS = (Kind.READY, Kind.FAILED, Kind.UNCHANGED, Kind.LOST)
"""Events after which a client has nothing to wait for."""


def ours(stream: Iterator[Event]) -> Iterator[Event]:
    """Yield events; those of another run that ours has to wait for lose their place and their ending."""
    other = ""
    for event in stream:
        if event["event"] == Kind.WAITING:
            other = event["run"]
            yield event
        elif event.get("run") != other:
            yield event
        elif event["event"] not in (*ENDINGS, Kind.REBOOT):
            yield cast("Event", {key: value for key, value in event.items() if key != "offset"})


def place_after(event: Event, place: Place | None) -> Place | None:
    """Return what a follower has to ask for should the connection break after this event."""
    step, offset, position = event.get("step"), event.get("offset"), event.get("position")
    positions = {key: value for key, value in place["positions"].items() if key != step} if place else {}
    if isinstance(offset, int):
        # A step's event comes after all that its log held before, and the log begins anew with what follows.
        return {"run": str(event.get("run")), "offset": offset, "positions": positions}
    if place and isinstance(position, int):
        return {**place, "positions": {**positions, str(step): position}}
    return place
