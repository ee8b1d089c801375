"""A setup, from its start to its end: verify, install, verify, mark, for each step of the pending bundle.

In user-data's bundle the steps come one after the other; elsewhere `at_once` says which of them go together.

It runs detached from whoever asked for it (`python3 -m provision.agent.setup`), and a boot that finds `pending.json`
goes on with it. Who holds `apply.lock` may start a setup; who holds `run.lock` may change what is pending; a setup
holds `alive.lock` for its whole life, and whoever wants to know whether there is one asks for it shared, in nobody's
way.
"""

from __future__ import annotations

import collections
import json
import os
import shutil
import time
from typing import TYPE_CHECKING

from provision.agent.files import load, lock, locked, remove, write
from provision.agent.install import install
from provision.agent.journal import JOURNAL, log_after, record
from provision.agent.paths import BEGUN, BUNDLE, HOME, LOGS, PENDING, READY, log_of
from provision.agent.processes import run_checked
from provision.agent.service import start_setup, use_this_program
from provision.agent.steps import REFUSED, begun_marker, mark, mark_of, open_bundle, state_of, sweep, unpack
from provision.agent.words import Kept, Kind, StepState

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Callable, Optional, TypeVar, Union

    from provision.agent.keeper import Keeper
    from provision.agent.wire.documents import Bundle, Pending, ReadyMark, Step
    from provision.agent.wire.setups import Failed, Ready, StepEvent

    End = TypeVar("End")

REBOOT = 100
"""Exit code by which an install script asks for a reboot."""
GRACE = 15
"""Seconds without a running process after which a setup counts as lost; eight times that across a reboot."""
TAIL = 20
"""Lines of a failed step's log that reach the user."""
BALLAST = 2**20
"""Bytes kept aside, so that a setup on a full disk can still say that it failed."""
FULL = 64 * 2**20
"""Free bytes below which a failure is blamed on the disk."""


def pending() -> Optional[Pending]:
    """Return the setup that has not ended, None where there is none."""
    found: Optional[Pending] = load(PENDING)
    return found


def running() -> bool:
    """Return whether a setup is alive now."""
    return locked("alive.lock")


def prepare(text: str, *, fresh: bool = False) -> Pending:
    """Make the bundle in `text` pending; the caller holds `run.lock`."""
    bundle = open_bundle(text)
    for path in (PENDING, READY, HOME / "looked.json"):
        remove(path)
    for step in bundle["steps"] if fresh else ():
        write(begun_marker(step["name"]), "")
    use_this_program()
    write(BUNDLE, text)
    run = os.urandom(6).hex()
    wanted: Pending = {"run": run, "name": bundle["name"], "digest": bundle["digest"], "rebooted": [], "fresh": fresh}
    write(PENDING, json.dumps(wanted))
    return wanted


def launch() -> None:
    """Start the pending setup, detached from whoever asked; the caller holds `apply.lock`.

    Whoever asks next must find this setup and not start a second one: wait until it is alive, or has ended.
    """
    start_setup()
    deadline = time.monotonic() + GRACE
    while not running() and PENDING.exists() and time.monotonic() < deadline:
        time.sleep(0.02)


def boot() -> None:
    """Start the bundle that cloud-init wrote, unless a client was faster and its setup is in progress."""
    os.umask(0o022)
    with lock("apply.lock"):
        with lock("run.lock", wait=False) as free:
            if free:
                prepare(BUNDLE.read_text(encoding="utf-8"))
        if free:
            launch()


def main() -> None:
    """Carry the pending setup to its end. Called by the service, when a setup starts and at every boot."""
    os.umask(0o022)
    with lock("run.lock"), lock("alive.lock"):
        now = pending()
        if not now:
            return
        ending = _ended(None, now, lambda: _run_steps(now))
        # The event goes first, so that nobody sees a setup that is over and has no end.
        record(ending)
        remove(PENDING)


