"""The job volume: how full it is, growing it, and cleaning up after a restore that was cut off."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from provision.agent.files import lock
from provision.agent.held import held_of_root
from provision.agent.mount import device_of, is_mounted
from provision.agent.paths import VOLUME_UNIT
from provision.agent.processes import run
from provision.agent.reply import Refused, say
from provision.agent.words import Kind

if TYPE_CHECKING:
    from typing import Iterator, List, Tuple

    from provision.agent.wire import requests
    from provision.agent.wire.documents import Account

PATIENCE = 300
"""Seconds until a volume that EC2 calls attached, or grown, must be so on the box."""
MOUNTS = Path("/run/gpurig/restore")
PART = (".gpurig", "restore")
"""Where a restore copies to, below the mount point: the account's own names would be the account's to change."""
LOCK = "restore.lock"
PREFIX = "gpurig: "
"""How a line begins that the service of the job volume has for its reader."""
SHOWN = 5
"""So many processes are named."""


def size_of(device: Path) -> int:
    """Return a block device's size in bytes."""
    with device.open("rb") as file:
        return file.seek(0, os.SEEK_END)


# -- what a client can ask


def volume(_request: object, account: Account) -> None:
    """Answer with the state of the job volume and its file system, in bytes."""
    device, mounted = device_of(account["volume_id"]), _mounted(account)
    state = os.statvfs(account["mount_point"]) if mounted else None
    say(
        {
            "event": Kind.VOLUME,
            "device": str(device or ""),
            "device_bytes": size_of(device) if device else 0,
            "mounted": mounted,
            "total": state.f_blocks * state.f_frsize if state else 0,
            "free": state.f_bavail * state.f_frsize if state else 0,
            "files": state.f_files - state.f_ffree if state else 0,
        }
    )


def _mounted(account: Account) -> bool:
    return is_mounted(account["mount_point"], account["volume_id"])


def sync(_request: object, _account: Account) -> None:
    """Write all that is in memory to the disks."""
    os.sync()
    say({"event": Kind.DONE})


def grow(request: requests.Grow, account: Account) -> None:
    """Grow the file system to the size that its volume has by now; answer with its state."""
    device, deadline = device_of(account["volume_id"]), time.monotonic() + PATIENCE
    while device is None or size_of(device) < request["bytes"]:
        if time.monotonic() > deadline:
            problem = f"{account['volume_id']} has not reached its new size on the box after {PATIENCE} s"
            raise Refused(problem, "the same command again; `fab volume-status` tells its size here")
        time.sleep(1)
        device = device_of(account["volume_id"])
    began = time.time()
    done = run("systemctl", "reload-or-restart", VOLUME_UNIT)
    if done.returncode:
        problem, *way = _complaint(began) or [done.stderr.strip()]
        # Not so after a check that failed: that has it unmounted.
        users = list(working_in(Path(account["mount_point"]))) if _mounted(account) else []
        if users:
            more = f" and {len(users) - SHOWN} more" if len(users) > SHOWN else ""
            way.append(f"it is in use by {', '.join(users[:SHOWN])}{more}")
            way.append("once that has ended (runs: fab ps, fab cancel NAME), the same command grows it")
        raise Refused(f"the file system was not grown: {problem}", "\n".join(way) or "look at it: fab volume-status")
    volume(request, account)


def _complaint(since: float) -> List[str]:
    """Return what the job volume's service has said since then: why it failed and the way out, else its last lines."""
    run("journalctl", "--sync")  # what a program wrote just before its end may still be on its way
    words = (f"--unit={VOLUME_UNIT}", f"--identifier={VOLUME_UNIT}", "--output=cat", f"--since=@{since:.6f}")
    lines = run("journalctl", "--quiet", *words).stdout.splitlines()
    return [line.partition(PREFIX)[2] for line in lines if line.startswith(PREFIX)] or lines[-3:]


def working_in(folder: Path) -> Iterator[str]:
    """Yield the processes that have a folder in use, each as its user would call it."""
    for process, name in processes_in(folder):
        yield f"{name} (process {process})"


def processes_in(folder: Path) -> Iterator[Tuple[int, str]]:
    """Yield the processes that have a file open in a folder, run a program or a library of it, or work there."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended, or is the kernel's
            links = (process / "cwd", process / "root", *(process / "fd").iterdir())
            maps = (process / "maps").read_text(encoding="utf-8", errors="replace").splitlines()
            mapped = {Path(line[line.index("/") :]) for line in maps if "/" in line}
            if any(folder in (place, *place.parents) for place in (*map(leads_to, links), *mapped)):
                name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
                yield int(process.name), name


def leads_to(link: Path) -> Path:
    """Return where a link of /proc leads; nowhere, where its file has been closed in the meantime."""
    with contextlib.suppress(OSError):
        return Path(os.readlink(link))  # noqa: PTH115 - pathlib's is 3.9's
    return Path()


def release(request: requests.Release, account: Account) -> None:
    """Unmount a volume that a restore was cut off with, and drop what it had copied in part.

    Answers whether a restore goes on, which has it then, and whether the volume was mounted.
    """
    with lock(LOCK, wait=False) as ours:
        place = MOUNTS / request["source"]
        mounted = ours and place.is_mount()
        if mounted:
            unmount(place)
        if ours and _mounted(account):
            with own_part(account):
                pass
    say({"event": Kind.RELEASED, "busy": not ours, "mounted": mounted})


@contextlib.contextmanager
def own_part(account: Account) -> Iterator[Path]:
    """Have an empty folder on the job volume that is root's alone; what a restore that was cut off left there goes."""
    with held_of_root(Path(account["mount_point"]), *PART) as folder:
        for left in folder.iterdir():
            shutil.rmtree(left)
        yield folder


def unmount(place: Path) -> None:
    """Take a volume off its place again."""
    done = run("umount", str(place))
    if done.returncode:
        raise OSError(f"{place} stays mounted: {done.stderr.strip()}")
    place.rmdir()
