"""A run is started: its name, its folder, its service."""

from __future__ import annotations

import pwd
import re
import shlex
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from provision.agent.accounts import as_account, write_private
from provision.agent.files import lock
from provision.agent.mount import need_mounted
from provision.agent.notice import WATCH_FILE, need_future
from provision.agent.paths import MARKS, run_unit
from provision.agent.processes import run
from provision.agent.records import write_run_file
from provision.agent.reply import Refused, say
from provision.agent.run_names import free_name
from provision.agent.runs import GRACE, LOCK, run_rows
from provision.agent.service import has_systemd
from provision.agent.steps import mark_of
from provision.agent.words import Kind

if TYPE_CHECKING:
    from provision.agent.wire import requests
    from provision.agent.wire.documents import Account, RunFile

LONGEST = 120
"""Seconds that a run of a spot box may take to end: EC2's notice. `provision.agent.leave` kills it before they end."""
PRIVATE = 0o700
"""The mode of a run's folder, and of that of all runs: the account's alone."""
ENV = "env"
"""The file with a run's own environment, which may hold secrets: `fab fetch` leaves it where it is."""
NO_END = " " * 255 + "\n"
"""What a run's `end` holds from the start: the bytes that its service writes over."""
AGAIN = "script.resume"
"""The script of a run that goes on by another command."""
_HOW = 'echo "$SERVICE_RESULT,$EXIT_CODE,$EXIT_STATUS,'
ENDED = f'{_HOW}" 1<>"$GPURIG_RUN/end"; {_HOW}$(systemctl is-system-running)" 1<>"$GPURIG_RUN/end"'
"""Twice: what systemd says of the system may come too late on a box that is very busy, and then it has this killed."""
OUTLIVE = "trap 's=$?; exit $((s ? s : 143))' TERM"
"""Has the shell wait for what it runs, and end as that does: a service whose first process is gone has ended.

But never well: between two commands, the code is that of the one before.
"""
LOGGED = 'exec >>"$GPURIG_RUN/log" 2>&1; exec /bin/bash --login "$0"'
"""Not StandardOutput=append: systemd opens that as root, whatever the account has put in the log's place."""


def start(request: requests.Start, account: Account) -> None:
    """Start a run and answer with it."""
    runs = Path(account["mount_point"], "runs")
    if not has_systemd():
        raise Refused("this host has no systemd, and a run is a systemd service")
    need_mounted(account)
    recipe = request["recipe"]
    if recipe and mark_of(recipe) is None:
        raise Refused(f'recipe "{recipe}" is not installed on this host', f"install it: fab setup-{recipe}")
    with lock(LOCK):
        need_future()  # what leaves the box has the lock while it asks all runs to end
        with as_account(account["user"]):
            folder = _make_folder(runs, request)
        try:
            with as_account(account["user"]):
                _fill(request, folder)
                work = _working_folder(request, account, folder)
            about = _record(request, account, folder, work)
            write_run_file(folder, about, account)
            start_service(about, folder, account)
        except BaseException:
            with as_account(account["user"]):
                shutil.rmtree(folder)
            raise
    say({"event": Kind.RUN, **run_rows([folder], account)[0]})


def _make_folder(runs: Path, request: requests.Start) -> Path:
    """Make a run's folder: what a run is told, and what it says, is nobody else's."""
    runs.mkdir(parents=True, exist_ok=True)
    runs.chmod(PRIVATE)
    said = request["asked"] or request["command"]
    name = request["name"] or free_name((path.name for path in runs.iterdir()), said)
    try:
        (runs / name).mkdir(PRIVATE)
    except FileExistsError:
        raise Refused(
            f'there is a run "{name}" already',
            f"take another name, or none; see it: fab logs {name}; or forget it: rm -r {runs / name} on the host",
        ) from None
    return runs / name


def _fill(request: requests.Start, folder: Path) -> None:
    """Put into a run's folder what it has from the start."""
    exports = [f'export {name}="{value}"' for name, value in request["exports"]]
    if request["env"]:
        own = [f"export {name}={shlex.quote(value)}\n" for name, value in request["env"].items()]
        write_private(folder / ENV, "".join(own))
        exports.append(f'. "$GPURIG_RUN/{ENV}"')
    for name, text in {"script": request["command"], AGAIN: request["resume"]}.items():
        if text:
            write_private(folder / name, "\n".join(["#!/bin/bash", OUTLIVE, *exports, text, ""]))
    write_private(folder / "log", "")
    write_private(folder / "end", NO_END)
    (folder / "results").mkdir(PRIVATE)


def _record(request: requests.Start, account: Account, folder: Path, work: Path) -> RunFile:
    """Return what is written down of a run."""
    return {
        "name": folder.name,
        "folder": str(work),
        "command": request["command"],
        "asked": request["asked"],
        "recipe": request["recipe"],
        "user": account["user"],
        "since": round(time.time(), 3),
        "resume": request["resume"],
        "once": request["once"],
        "installed": sorted(path.stem for path in MARKS.glob("*.json")),
    }


def start_service(about: RunFile, folder: Path, account: Account) -> None:
    """Start a run's service. Raises `OSError` with systemd's words."""
    properties = {
        "Type": "exec",  # a service that cannot even begin fails here and now
        "User": account["user"],
        "WorkingDirectory": about["folder"],
        "KillSignal": "SIGTERM",
        "TimeoutStopSec": str(LONGEST if WATCH_FILE.exists() else GRACE),
        # Without a "+": systemd 249 writes that down in a way that it cannot read back at a reload.
        "ExecStopPost": f"/bin/sh -c {shlex.quote(ENDED)}",
    }
    # Python keeps what it prints back where no terminal reads it: a log that is followed shows it at once.
    env = {"GPURIG_RESULTS": f"{folder}/results", "GPURIG_RUN": str(folder), "PYTHONUNBUFFERED": "1"}
    times = len(about.get("resumed", ()))
    if times:
        env.update({"GPURIG_RESUMED": "1", "GPURIG_RESUMES": str(times)})
    script = folder / (AGAIN if times and about.get("resume") else "script")
    words = ["systemd-run", "--quiet", "--collect", f"--unit={run_unit(folder.name)}"]
    words += [f"--description=gpurig run {folder.name}"]
    words += [f"--property={key}={value}" for key, value in properties.items()]
    words += [f"--setenv={key}={value}" for key, value in env.items()]
    done = run(*words, "/bin/bash", "-c", LOGGED, str(script))
    if done.returncode:
        raise OSError(f"systemd did not start the run: {done.stderr.strip()}")


def _working_folder(request: requests.Start, account: Account, folder: Path) -> Path:
    """Return where the command runs: in the folder asked for, the synced one beside it, or the run's own."""
    work = Path(account["mount_point"]) / "work"
    if request["folder"]:
        home = pwd.getpwnam(account["user"]).pw_dir
        asked = work / re.sub(r"^~(?=/|$)", home, request["folder"])
        if not asked.is_dir():
            there = ", ".join(sorted(path.name for path in work.glob("*"))) or "none yet"
            raise Refused(f"there is no folder {asked} on the host", f"synced folders: {there}; fab sync sends one")
        return asked
    beside = work / request["beside"] if request["beside"] else folder
    return beside if beside.is_dir() else folder
