"""Runs: listed, followed, stopped.

A run is a transient systemd service with a folder: `run.json` (what was asked for), `script`, `log`, `results/`, and
`end`, which the service fills in when it has ended. That file has its bytes from the start: a full disk keeps no exit
code back.
"""

from __future__ import annotations

import os
import re
import signal
import time
from typing import TYPE_CHECKING

from provision.agent import processes
from provision.agent.accounts import as_account, open_plain
from provision.agent.files import lock
from provision.agent.guard import NOTICES, rows_of
from provision.agent.journal import log_after
from provision.agent.paths import run_unit
from provision.agent.records import folder_of, folders, run_file, write_run_file
from provision.agent.reply import say
from provision.agent.words import Kind, RunState

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Dict, Iterable, Iterator, List, Optional, Tuple

    from provision.agent.wire import requests
    from provision.agent.wire.documents import Account, RunRow

UP = ("active", "activating", "deactivating")
"""What systemd says of a service whose processes are there."""
LOOK = 0.2
"""Seconds between two looks at a log; systemd is asked every tenth time."""
RECENT = 600
"""Seconds for which what the box told everybody is still told who comes to follow a log: it may be about to stop."""
LONG = 2**16
"""Bytes of a line of a log, at most, as far as lines are counted back from its end."""
LOCK = "runs.lock"
GRACE = 10
"""Seconds from the request to end to the kill."""
TAKEN = "EC2 took the box"
SHUT_DOWN = "the box was shut down"
NO_WORD = "it ended with the box, or was killed before it could tell"
WITH_THE_BOX = (SHUT_DOWN, NO_WORD)
"""Reasons that have nothing to do with the run."""


# -- the state of a run


def active(names: Iterable[str]) -> Dict[str, bool]:
    """Return of each run whether its service is up, on its way up, or on its way down."""
    names = list(names)
    if not names:
        return {}
    words: List[str] = processes.run("systemctl", "is-active", *map(run_unit, names)).stdout.split()
    # On its way down systemd may answer nothing: then nobody knows that a run has ended.
    return {name: word in UP for name, word in zip(names, words or UP[:1] * len(names))}  # noqa: B905 - 3.10's `strict`


def run_rows(places: List[Path], account: Account) -> List[RunRow]:
    """Return what is to be said of these runs. Under the lock: one that is just being started is not lost."""
    with lock(LOCK):
        up = active(folder.name for folder in places)
    return [run_row(folder, account, up=up[folder.name]) for folder in places]


def run_row(folder: Path, account: Account, *, up: bool) -> RunRow:
    """Return what is to be said of a run; `up`: whether its service was, before `end` is read here."""
    asked = run_file(folder, account)
    since, until = asked["since"], time.time()
    with as_account(account["user"]):
        with open_plain(folder / "end") as end:
            said = end.read().decode("utf-8", "replace").strip()
        if up and said.endswith(","):
            said = ""  # what systemd says of the system comes behind it
        if said:
            up, until = False, (folder / "end").stat().st_mtime
        elif not up:
            until = (folder / "log").stat().st_mtime
    # One that had ended when EC2's notice was read has ended by itself.
    taken = asked.get("interrupted", until + 1) <= until
    state, code, why = (
        (RunState.RUNNING, None, "") if up else ending(said, stopped="stopped" in asked, interrupted=taken)
    )
    return {
        **asked,
        "name": folder.name,
        "state": state,
        "code": code,
        "why": why,
        "seconds": max(0.0, until - since),
        "path": str(folder),
        "resumable": not asked.get("once", False) and (state == RunState.INTERRUPTED or why in WITH_THE_BOX),
    }


def ending(said: str, *, stopped: bool, interrupted: bool = False) -> Tuple[RunState, Optional[int], str]:
    """Return state, exit code and reason of a run that has ended, from what its service wrote of it."""
    if not said:
        if stopped:
            return RunState.STOPPED, None, ""
        return (RunState.INTERRUPTED, None, TAKEN) if interrupted else (RunState.LOST, None, NO_WORD)
    result, how, status, system = said.split(",")
    if how not in ("exited", "killed", "dumped"):
        return RunState.LOST, None, f"systemd could not run it: {result}"
    code = int(status) if how == "exited" else 128 + signal.Signals[f"SIG{status}"]
    signs = [
        (stopped, RunState.STOPPED, ""),
        (interrupted, RunState.INTERRUPTED, TAKEN),
        (result == "oom-kill", RunState.FAILED, "the box ran out of memory"),
        (system == "stopping", RunState.LOST, SHUT_DOWN),
        # Nobody had the time to ask systemd: that is how it is when the box goes.
        (not system and (status in ("TERM", "KILL", "HUP") or code == 143), RunState.LOST, NO_WORD),
        (status in ("TERM", "KILL", "HUP"), RunState.LOST, f"somebody sent it signal {status}"),
        (how != "exited", RunState.FAILED, f"signal {status}"),
    ]
    for holds, state, why in signs:
        if holds:
            return state, code, why
    return RunState.FAILED if code else RunState.DONE, code, ""


