"""A cgroup per box: without one of its own, two boxes' systemds would manage, and kill, each other's services.

Its name carries the cloud's random tag, so what runs in it is ours: that is how a box is killed, never by a remembered
process id.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rehearsal.errors import RehearsalError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path("/sys/fs/cgroup")


def hierarchies() -> list[Path]:
    """Return where systemd keeps its groups: one tree on a cgroup v2 machine, named ones on a hybrid or v1 machine."""
    if (ROOT / "cgroup.procs").exists():
        return [ROOT]
    return [ROOT / name for name in ("systemd", "unified") if (ROOT / name / "cgroup.procs").exists()]


def make(name: str) -> list[Path]:
    """Make the group in every hierarchy and return the files that a process joins it by."""
    groups = [hierarchy / name for hierarchy in hierarchies()]
    for group in groups:
        group.mkdir(exist_ok=True)
    return [group / "cgroup.procs" for group in groups]


def kill(name: str, seconds: float = 10) -> None:
    """Kill all that runs in the group and remove it; RehearsalError if something outlives that by `seconds`."""
    deadline = time.monotonic() + seconds
    while running := set(members(name)):
        if time.monotonic() > deadline:
            raise RehearsalError(f"processes {sorted(running)} of {name} do not die: see /proc/{min(running)}/stack")
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.01)
    for hierarchy in hierarchies():
        for folder, _, _ in os.walk(hierarchy / name, topdown=False):
            with contextlib.suppress(FileNotFoundError):  # the box's watcher and `stop` may both be at it
                Path(folder).rmdir()


def cpu_seconds(name: str) -> float | None:
    """Return the CPU time that the group has used since it was made; None where the kernel does not count it.

    Every group of cgroup v2 counts, also where the controller `cpu` is not on (Linux 4.15).
    """
    for hierarchy in hierarchies():
        with contextlib.suppress(OSError):
            figures = dict(line.split() for line in (hierarchy / name / "cpu.stat").read_text().splitlines())
            return int(figures["usage_usec"]) / 1e6
    return None


@contextlib.contextmanager
def frozen(name: str, seconds: float = 10) -> Iterator[None]:
    """Have nothing in the group run meanwhile: what is there to freeze, where the kernel can (cgroup v2, Linux 5.2)."""
    switches = [switch for hierarchy in hierarchies() if (switch := hierarchy / name / "cgroup.freeze").exists()]
    try:
        for switch in switches:
            switch.write_text("1")
            deadline = time.monotonic() + seconds
            while "frozen 1" not in switch.with_name("cgroup.events").read_text() and time.monotonic() < deadline:
                time.sleep(0.01)
        yield
    finally:
        for switch in switches:
            with contextlib.suppress(FileNotFoundError):  # it was killed meanwhile
                switch.write_text("0")


def members(name: str) -> Iterator[int]:
    """Yield the processes that run in the group, also while groups in it come and go."""
    for hierarchy in hierarchies():
        for folder, _, _ in os.walk(hierarchy / name):
            with contextlib.suppress(OSError):
                words = (Path(folder) / "cgroup.procs").read_text().split()
                yield from (process for process in map(int, words) if _alive(process))


def _alive(process: int) -> bool:
    """Tell a member from one that is dead but not yet waited for, or (0) lives outside our process namespace."""
    with contextlib.suppress(OSError):
        return process > 0 and Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
