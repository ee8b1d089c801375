"""How busy the box is, told again and again: `fab watch`. Between two looks it sleeps."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from provision.agent import meters
from provision.agent.mount import disks
from provision.agent.records import folders
from provision.agent.reply import say
from provision.agent.runs import run_rows
from provision.agent.words import Kind, RunState

if TYPE_CHECKING:
    from typing import List, Tuple

    from provision.agent.wire import requests
    from provision.agent.wire.documents import Account
    from provision.agent.wire.samples import Going

FIRST = 0.5
"""Seconds that the first rates are of: nobody wants to wait for a screen."""
RUNS = 5.0
"""Seconds between two looks at the runs, for which systemd is asked: that costs more than all the rest."""


def sample(request: requests.Sample, account: Account) -> None:
    """Tell a sample every so many seconds, until the client goes or has had as many as it wants."""
    gpus = meters.Gpus(request["seconds"])
    try:
        _tell(request, account, gpus)
    finally:
        gpus.close()


def _tell(request: requests.Sample, account: Account, gpus: meters.Gpus) -> None:
    before, told, looked = _counts(), 0, 0.0
    runs: List[Going] = []
    time.sleep(FIRST)
    while True:
        now = _counts()
        if now[0] - looked > RUNS:
            runs, looked = _runs(account), now[0]
        rows, problem = gpus.now(0.0 if told else meters.SILENCE + 1 if request["times"] == 1 else FIRST)
        seconds = max(0.001, now[0] - before[0])
        busy, ticks = now[1] - before[1], now[2] - before[2]
        read, written, received, sent = ((b - a) / seconds for a, b in zip(before[3], now[3]))  # noqa: B905 - 3.10's `strict`
        say(
            {
                "event": Kind.SAMPLE,
                "at": time.time(),
                "cpus": os.cpu_count() or 1,
                "cpu": round(100 * busy / ticks, 1) if ticks else 0.0,
                "load": round(os.getloadavg()[0], 2),
                "memory": meters.memory(),
                "gpus": rows,
                "gpu_problem": problem,
                "disks": disks(account),
                "read": round(read),
                "written": round(written),
                "received": round(received),
                "sent": round(sent),
                "runs": runs,
            }
        )
        told += 1
        if told == request["times"]:
            return
        before = now
        time.sleep(request["seconds"])


def _counts() -> Tuple[float, float, float, Tuple[float, float, float, float]]:
    """Return the moment, busy and all ticks, and the bytes read, written, received and sent so far."""
    busy, ticks = meters.cpu()
    return time.monotonic(), busy, ticks, (*meters.disks(), *meters.network())


def _runs(account: Account) -> List[Going]:
    rows = [row for row in run_rows(folders(account), account) if row["state"] == RunState.RUNNING]
    return [{"name": row["name"], "since": row["since"]} for row in rows]
