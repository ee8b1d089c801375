"""The host's side of the job volume: how full it is, growing it, and cleaning up after a restore that was cut off.

It travels with the runner and the host's side of runs: Python 3.8, standard library only.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from provision.agent.runner import lock, say
from provision.agent.runs_host import Refused, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provision.agent.runner import Json

PATIENCE = 300
"""Seconds until a volume that EC2 calls attached, or grown, must be so on the box."""
MOUNTS = Path("/run/gpurig/restore")
LOCK = "restore.lock"
OWN = "gpurig: "
"""How a line begins that the service of the job volume has for its reader."""
SHOWN = 5
"""So many processes are named."""


def device_of(volume_id: str) -> Path | None:
    """Return a volume's device, None where it is not attached. Nitro disks are known by their serial only."""
    serial = volume_id.replace("-", "")
    link = Path("/dev/disk/by-id", f"nvme-Amazon_Elastic_Block_Store_{serial}")
    if link.exists():
        return link.resolve()
    for file in Path("/sys/block").glob("*/device/serial"):
        with contextlib.suppress(OSError):
            if file.read_text(encoding="ascii").strip() == serial:
                return Path("/dev", file.parts[3])
    return None


def size_of(device: Path) -> int:
    """Return a block device's size in bytes."""
    with device.open("rb") as file:
        return file.seek(0, os.SEEK_END)


def is_mounted(request: Json) -> bool:
    """Tell whether the job volume itself is at its mount point: not a folder that waits for it, nor another disk."""
    place, device = Path(request["mount_point"]), device_of(request["volume_id"])
    # The major and minor numbers, under whatever name: a mount has that of the device it was made from.
    return device is not None and place.is_dir() and place.stat().st_dev == device.stat().st_rdev


def need_mounted(request: Json) -> None:
    """Refuse to work on a job volume that is not mounted."""
    if not is_mounted(request):
        where = f"{request['volume_id']} is not mounted at {request['mount_point']}"
        raise Refused(where, "what its service says: fab ssh --command 'systemctl status gpurig-volume'")


# -- what a client can ask


def status(request: Json) -> None:
    """Answer with the state of the job volume and its file system, in bytes."""
    device, mounted = device_of(request["volume_id"]), is_mounted(request)
    state = os.statvfs(request["mount_point"]) if mounted else None
    say(
        "volume",
        device=str(device or ""),
        device_bytes=size_of(device) if device else 0,
        mounted=mounted,
        total=state.f_blocks * state.f_frsize if state else 0,
        free=state.f_bavail * state.f_frsize if state else 0,
        files=state.f_files - state.f_ffree if state else 0,
    )


def sync(request: Json) -> None:
    """Write all that is in memory to the disks, and answer whether the job volume is one of them."""
    os.sync()
    say("synced", mounted=is_mounted(request))


def grow(request: Json) -> None:
    """Grow the file system to the size that its volume has by now; answer with its state."""
    device, deadline = device_of(request["volume_id"]), time.monotonic() + PATIENCE
    while device is None or size_of(device) < request["bytes"]:
        if time.monotonic() > deadline:
            problem = f"{request['volume_id']} has not reached its new size on the box after {PATIENCE} s"
            raise Refused(problem, "the same command again; `fab volume-status` tells its size here")
        time.sleep(1)
        device = device_of(request["volume_id"])
    began = time.time()
    done = command("systemctl", "reload-or-restart", "gpurig-volume")
    if done.returncode:
        problem, *way = complaint(began) or [done.stderr.strip()]
        # Not so after a check that failed: that has it unmounted.
        users = list(working_in(Path(request["mount_point"]))) if is_mounted(request) else []
        if users:
            more = f" and {len(users) - SHOWN} more" if len(users) > SHOWN else ""
            way.append(f"it is in use by {', '.join(users[:SHOWN])}{more}")
            way.append("once that has ended (runs: fab ps, fab stop NAME), the same command grows it")
        raise Refused(f"the file system was not grown: {problem}", "\n".join(way) or "look at it: fab volume-status")
    status(request)


def complaint(since: float) -> list[str]:
    """Return what the job volume's service has said since then: why it failed and the way out, else its last lines."""
    command("journalctl", "--sync")  # what a program wrote just before its end may still be on its way
    words = ("--unit=gpurig-volume", "--identifier=gpurig-volume", "--output=cat", f"--since=@{since:.6f}")
    lines = command("journalctl", "--quiet", *words).stdout.splitlines()
    return [line.partition(OWN)[2] for line in lines if line.startswith(OWN)] or lines[-3:]


def working_in(folder: Path) -> Iterator[str]:
    """Yield the processes that have a file open in a folder, run a program or a library of it, or work there."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended, or is the kernel's
            links = (process / "cwd", process / "root", *(process / "fd").iterdir())
            maps = (process / "maps").read_text(encoding="utf-8", errors="replace").splitlines()
            mapped = {Path(line[line.index("/") :]) for line in maps if "/" in line}
            if any(folder in (place, *place.parents) for place in (*map(leads_to, links), *mapped)):
                name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
                yield f"{name} (process {process.name})"


def leads_to(link: Path) -> Path:
    """Return where a link of /proc leads; nowhere, where its file has been closed in the meantime."""
    with contextlib.suppress(OSError):
        return Path(os.readlink(link))  # noqa: PTH115 - pathlib's is 3.9's
    return Path()


def release(request: Json) -> None:
    """Unmount a volume that a restore was cut off with, and drop what it had copied in part.

    Answers whether a restore goes on, which has it then, and whether the volume was mounted.
    """
    with lock(LOCK, wait=False) as ours:
        place = MOUNTS / request["source"]
        mounted = ours and place.is_mount()
        if mounted:
            unmount(place)
        if ours and is_mounted(request):
            drop_parts(request)
    say("released", busy=not ours, mounted=mounted)


def drop_parts(request: Json) -> None:
    """Delete what restores that were cut off had copied."""
    for part in (Path(request["mount_point"]) / "restored").glob(".*.part"):
        shutil.rmtree(part)


def unmount(place: Path) -> None:
    """Take a volume off its place again."""
    done = command("umount", str(place))
    if done.returncode:
        raise OSError(f"{place} stays mounted: {done.stderr.strip()}")
    place.rmdir()


def command(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def main(request: Json) -> None:
    """Answer {"verb": "status" | "sync" | "grow" | "release", ...}."""
    serve({"status": status, "sync": sync, "grow": grow, "release": release}, request)
