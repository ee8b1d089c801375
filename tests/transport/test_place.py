"""Where a follower goes on after a connection that broke."""

from __future__ import annotations

from typing import Any

from provision.transport.answers import place_after


def after(*events: Any) -> Any:
    place = None
    for event in events:
        place = place_after(event, place)
    return place


STARTED = {"event": "started", "run": "r1", "offset": 10, "steps": {}}


def step(name: str, state: str, offset: int) -> dict[str, Any]:
    return {"event": "step", "run": "r1", "step": name, "state": state, "at": 1.0, "offset": offset}


def log(name: str, position: int) -> dict[str, Any]:
    return {"event": "log", "step": name, "line": "x", "position": position}


def test_each_log_has_its_own_place() -> None:
    both = (STARTED, step("left", "installing", 20), step("right", "installing", 30), log("left", 5), log("right", 7))
    assert after(*both) == {"run": "r1", "offset": 30, "positions": {"left": 5, "right": 7}}
    # An event of one step leaves the other where it was.
    assert after(*both, step("top", "checking", 40))["positions"] == {"left": 5, "right": 7}
    assert after(*both, step("left", "installed", 40))["positions"] == {"right": 7}


def test_a_log_that_begins_anew_is_read_from_its_beginning() -> None:
    assert (
        after(STARTED, step("left", "installing", 20), log("left", 5), step("left", "installing", 30))["positions"]
        == {}
    )


def test_what_has_no_place_to_come_back_to_has_none() -> None:
    assert after({"event": "waiting", "run": "r0", "name": "other"}, log("left", 5)) is None
