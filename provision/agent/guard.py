"""The box's guard, as the laptop asks about it: what holds the box awake, and when it would stop.

The guard itself (`gpurig-guard` of the recipe base) needs nothing of this program. They meet in files: it leaves what
it saw last, and reads until when it is to hold the box awake; the lifetime is a timer of systemd's own.
"""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from provision.agent.files import load, remove, write
from provision.agent.paths import HOME
from provision.agent.processes import output, run_checked
from provision.agent.reply import Refused, say
from provision.agent.words import Kind

if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

    from provision.agent.wire import requests
    from provision.agent.wire.documents import Account, Guard, Told

SEEN = Path("/run/gpurig-guard/seen.json")
"""What the guard saw last in this boot."""
AWAKE = HOME / "awake"
"""Until when the box is held awake, in seconds of UTC: kept across boots."""
LIFETIME = Path("/run/gpurig-guard/lifetime")
"""When it stops whatever it does, in place of its lifetime: gone with the boot, from which that counts again."""
NOTICES = Path("/run/gpurig-guard/notices")
"""What was told on the terminals, as JSON lines."""
STOPS = HOME / "stops.jsonl"
"""When the guard powered the box off, and why, as JSON lines."""
TIMER, LIFETIME_TIMER = "gpurig-guard.timer", "gpurig-lifetime.timer"
_TIMES = Path("/run/systemd/system", f"{LIFETIME_TIMER}.d", "until.conf")


def guard(request: requests.Guard, _account: Account) -> None:
    """Take other moments for an end, where the request gives some; answer with what the guard sees."""
    awake, lifetime = request["awake_until"], request["lifetime_until"]
    if not _there() and (awake or lifetime):
        raise Refused(
            "this box has no guard: nothing stops it when it is idle, or after a time",
            "a box of the stack has one with idleStopMinutes or maxHours, and from then on: fab setup-base",
        )
    if awake:
        _need_future(awake)
        write(AWAKE, f"{awake:.0f}\n", 0o644)
    elif awake is not None:
        remove(AWAKE)
    if lifetime is not None:
        _need_future(lifetime)
        _set_lifetime(lifetime)
    say({"event": Kind.GUARD, **guard_of_box()})


def guard_of_box() -> Guard:
    """Return what the guard saw last, and when it would stop the box."""
    seen: Dict[str, Any] = load(SEEN) or {}
    awake, lifetime = _moment(AWAKE), _moment(LIFETIME) or seen.get("lifetime_until")
    if awake is not None and awake < time.time():
        awake = None
    idle_since, minutes = seen.get("idle_since"), seen.get("idle_minutes", 0)
    idle_end = max(idle_since + 60 * minutes, awake or 0) if idle_since is not None and minutes else None
    return {
        "there": _there(),
        "looked": seen.get("looked"),
        "busy": seen.get("busy", []),
        "idle_since": idle_since,
        "idle_minutes": minutes,
        "awake_until": awake,
        "lifetime_until": lifetime,
        "stops_at": min((end for end in (idle_end, lifetime) if end is not None), default=None),
    }


def rows_of(path: Path, after: float = 0) -> List[Told]:
    """Return what a file of notices, or of stops, says since a moment; a line that is not whole says nothing."""
    found: List[Told] = []
    with contextlib.suppress(OSError):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            with contextlib.suppress(ValueError, LookupError, TypeError):
                row = json.loads(line)
                found.append({"at": float(row["at"]), "text": str(row["text"])})
    return [row for row in found if row["at"] > after]


def _there() -> bool:
    return output("systemctl", "is-active", TIMER).strip() == "active"


def _moment(path: Path) -> Optional[float]:
    """Return the moment in a file; None where there is none, or nothing that can be read as one."""
    with contextlib.suppress(OSError, ValueError):
        return float(path.read_text(encoding="ascii"))
    return None


def _need_future(moment: float) -> None:
    """Refuse a moment that is over by the box's clock: a timer that is set to it would never elapse."""
    if moment <= time.time():
        now = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
        raise Refused("that moment is over by the clock of this box", f"there it is {now} UTC: see that both clocks go")


def _set_lifetime(until: float) -> None:
    """Have systemd power the box off at `until` in place of its lifetime, until the next boot."""
    calendar = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(until))
    write(_TIMES, f"[Timer]\nOnStartupSec=\nOnCalendar={calendar}\n", 0o644)
    write(LIFETIME, f"{until:.0f}\n", 0o644)
    run_checked("systemctl", "daemon-reload")
    run_checked("systemctl", "restart", LIFETIME_TIMER)
