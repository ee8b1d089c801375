"""The host's side of runs: list, follow and stop them.

It travels with the runner and runs as root: Python 3.8, standard library only. A run is a transient systemd service,
`gpurig-run-NAME.service`, with a folder: `run.json` (what was asked for), `script`, `log`, `results/`, and `end`, which
the service fills in when it has ended. That file has its bytes from the start: a full disk keeps no exit code back.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from provision.agent.runner import beat, lock, log_after, say, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from provision.agent.runner import Json

LOOK = 0.2
"""Seconds between two looks at a log; systemd is asked every tenth time."""


class Refused(Exception):
    """The request cannot be met: what is wrong, the way out, and whether what was named is just not on this host."""

    def __init__(self, problem: str, hint: str = "", *, missing: bool = False) -> None:
        super().__init__(problem)
        self.hint = hint
        self.missing = missing


# -- the state of a run


def unit(name: str) -> str:
    """Return the service that a run is."""
    return f"gpurig-run-{name}.service"


def folders(request: Json) -> list[Path]:
    """Return the folders of all runs, the newest first."""
    found = [path.parent for path in (Path(request["mount_point"]) / "runs").glob("*/run.json")]
    return sorted(found, key=lambda folder: about(folder)["since"], reverse=True)


def folder_of(request: Json, name: str) -> Path:
    """Return the folder of a run that is there."""
    folders_now = folders(request)
    for folder in folders_now:
        if folder.name == name:
            return folder
    there = ", ".join(folder.name for folder in folders_now[:10]) or "none"
    raise Refused(f'there is no run "{name}"', f"there are: {there}", missing=True)


def about(folder: Path) -> Json:
    """Return what was asked for when a run was started."""
    asked: Json = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return asked


def active(names: Iterable[str]) -> dict[str, bool]:
    """Return of each run whether its service is up, on its way up, or on its way down."""
    names = list(names)
    if not names:
        return {}
    command = ["systemctl", "is-active", *map(unit, names)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    up = ("active", "activating", "deactivating")
    words = done.stdout.split()
    # On its way down systemd may answer nothing: then nobody knows that a run has ended.
    return {name: word in up for name, word in zip(names, words or up[:1] * len(names))}  # noqa: B905 - 3.10's `strict`


def looks(places: list[Path]) -> list[Json]:
    """Return what is to be said of these runs. Under the lock: one that is just being started is not lost."""
    with lock("runs.lock"):
        up = active(folder.name for folder in places)
    return [look(folder, up=up[folder.name]) for folder in places]


def look(folder: Path, *, up: bool) -> Json:
    """Return what is to be said of a run; `up`: whether its service was, before `end` is read here."""
    asked = about(folder)
    end = folder / "end"
    said = end.read_text(encoding="ascii", errors="replace").strip()
    since, until = asked["since"], time.time()
    if said:
        up, until = False, end.stat().st_mtime
    elif not up:
        until = (folder / "log").stat().st_mtime
    state, code, why = ("running", None, "") if up else ending(said, stopped="stopped" in asked)
    return {**asked, "state": state, "code": code, "why": why, "seconds": max(0.0, until - since), "path": str(folder)}


def ending(said: str, *, stopped: bool) -> tuple[str, int | None, str]:
    """Return state, exit code and reason of a run that has ended, from what its service wrote of it."""
    if not said:
        return "lost", None, "it ended with the box, or was killed before it could tell"
    result, how, status, system = said.split(",")
    if how not in ("exited", "killed", "dumped"):
        return "lost", None, f"systemd could not run it: {result}"
    code = int(status) if how == "exited" else 128 + signal.Signals[f"SIG{status}"]
    told = [
        (stopped, "stopped", ""),
        (result == "oom-kill", "failed", "the box ran out of memory"),
        (system == "stopping", "lost", "the box was shut down"),
        (status in ("TERM", "KILL", "HUP"), "lost", f"somebody sent it signal {status}"),
        (how != "exited", "failed", f"signal {status}"),
    ]
    for holds, state, why in told:
        if holds:
            return state, code, why
    return ("failed" if code else "done"), code, ""


def check_mounted(request: Json) -> None:
    """Refuse what would land on the root disk, below a mount point without its volume."""
    place = request["mount_point"]
    if request["volume_id"] and not Path(place).is_mount():
        way = "a box that has just been made: `fab setup-base` waits for it; else on the host: "
        raise Refused(f"the job volume is not mounted at {place}", f"{way}systemctl restart gpurig-volume")


def make(folder: Path, user: str) -> None:
    """Make a folder, and those above it that are not there, the account's."""
    above = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(above):
        path.mkdir(exist_ok=True)  # another terminal may have been faster
        shutil.chown(path, user, pwd.getpwnam(user).pw_gid)


