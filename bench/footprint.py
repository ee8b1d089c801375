"""What a command takes of the machine that it runs on: time, CPU, memory, threads and files."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LOOK = 0.05
"""Seconds between two looks at threads and files, which the kernel keeps no peak of."""


@dataclasses.dataclass
class Footprint:
    """A command that has ended, its children's shares included in CPU and output."""

    code: int
    said: str
    """Standard output."""
    complaints: str
    """Standard error."""
    wall: float
    cpu: float
    """Seconds of one core, in the program and in the kernel."""
    megabytes: float
    """Of memory at the most, of the program without its children."""
    threads: int
    files: int

    @property
    def cores(self) -> float:
        """Return how many cores were busy with it."""
        return self.cpu / self.wall


def taken(command: Sequence[str], folder: Path, env: Mapping[str, str]) -> Footprint:
    """Run a command to its end, its output in pipes, and return what it took."""
    began = time.perf_counter()
    pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, cwd=folder, env=env, text=True, **pipes)
    said, complaints = [""], [""]

    def read(stream: Any, into: list[str]) -> None:
        into[0] = stream.read()

    both = ((process.stdout, said), (process.stderr, complaints))
    readers = [threading.Thread(target=read, args=row) for row in both]
    for reader in readers:
        reader.start()
    threads, files, kilobytes = 0, 0, 0
    while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
        threads, files = max(threads, _count(process.pid, "task")), max(files, _count(process.pid, "fd"))
        # Not `ru_maxrss`, which begins with what this process had when it forked.
        kilobytes = max(kilobytes, _peak(process.pid))
        time.sleep(LOOK)
    wall = time.perf_counter() - began
    for reader in readers:
        reader.join()
    _, status, used = ended
    process.returncode = os.waitstatus_to_exitcode(status)
    cpu = used.ru_utime + used.ru_stime
    return Footprint(process.returncode, said[0], complaints[0], wall, cpu, kilobytes / 1024, threads, files)


def _count(pid: int, what: str) -> int:
    """Return how many threads ("task") or open files ("fd") a process has; 0 where it has just ended."""
    with contextlib.suppress(OSError):
        return sum(1 for _ in (Path("/proc") / str(pid) / what).iterdir())
    return 0


def _peak(pid: int) -> int:
    """Return the most memory that a process has had so far, in KiB; 0 where it has just ended."""
    with contextlib.suppress(OSError):
        text = (Path("/proc") / str(pid) / "status").read_text(encoding="ascii", errors="replace")
        found = re.search(r"^VmHWM:\s*(\d+) kB", text, re.MULTILINE)
        return int(found[1]) if found else 0
    return 0