# -- what a client can ask


def stop(request: requests.Stop, account: Account) -> None:
    """End a run that goes on; answer with it in any case. One that was cut off is then not started again."""
    folder = folder_of(account, request["name"])
    row = run_rows([folder], account)[0]
    if row["state"] == RunState.RUNNING or row["resumable"]:
        # First: whoever follows must see why it ends.
        write_run_file(folder, {**run_file(folder, account), "stopped": round(time.time(), 3)}, account)
    if row["state"] == RunState.RUNNING:
        _end(run_unit(folder.name))
    say({"event": Kind.RUN, **run_rows([folder], account)[0]})


def _end(unit: str) -> None:
    """End a service in `GRACE`: when the box itself ends, a run may have longer."""
    processes.run("systemctl", "stop", "--no-block", unit)
    deadline = time.monotonic() + GRACE
    while active_unit(unit) and time.monotonic() < deadline:
        time.sleep(LOOK)
    # By now systemd may have killed it itself: what notes the end (ExecStopPost) is not to be killed in its place.
    if processes.run("systemctl", "show", "--property=SubState", "--value", unit).stdout.strip() == "stop-sigterm":
        processes.run("systemctl", "kill", "--signal=KILL", unit)
    processes.run("systemctl", "stop", unit)


def active_unit(unit: str) -> bool:
    """Return whether a service is up, or on its way down."""
    return processes.run("systemctl", "is-active", unit).stdout.strip() in UP


def runs(_request: requests.Question, account: Account) -> None:
    """Answer with all runs."""
    say({"event": Kind.RUNS, "runs": run_rows(folders(account), account)})


def log(request: requests.Log, account: Account) -> None:
    """Answer with a run's log and, once it has ended, how."""
    folder = folder_of(account, request["name"])
    position, path = request["position"], folder / "log"
    if position < 0:
        with as_account(account["user"]):
            position = tail(path, request["lines"])
    noticed = time.time() - RECENT
    for now in states(folder, account):
        for notice in rows_of(NOTICES, noticed) if request["follow"] else ():
            noticed = notice["at"]
            say({"event": Kind.SAID, **notice})
        over = now["state"] != RunState.RUNNING
        with as_account(account["user"]):
            for line, after in log_after(path, position, ended=over or not request["follow"]):
                position = after
                say({"event": Kind.LOG, "step": folder.name, "line": line, "position": position})
        if over:
            say({"event": Kind.ENDED, **now})
        if over or not request["follow"]:
            return


def states(folder: Path, account: Account) -> Iterator[RunRow]:
    """Yield the state of a run again and again; the last one is that of its end."""
    up, looked = True, 0
    while True:
        now = run_row(folder, account, up=up) if looked % 10 else run_rows([folder], account)[0]
        up = now["state"] == RunState.RUNNING
        yield now
        if not up:
            return
        looked += 1
        time.sleep(LOOK)


def tail(log: Path, lines: int) -> int:
    """Return the position of the last so many lines of a log; 0, its beginning, for 0 lines.

    It looks no further back than `LONG` for each line: a log of gigabytes may have no line break at all.
    """
    want = 4096
    with open_plain(log) as file:
        size = os.fstat(file.fileno()).st_size
        while lines:
            file.seek(max(0, size - want))
            data = file.read(size - file.tell())
            # A line that has no end yet counts; the break at the very end begins none.
            ends = [match.end() for match in re.finditer(rb"\n", data[:-1])]
            if len(ends) >= lines:
                return size - len(data) + ends[-lines]
            if want >= size:
                break
            if want >= lines * LONG:
                return size - lines * LONG
            want = min(want * 16, lines * LONG)
    return 0
