"""A restore: a path is copied from the volume that was made of a snapshot."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from provision.agent.accounts import as_account
from provision.agent.files import lock
from provision.agent.held import held
from provision.agent.mount import device_of, need_mounted
from provision.agent.processes import run
from provision.agent.reply import Refused, say
from provision.agent.volume import LOCK, MOUNTS, PATIENCE, own_part, unmount, working_in
from provision.agent.words import Kind

if TYPE_CHECKING:
    from typing import Iterator, List

    from provision.agent.wire.documents import Account
    from provision.agent.wire.requests import Restore

NOT_RESTORED = ("lost+found", "restored", ".gpurig")
"""What a restore of everything leaves out: restores themselves, and builds that are kept to be made again faster."""


def check(request: Restore, account: Account) -> None:
    """Refuse at once what `restore` would refuse after a volume was made."""
    need_mounted(account)
    _goal_of(request, account)
    if request["in_place"]:
        _nobody_in(Path(account["mount_point"]) / request["path"])
    say({"event": Kind.DONE})


def restore(request: Restore, account: Account) -> None:
    """Copy a path from the volume made of a snapshot; answers with how far it is, and where it is."""
    with lock(LOCK, wait=False) as ours:
        if not ours:
            raise Refused("another restore goes on on this box", "wait for it")
        need_mounted(account)
        with _mounted_source(request["source"]) as source:
            goal = _goal_of(request, account)
            names = _sources(source, request)
            with own_part(account) as own:
                part = own / "part"
                part.mkdir()
                try:
                    _copy(names, part)
                    aside = _put(part, goal, request, account)
                finally:
                    shutil.rmtree(part, ignore_errors=True)  # what stays is dropped by the next command's `release`
    say({"event": Kind.RESTORED, "path": str(goal), "aside": aside})


# -- the steps of a restore


def _goal_of(request: Restore, account: Account) -> Path:
    """Return where what comes back goes. Refuses what is there already."""
    place = Path(account["mount_point"])
    if request["in_place"]:
        return place.joinpath(request["path"])
    goal = place.joinpath("restored", request["snapshot"], request["path"])
    if os.path.lexists(goal):
        raise Refused(f"{goal} is there already", f"move it, or on the host: rm -r {goal}")
    return goal


@contextlib.contextmanager
def _mounted_source(volume_id: str) -> Iterator[Path]:
    """Have a volume mounted so that nothing changes what is on it: for reading, and no program of it runs."""
    deadline = time.monotonic() + PATIENCE
    while device_of(volume_id) is None:
        if time.monotonic() > deadline:
            raise Refused(f"{volume_id} did not appear on the box within {PATIENCE} s", "the same command again")
        time.sleep(0.5)
    place = MOUNTS / volume_id
    place.mkdir(parents=True, exist_ok=True)
    done = run("mount", "-t", "ext4", "-o", "ro,nosuid,nodev,noexec", str(device_of(volume_id)), str(place))
    if done.returncode:
        raise Refused(f"what the snapshot holds cannot be mounted: {done.stderr.strip()}")
    try:
        yield place
    finally:
        unmount(place)


def _sources(source: Path, request: Restore) -> List[Path]:
    """Return what is to be copied. Refuses a path that the snapshot does not have, and a link that leads off it."""
    if not request["path"]:
        return [path for path in sorted(source.iterdir()) if path.name not in NOT_RESTORED]
    path = source / request["path"]
    if not os.path.lexists(path):
        there = sorted(other.name for other in source.iterdir() if other.name not in NOT_RESTORED)
        problem = f"{request['snapshot']} has no {request['path']}"
        raise Refused(problem, f"at its top there are: {', '.join(there[:20]) or 'no files at all'}")
    if source not in path.parent.resolve().joinpath(path.name).parents:
        raise Refused(f"a folder of {request['path']} is a link that leads off the volume", "restore its real path")
    return [path]


def _copy(names: List[Path], part: Path) -> None:
    """Copy with owners, times, links and holes, if there is room for all of it; says how far it is."""
    need = sum(map(_used, names))
    free = shutil.disk_usage(part).free
    if need > free:
        more = -((free - need) // 2**30)
        problem = f"{_mib(need)} are to come back and {_mib(free)} are free on the job volume"
        raise Refused(problem, f"`fab volume-grow` by {more} GiB or more, or a smaller --path")
    # Killed with this program: what goes on copying when the client is gone would be in nobody's hands.
    words = ["setpriv", "--pdeathsig", "KILL", "cp", "--archive", "--", *map(str, names), str(part)]
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        while names:
            with contextlib.suppress(subprocess.TimeoutExpired):
                error = process.communicate(timeout=1)[1]
                break
            done = min(need, max(0, free - shutil.disk_usage(part).free))
            say({"event": Kind.COPYING, "done": done, "total": need})
    if names and process.returncode:
        raise Refused(f"not all could be copied: {(error.strip() or 'cp was killed').splitlines()[-1]}")
    os.sync()
    say({"event": Kind.COPYING, "done": need, "total": need})


def _put(part: Path, goal: Path, request: Restore, account: Account) -> str:
    """Move what was copied to its place; returns where what had been there is now, "" where there was nothing."""
    place = Path(account["mount_point"])
    with as_account(account["user"]):
        goal.parent.mkdir(parents=True, exist_ok=True)
    fresh = part / goal.name
    if not request["path"]:
        shutil.chown(part, account["user"], pwd.getpwnam(account["user"]).pw_gid)
        fresh = part
    with held(place, *goal.parent.relative_to(place).parts) as above:
        there = above / goal.name
        if not os.path.lexists(there):
            fresh.rename(there)
            return ""
        _nobody_in(goal)
        aside = f"{goal.name}.before-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"
        there.rename(above / aside)
        try:
            fresh.rename(there)
        except OSError:
            (above / aside).rename(there)
            raise
    return str(goal.with_name(aside))


def _nobody_in(folder: Path) -> None:
    """Refuse to swap what a process works in: it would go on writing to what was moved aside."""
    if user := next(working_in(folder), ""):
        problem = f"{user} works in {folder}"
        raise Refused(problem, "end it first (fab cancel, or its service), or restore without --in-place")


def _used(path: Path) -> int:
    """Return the bytes that a file or folder takes on its disk; a file of several names counts once."""
    found = [path]
    if path.is_dir() and not path.is_symlink():
        found += [Path(folder, name) for folder, names, files in os.walk(path) for name in (*names, *files)]
    states = (path.lstat() for path in found)
    return sum({state.st_ino: state.st_blocks * 512 for state in states}.values())


def _mib(size: int) -> str:
    """Return bytes as a message has them."""
    return f"{size / 2**20:,.0f} MiB"
