"""The host's side of `fab timeline` and `fab status`: what was done here and when, and how full and busy it is.

It travels with the runner and the host's side of runs: Python 3.8, standard library only.
"""

from __future__ import annotations

import calendar
import collections
import contextlib
import json
import os
import re
import shutil
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

from provision.agent.runner import events_after, load, log_of, output, running, say, status
from provision.agent.runs_host import folders, looks, serve

if TYPE_CHECKING:
    from typing import BinaryIO

    from provision.agent.runner import Json

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


def overview(request: Json) -> None:
    """Answer with what `status` does, the runs that go on, and how full and busy the host is."""
    status(request)
    going = [run for run in looks(folders(request)) if run["state"] == "running"]
    services = {unit: active for unit in request["units"] for active in [state_of(unit)] if active}
    say("overview", runs=going, services=services, loads=loads(), disks=disks(request), datasets=datasets(request))


def state_of(unit: str) -> str:
    """Return what systemd says of a service ("active", "failed"), "" where there is none of that name."""
    show = ("systemctl", "show", "--value", "--property=LoadState", "--property=ActiveState", unit)
    loaded, _, active = output(*show).strip().partition("\n")
    return active if loaded == "loaded" else ""


def loads() -> list[list[str]]:
    """Return use in %, used and whole memory in MiB and temperature in °C of each GPU, as NVIDIA's driver says it."""
    rows = output("nvidia-smi", f"--query-gpu={USE}", "--format=csv,noheader,nounits").splitlines()
    return [[part.strip() for part in row.split(",")] for row in rows]


def disks(request: Json) -> list[Json]:
    """Return free and whole bytes of the root file system, and of the one at the mount point where it is another."""
    places = [Path("/"), Path(request["mount_point"])]
    found = {place.stat().st_dev: place for place in reversed(places) if place.is_dir()}
    usages = {place: shutil.disk_usage(place) for place in places if place in found.values()}
    return [{"path": str(place), "free": usage.free, "total": usage.total} for place, usage in usages.items()]


def datasets(request: Json) -> list[Json]:
    """Return the data sets on the job volume with their counts, and what `.NAME.part` or `.NAME.building` is to be."""
    places = sorted(path for path in Path(request["mount_point"], "datasets").glob("*") if path.is_dir())
    whole = [{"name": p.name, "whole": True, "counts": counts(p / "manifest.json")} for p in places if p.name[0] != "."]
    parts = {p.stem[1:] for p in places if p.name[0] == "." and p.suffix in (".part", ".building")}
    return whole + [{"name": name, "whole": False, "counts": {}} for name in sorted(parts)]


def counts(manifest: Path) -> dict[str, int]:
    """Return how many pictures a manifest counts, in all and of each side; {} where it cannot be read."""
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError, AttributeError), open_plain(manifest) as file:
        told = json.loads(file.read(MANIFEST))["counts"]
        pictures = {key: value.get("pictures") if isinstance(value, dict) else value for key, value in told.items()}
        return {key: number for key, number in pictures.items() if isinstance(number, int)}
    return {}


def journal(request: Json) -> None:
    """Answer with the boots, the events of provisioning and all runs, and with the ends of their logs."""
    events = collections.deque((event for event, _ in events_after(0)), EVENTS)
    pending = load("pending.json") or {}
    alive = pending.get("run", "") if running() else ""
    told = looks(folders(request)[:RUNS])
    say("journal", now=time.time(), boots=boots(), events=list(events), alive=alive, runs=told)
    steps = dict.fromkeys(event["step"] for event in events if event.get("state") == "installing")
    for step in steps:
        say("tail", kind="step", name=step, **tail(log_of(step), request["lines"]))
    for run in told[: request["logs"]]:
        say("tail", kind="run", name=run["name"], **tail(Path(run["path"], "log"), request["lines"]))


def boots() -> list[list[float]]:
    """Return the first and the last sign of life in each boot that the system's journal knows, in seconds of UTC."""
    moment = r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC"
    rows = re.findall(f"{moment}.*{moment}", output("journalctl", "--list-boots", "--utc", "--no-pager"))
    return [[seconds(word) for word in row] for row in rows[-BOOTS:]]


def seconds(moment: str) -> float:
    """Return a time of UTC that systemd has written, in seconds."""
    return float(calendar.timegm(time.strptime(moment, "%Y-%m-%d %H:%M:%S")))


def tail(log: Path, lines: int) -> Json:
    """Return the last lines of a log, whether that is all of it, how large it is, and why there is none."""
    try:
        with open_plain(log) as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - WINDOW))
            data = file.read(WINDOW)
    except FileNotFoundError:
        return {"lines": [], "whole": True, "size": 0, "why": ""}
    except OSError as error:
        return {"lines": [], "whole": False, "size": 0, "why": f"{log} was not read: {error.strerror}"}
    rows = data.decode("utf-8", "replace").rstrip("\n").split("\n") if data else []
    if size > WINDOW:  # the first of them began before it
        rows = rows[1:] or [f"… {rows[0].rpartition(chr(13))[2][-WIDTH + 2 :]}"]
    whole = size <= WINDOW and len(rows) <= lines
    return {"lines": [shown(row) for row in rows[-lines:]], "whole": whole, "size": size, "why": ""}


def open_plain(path: Path) -> BinaryIO:
    """Open a file that an account could have put another thing in the place of: a link, a pipe, a device."""
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(22, "it is no plain file", str(path))
    return file


def shown(row: str) -> str:
    """Return a line as a terminal would leave it, cut where it is long."""
    text = row.rstrip().rpartition("\r")[2]
    return text if len(text) <= WIDTH else f"{text[:WIDTH]} … and {len(text) - WIDTH} characters more"


def main(request: Json) -> None:
    """Answer {"verb": "overview" | "journal", …}."""
    serve({"overview": overview, "journal": journal}, request)
