"""Hosts that tell what was done on them, and `fab timeline`'s page about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from provision.history.journal import Journal
from provision.history.timeline import Page
from provision.model.host import Host
from tests.kit.page import Element, Reader

HOST = Host(name="box", address="192.0.2.7", instance_type="g4dn.xlarge", price_per_hour=0.526)
NOON = 1_800_000_000.0
"""A moment to count from, in seconds of UTC."""


def event(at: float, kind: str, run: str = "r1", **fields: Any) -> dict[str, Any]:
    """Return an event of the runner's journal."""
    return {"run": run, "event": kind, "at": NOON + at, **fields}


def step(at: float, name: str, state: str, run: str = "r1", **fields: Any) -> dict[str, Any]:
    more = {"was": "missing", "notes": []} if state == "installing" else {}
    return event(at, "step", run, step=name, state=state, **{**more, **fields})


def ran(name: str, since: float, seconds: float, state: str = "done", **fields: Any) -> dict[str, Any]:
    asked = {"name": name, "command": f"python {name}.py", "path": f"/jobs/runs/{name}"}
    return {**asked, "state": state, "since": NOON + since, "seconds": seconds, "code": 0, "why": "", **fields}


def journal_of(
    events: Sequence[Any] = (),
    runs: Sequence[Any] = (),
    *,
    boots: Sequence[Any] = ((-60, 5000),),
    now: float = 5000,
    alive: str = "",
    logs: Sequence[Any] = (),
    stops: Sequence[tuple[float, str]] = (),
    notices: Sequence[Any] = (),
) -> Journal:
    """Return the journal of a host that told this."""
    rows = [[NOON + begin, NOON + end] for begin, end in boots]
    document: Any = {
        "event": "journal",
        "now": NOON + now,
        "boots": rows,
        "stops": [{"at": NOON + at, "text": why} for at, why in stops],
        "events": list(events),
        "alive": alive,
        "runs": [{"asked": "", "recipe": "", "folder": "", "resumable": False, **row} for row in runs],
        "notices": list(notices),
    }
    tails: Any = [
        {"event": "tail", "kind": kind, "name": name, "lines": lines, "whole": True, "size": 9, "why": ""}
        for kind, name, lines in logs
    ]
    return Journal.from_events(HOST, document, tails)


def page_of(*journals: Journal, silent: Sequence[Any] = ()) -> Element:
    """Return the page about these hosts, as a browser gets it."""
    return Reader(Page(journals, silent).html().encode().decode()).stack[0]