# -- what a client can ask


def stop(request: Json) -> None:
    """End a run that goes on; answer with it in any case."""
    folder = folder_of(request, request["name"])
    if looks([folder])[0]["state"] == "running":
        # First: whoever follows must see why it ends.
        write(folder / "run.json", json.dumps({**about(folder), "stopped": round(time.time(), 3)}), 0o644)
        subprocess.run(["systemctl", "stop", unit(folder.name)], stdin=subprocess.DEVNULL, check=False)
    say("stopped", **looks([folder])[0])


def runs(request: Json) -> None:
    """Answer with all runs."""
    say("runs", runs=looks(folders(request)))


def follow(request: Json) -> None:
    """Answer with a run's log and, once it has ended, how."""
    folder = folder_of(request, request["name"])
    position, log = request["position"], folder / "log"
    if log.is_symlink():
        raise Refused(f"{log} is a link, and would be read as root", "see where it leads: fab ssh")
    if position < 0:
        position = tail(log, request["lines"])
    for now in states(folder):
        for line, after in log_after(log, position, ended=now["state"] != "running" or not request["follow"]):
            position = after
            say("log", step=folder.name, line=line, position=position)
        if now["state"] != "running":
            say("ended", **now)
        if now["state"] != "running" or not request["follow"]:
            return


def states(folder: Path) -> Iterator[Json]:
    """Yield the state of a run again and again; the last one is that of its end."""
    up, looked = True, 0
    while True:
        if looked % 10 == 0:
            now = looks([folder])[0]
            up = now["state"] == "running"
        else:
            now = look(folder, up=up)
        yield now
        if now["state"] != "running":
            return
        looked += 1
        time.sleep(LOOK)


def tail(log: Path, lines: int) -> int:
    """Return the position of the last so many lines of a log; 0, its beginning, for 0 lines."""
    size = log.stat().st_size
    want = 4096
    while lines:
        with log.open("rb") as file:
            file.seek(max(0, size - want))
            data = file.read(size - file.tell())
        # A line that has no end yet counts; the break at the very end begins none.
        ends = [match.end() for match in re.finditer(rb"\n", data[:-1])]
        if len(ends) >= lines:
            return size - len(data) + ends[-lines]
        if want >= size:
            break
        want *= 16
    return 0


def watch_client() -> None:
    """End this program when the client is gone: a run may say nothing for days."""
    beat()
    os._exit(1)


def serve(verbs: Mapping[str, Callable[[Json], None]], request: Json) -> None:
    """Answer one request of a client."""
    os.umask(0o022)
    threading.Thread(target=watch_client, daemon=True).start()
    try:
        verbs[request["verb"]](request)
    except Refused as refusal:
        say("refused", problem=str(refusal), hint=refusal.hint, missing=refusal.missing)
    except OSError as error:
        raise SystemExit(f"gpurig: {error}") from error


def main(request: Json) -> None:
    """Answer {"verb": "stop" | "runs" | "follow", ...}."""
    serve({"stop": stop, "runs": runs, "follow": follow}, request)
