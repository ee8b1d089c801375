"""How full and busy the box is, for `fab status`; what was done on it and when, for `fab timeline`."""

from __future__ import annotations

import calendar
import collections
import contextlib
import json
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from provision.agent.accounts import as_account, open_plain
from provision.agent.events import events_after, notices
from provision.agent.facts import state
from provision.agent.guard import STOPS, guard_of_box, rows_of
from provision.agent.mount import disks, is_mounted
from provision.agent.notice import ending
from provision.agent.paths import log_of
from provision.agent.processes import output
from provision.agent.records import folders
from provision.agent.reply import say
from provision.agent.runs import run_rows
from provision.agent.setup import pending, running
from provision.agent.words import Kind, RunState, StepState

if TYPE_CHECKING:
    from typing import Dict, List, Literal

    from provision.agent.wire import requests
    from provision.agent.wire.answers import Tail
    from provision.agent.wire.documents import Account, DataSet

EVENTS = 5000
"""Events of provisioning that are told, the newest: some 200 installs of everything."""
RUNS = 500
"""Runs that are told, the newest."""
BOOTS = 100
WINDOW = 2**18
"""Bytes at the end of a log that are looked at for its last lines."""
WIDTH = 500
"""Characters of a line that are told."""
MANIFEST = 2**20
"""Bytes of a data set's manifest, at most: another file of that name is none."""
USE = "utilization.gpu,memory.used,memory.total,temperature.gpu"


def overview(request: requests.Overview, account: Account) -> None:
    """Answer with what `status` does, the runs that go on, and how full and busy the host is."""
    with as_account(account["user"]):
        datasets = _datasets(account)
    services = {unit: active for unit in request["units"] for active in [_service_state(unit)] if active}
    say(
        {
            "event": Kind.OVERVIEW,
            **state(),
            "runs": [run for run in run_rows(folders(account), account) if run["state"] == RunState.RUNNING],
            "services": services,
            "loads": _loads(),
            "disks": disks(account),
            "mounted": is_mounted(account["mount_point"], account["volume_id"]),
            "datasets": datasets,
            "guard": guard_of_box(),
            "ending": ending(),
        }
    )


def _service_state(unit: str) -> str:
    """Return what systemd says of a service ("active", "failed"), "" where there is none of that name."""
    show = ("systemctl", "show", "--value", "--property=LoadState", "--property=ActiveState", unit)
    loaded, _, active = output(*show).strip().partition("\n")
    return active if loaded == "loaded" else ""


def _loads() -> List[List[str]]:
    """Return use in %, used and whole memory in MiB and temperature in °C of each GPU, as NVIDIA's driver says it."""
    rows = output("nvidia-smi", f"--query-gpu={USE}", "--format=csv,noheader,nounits").splitlines()
    return [[part.strip() for part in row.split(",")] for row in rows]


def _datasets(account: Account) -> List[DataSet]:
    """Return the data sets on the job volume with their counts, and what `.NAME.part` or `.NAME.building` is to be."""
    places = sorted(path for path in Path(account["mount_point"], "datasets").glob("*") if path.is_dir())
    parts = {p.stem[1:] for p in places if p.name[0] == "." and p.suffix in (".part", ".building")}
    whole: List[DataSet] = [
        {"name": p.name, "whole": True, "counts": counts(p / "manifest.json")} for p in places if p.name[0] != "."
    ]
    halves: List[DataSet] = [{"name": name, "whole": False, "counts": {}} for name in sorted(parts)]
    return whole + halves


def counts(manifest: Path) -> Dict[str, int]:
    """Return how many pictures a manifest counts, in all and of each side; {} where it cannot be read."""
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError, AttributeError), open_plain(manifest) as file:
        found = json.loads(file.read(MANIFEST))["counts"]
        pictures = {key: value.get("pictures") if isinstance(value, dict) else value for key, value in found.items()}
        return {key: number for key, number in pictures.items() if isinstance(number, int)}
    return {}


def journal(request: requests.Journal, account: Account) -> None:
    """Answer with the boots, the events of provisioning and all runs, and with the ends of their logs."""
    events = collections.deque((event for event, _ in events_after(0)), EVENTS)
    now = pending()
    alive = now["run"] if now and running() else ""
    runs = run_rows(folders(account)[:RUNS], account)
    say(
        {
            "event": Kind.JOURNAL,
            "now": time.time(),
            "boots": _boots(),
            "stops": rows_of(STOPS),
            "events": list(events),
            "alive": alive,
            "runs": runs,
            "notices": notices(),
        }
    )
    steps = [e["step"] for e in events if e["event"] == Kind.STEP and e["state"] == StepState.INSTALLING]
    for step in dict.fromkeys(steps):
        say(tail("step", step, log_of(step), request["lines"]))
    for run in runs[: request["logs"]]:
        with as_account(account["user"]):
            lines = tail("run", run["name"], Path(run["path"], "log"), request["lines"])
        say(lines)


def _boots() -> List[List[float]]:
    """Return the first and the last sign of life in each boot that the system's journal knows, in seconds of UTC."""
    moment = r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC"
    rows = re.findall(f"{moment}.*{moment}", output("journalctl", "--list-boots", "--utc", "--no-pager"))
    return [[_seconds(word) for word in row] for row in rows[-BOOTS:]]


def _seconds(moment: str) -> float:
    """Return a time of UTC that systemd has written, in seconds."""
    return float(calendar.timegm(time.strptime(moment, "%Y-%m-%d %H:%M:%S")))


def tail(kind: Literal["step", "run"], name: str, log: Path, lines: int) -> Tail:
    """Return the last lines of a log, whether that is all of it, how large it is, and why there is none."""
    size, data, why = 0, b"", ""
    try:
        with open_plain(log) as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - WINDOW))
            data = file.read(WINDOW)
    except FileNotFoundError:
        pass
    except OSError as error:
        why = f"{log} was not read: {error.strerror}"
    rows = data.decode("utf-8", "replace").rstrip("\n").split("\n") if data else []
    if size > WINDOW:  # the first of them began before it
        rows = rows[1:] or [f"… {rows[0].rpartition(chr(13))[2][-WIDTH + 2 :]}"]
    return {
        "event": Kind.TAIL,
        "kind": kind,
        "name": name,
        "lines": [_shown(row) for row in rows[-lines:]],
        "whole": not why and size <= WINDOW and len(rows) <= lines,
        "size": size,
        "why": why,
    }


def _shown(row: str) -> str:
    """Return a line as a terminal would leave it, cut where it is long."""
    text = row.rstrip().rpartition("\r")[2]
    return text if len(text) <= WIDTH else f"{text[:WIDTH]} … and {len(text) - WIDTH} characters more"