def _ended(step: Optional[Step], now: Pending, act: Callable[[], End]) -> Union[End, Failed]:
    """Act; returns what that returns, or how it failed."""
    try:
        return act()
    except Exception as error:  # noqa: BLE001 - a setup that ends without a word would be waited for
        why = str(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
        return _failed(step, now, why)


def _run_steps(now: Pending) -> Union[Ready, Failed]:
    """Bring every step of the pending bundle to done; returns how that ended."""
    folder = HOME / "scripts"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    LOGS.mkdir(exist_ok=True)
    for path in BEGUN.glob("*"):
        sweep(path)
    with (HOME / "ballast").open("ab") as file:
        os.posix_fallocate(file.fileno(), 0, BALLAST)
    bundle = open_bundle(BUNDLE.read_text(encoding="utf-8"))
    unpack(bundle, folder)
    names = [step["name"] for step in bundle["steps"]]
    record({"event": Kind.START, "run": now["run"], "name": bundle["name"], "steps": names})
    keeper = _keeper_of(bundle, fresh=now["fresh"])

    def carry(step: Step) -> Optional[Failed]:
        return _ended(step, now, lambda: _run_step(step, folder, now, keeper))

    if "graph" in bundle:
        from provision.agent.at_once import AtOnce  # noqa: PLC0415 - user-data has no room for it

        failed = AtOnce(bundle["steps"], bundle["graph"], carry).run()
    else:  # one after the other, up to the first that fails
        failed = next(filter(None, map(carry, bundle["steps"])), None)
    if failed:
        return failed
    finish(bundle)
    return {"event": Kind.READY, "run": now["run"], "name": bundle["name"]}


def _keeper_of(bundle: Bundle, *, fresh: bool) -> Optional[Keeper]:
    """Return what keeps builds on the job volume; None where the bundle keeps nothing, as in user-data."""
    if "kept" not in bundle:
        return None
    from provision.agent.keeper import Keeper  # noqa: PLC0415 - user-data has no room for it

    return Keeper(bundle["kept"], fresh=fresh)


def finish(bundle: Bundle) -> ReadyMark:
    """Say for good that every step of this bundle has verified."""
    done: ReadyMark = {"name": bundle["name"], "digest": bundle["digest"], "at": round(time.time(), 3)}
    write(READY, json.dumps(done), 0o644)
    return done


def _run_step(step: Step, folder: Path, now: Pending, keeper: Optional[Keeper]) -> Optional[Failed]:
    """Bring one step to done; returns how the setup ends where that cannot be. A reboot ends this program."""
    name, began = step["name"], time.monotonic()
    record(_event(step, now, StepState.CHECKING))
    state = state_of(step, folder)
    if state in (StepState.PRESENT, StepState.FOUND, StepState.FITTING):
        if state != StepState.PRESENT:
            mark(step, state)
        record({**_event(step, now, state), "seconds": round(time.monotonic() - began, 1)})
        return None
    # Before the event: whoever follows reads the log from there on, and must not see an earlier setup's.
    write(log_of(name), "")
    record({**_event(step, now, StepState.INSTALLING), "was": state, "notes": step["notes"]})
    code, why, kept = install(step, folder, keeper, rebooted=name in now["rebooted"])
    if code == REBOOT and step["reboot"]:
        if name not in now["rebooted"]:
            return _reboot(step, now)
        why = "it still asks for a reboot after one"
    if code:
        return _failed(step, now, why, refused=code == REFUSED)
    mark(step, StepState.INSTALLED)
    done = _event(step, now, StepState.INSTALLED)
    done["seconds"] = round(time.monotonic() - began, 1)
    if kept != Kept.NOTHING:
        done["kept"] = kept
    record(done)
    return None


def _event(step: Step, now: Pending, state: StepState) -> StepEvent:
    return {"event": Kind.STEP, "run": now["run"], "step": step["name"], "state": state}


def _failed(step: Optional[Step], now: Pending, why: str, *, refused: bool = False) -> Failed:
    """Return how a setup ends: why, what the step's install said last, and how to take off what it did.

    Of a step that was done before, what was there stays, and nothing that would take that off is said.
    """
    remove(HOME / "ballast")
    if shutil.disk_usage(HOME).free < FULL:
        why += f"; the disk that holds {HOME} is full"
    name, log, undo = (step["name"], log_of(step["name"]), step["undo"]) if step else ("", JOURNAL, "")
    before, begun = mark_of(name), step and begun_marker(name).exists()
    return {
        "event": Kind.FAILED,
        "run": now["run"],
        "why": why,
        "step": name,
        "log": str(log),
        "tail": [line for line, _ in collections.deque(log_after(log, 0, ended=True) if begun else (), TAIL)],
        "undo": "" if refused or before or not begun else undo,
        "before": before,
    }


def _reboot(step: Step, now: Pending) -> Failed:
    """Restart the machine, whose service goes on with this step after the boot; returns what went wrong with that."""
    now["rebooted"].append(step["name"])
    write(PENDING, json.dumps(now))
    record({"event": Kind.REBOOT, "run": now["run"], "step": step["name"]})
    os.sync()
    try:
        run_checked("systemctl", "--quiet", "reboot")
    except OSError as error:
        return _failed(step, now, f"it needs a reboot, and that did not work: {error}")
    # Until the machine is down nobody else may start a setup on it.
    time.sleep(8 * GRACE)
    return _failed(step, now, "it needs a reboot, and the machine did not restart")


if __name__ == "__main__":
    main()
