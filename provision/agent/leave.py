"""To leave a box that EC2 takes: runs and services end, with all the time there is; then the volume is unmounted."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

from provision.agent.accounts import as_account
from provision.agent.files import lock
from provision.agent.journal import record
from provision.agent.notice import end_of_box, note
from provision.agent.paths import VOLUME_UNIT, run_unit
from provision.agent.processes import output, run
from provision.agent.records import folders, run_file, write_run_file
from provision.agent.runs import LOCK, UP, active
from provision.agent.volume import processes_in
from provision.agent.words import Kind

if TYPE_CHECKING:
    from typing import Callable, List, Literal

    from provision.agent.wire.documents import Account, Ending

KEPT = 20
"""Seconds before EC2's moment that are kept to kill what has not ended, to write all down and to unmount."""
SETTLE = 2
"""Seconds for whoever follows a run to read its end, and for a process that was killed to be gone."""


def recommended(account: Account) -> None:
    """Tell that EC2 recommends to leave this box: its risk has risen, and nothing has been decided."""
    journal("rebalance")
    text = "EC2 says that this spot box is likelier to be taken than before: a checkpoint now would be well timed"
    tell(text)
    for folder in _going(account):
        with contextlib.suppress(OSError), as_account(account["user"]):
            note(folder / "log", text)


def journal(what: Literal["rebalance", "taken", "left"], ends: float = 0.0, why: str = "") -> None:
    """Write it into the box's journal, where the disk has room for that."""
    with contextlib.suppress(OSError):
        record({"event": Kind.NOTICE, "what": what, "ends": ends, "why": why})


def tell(text: str) -> None:
    """Tell it to every terminal, and to the system's journal."""
    print(f"gpurig: {text}", flush=True)
    run("wall", f"gpurig: {text}")


def let_go(account: Account, notice: Ending) -> str:
    """End all that uses the job volume, sync and unmount it; returns what went wrong with that, "" for nothing."""
    left = notice["ends"] - time.time()
    kill_at = notice["ends"] - min(KEPT, max(left, 0) / 4)
    # With the lock: a run that is just being started is there, or is refused.
    with lock(LOCK):
        units = [_interrupt(folder, account, notice) for folder in _going(account)]
    # What needs the volume, DIGITS say, is stopped with its service, and as it wants to be.
    units += output("systemctl", "show", "--value", "--property=RequiredBy", VOLUME_UNIT).split()
    run("systemctl", "stop", "--no-block", *units, VOLUME_UNIT)
    if not _until(lambda: not _up(units), kill_at):
        run("systemctl", "kill", "--signal=KILL", *_up(units))
        _until(lambda: not _up(units), time.time() + SETTLE)
    time.sleep(SETTLE)
    return _unmount(account)


def _going(account: Account) -> List[Path]:
    """Return the folders of the runs that go on."""
    places = folders(account)
    up = active(folder.name for folder in places)
    return [folder for folder in places if up[folder.name]]


def _interrupt(folder: Path, account: Account, notice: Ending) -> str:
    """Write into a run's record why it ends; returns its service."""
    # A volume that is full, or what is no record any more, keeps nobody from leaving.
    with contextlib.suppress(OSError, ValueError, TypeError):
        # First: whoever follows must see why it ends.
        write_run_file(folder, {**run_file(folder, account), "interrupted": notice["at"]}, account)
        with as_account(account["user"]):
            note(folder / "log", f"{end_of_box(notice)}; this run has until then to end")
    return run_unit(folder.name)


def _up(units: List[str]) -> List[str]:
    """Return those of some services that are up, or on their way down."""
    words = run("systemctl", "is-active", *units).stdout.split() if units else []
    return [unit for unit, word in zip(units, words) if word in UP]  # noqa: B905 - 3.10's `strict`


def _until(over: Callable[[], bool], deadline: float) -> bool:
    """Wait until something is over; returns whether it was in time."""
    while not over():
        if time.time() >= deadline:
            return False
        time.sleep(0.2)
    return True


def _unmount(account: Account) -> str:
    """End what else is on the volume, and take it off the box; returns what went wrong."""
    place = Path(account["mount_point"])
    if not place.is_mount():
        os.sync()
        return ""
    for order in (signal.SIGTERM, signal.SIGKILL):
        for process, _name in processes_in(place):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, order)
        _until(lambda: not list(processes_in(place)), time.time() + SETTLE)
    os.sync()
    done = run("umount", str(place))
    if not done.returncode:
        return ""
    # All that was written is there; what still writes is refused, and the next mount finds nothing to repair.
    run("mount", "--options", "remount,ro", str(place))
    return f"it stays mounted: {done.stderr.strip()}"
