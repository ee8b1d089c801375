"""The gauges of the box: what the kernel counts, and what NVIDIA's driver says."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Dict, List, Optional, Tuple

    from provision.agent.wire.samples import Gauge

PROC = Path("/proc")
SECTOR = 512
"""Bytes; the kernel's own unit in /proc/diskstats, whatever the disk's."""
QUERY = "index,name,utilization.gpu,memory.used,memory.total,temperature.gpu,power.draw"
SILENCE = 10.0
"""Seconds without a word of `nvidia-smi` after which it hangs: a driver that lost its GPU never answers."""
HANGS = "nvidia-smi gives no answer"
AGAIN = 30.0
"""Seconds until one that failed is tried again."""
_WHOLE_DISK = re.compile(r"(nvme\d+n\d+|[sv]d[a-z]+|xvd[a-z]+|mmcblk\d+)$")
_VIRTUAL = ("lo", "docker", "veth", "br-", "virbr", "cni", "tun", "tap")


def cpu() -> Tuple[float, float]:
    """Return the busy and all ticks of all CPUs since the boot."""
    words = [float(word) for word in (PROC / "stat").read_text().partition("\n")[0].split()[1:9]]
    return sum(words) - words[3] - words[4], sum(words)  # but for idle and the wait for disks


def memory() -> Tuple[int, int]:
    """Return bytes of memory that are used, and all; what only caches files counts as free."""
    rows = dict(line.split(":", 1) for line in (PROC / "meminfo").read_text().splitlines())
    total, free = (int(rows[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
    return total - free, total


def disks() -> Tuple[float, float]:
    """Return the bytes read from and written to all disks since the boot; partitions are in their disk's."""
    rows = [line.split() for line in (PROC / "diskstats").read_text().splitlines()]
    whole = [row for row in rows if _WHOLE_DISK.match(row[2])]
    return sum(float(row[5]) for row in whole) * SECTOR, sum(float(row[9]) for row in whole) * SECTOR


def network() -> Tuple[float, float]:
    """Return the bytes received and sent by all interfaces that lead out of the box since the boot."""
    received = sent = 0.0
    for line in (PROC / "net" / "dev").read_text().splitlines()[2:]:
        name, _, rest = line.partition(":")
        if not name.strip().startswith(_VIRTUAL):
            words = rest.split()
            received, sent = received + float(words[0]), sent + float(words[8])
    return received, sent


class Gpus:
    """What `nvidia-smi` says, by one process that goes on: to start one for each look costs more than the look."""

    def __init__(self, seconds: float) -> None:
        self._interval = "--loop-ms={}".format(max(500, int(seconds * 1000)))
        self._rows: Dict[str, Gauge] = {}
        self._heard, self._problem, self._hangs = time.monotonic(), "", False
        self._program: Optional[subprocess.Popen[str]] = None
        self._first = threading.Event()
        self._installed = shutil.which("nvidia-smi") is not None
        if self._installed:
            threading.Thread(target=self._follow, daemon=True).start()

    def now(self, wait: float = 0.0) -> Tuple[List[Gauge], str]:
        """Return what is known of each GPU, and why nothing is; `wait`: seconds that a first answer may take."""
        if not self._installed:
            return [], ""
        answered = self._first.wait(wait)
        if time.monotonic() - self._heard > SILENCE and not self._problem:
            self._hangs = True
            self.close()  # one that hangs in the driver stays; nobody waits for it
            self._rows, self._problem = {}, HANGS
        return list(self._rows.values()), self._problem or ("" if answered else "nvidia-smi has not answered yet")

    def close(self) -> None:
        """End the program that goes on."""
        if self._program:
            self._program.kill()

    def _follow(self) -> None:
        command = ["nvidia-smi", "--query-gpu=" + QUERY, "--format=csv,noheader,nounits", self._interval]
        while True:
            self._heard, self._hangs = time.monotonic(), False
            try:
                self._program = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
                )
            except OSError as error:
                self._problem = "nvidia-smi: {}".format(error)
            else:
                self._read(self._program)
            self._first.set()
            time.sleep(AGAIN)

    def _read(self, program: subprocess.Popen[str]) -> None:
        said = ""
        for line in program.stdout or ():
            row = gauge(line)
            if row is None:
                said = line.strip() or said
            else:
                self._heard, self._problem = time.monotonic(), ""
                self._rows[row["index"]] = row
                self._first.set()
        self._rows = {}
        self._problem = HANGS if self._hangs else "nvidia-smi ended: {}".format(said or "it said nothing")


def gauge(line: str) -> Optional[Gauge]:
    """Return what a line of `nvidia-smi` says of a GPU; None for a line that says something else."""
    parts = [part.strip() for part in line.split(",")]
    if len(parts) != 7 or not parts[0].isdigit():
        return None
    use, used, total, celsius, watts = (_number(part) for part in parts[2:])
    return {
        "index": parts[0],
        "name": parts[1],
        "use": use,
        "used": used,
        "total": total,
        "celsius": celsius,
        "watts": watts,
    }


def _number(text: str) -> Optional[float]:
    try:
        return float(text)
    except ValueError:  # "[N/A]", "[Not Supported]"
        return None
