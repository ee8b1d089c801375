"""One instance's box: a root file system that stays, and the systemd that runs on it while the instance runs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rehearsal.boxes import cgroups, nspawn, roots
from rehearsal.boxes.nspawn import POWER_OFF
from rehearsal.boxes.run import run
from rehearsal.errors import CannotBoot, RehearsalError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from rehearsal.boxes.ledger import Ledger
    from rehearsal.boxes.nspawn import Place
    from rehearsal.boxes.volumes import Disk

REBOOT = signal.SIGRTMIN + 5
"""What systemd as process 1 takes as an order, beside `POWER_OFF` (systemd(1), "Signals")."""
REBOOT_STATUS = 133
"""systemd-nspawn --keep-unit leaves with this when the box rebooted and wants to be started again."""


class Box:
    """The box in a place; `powered_off` is called when it shuts down of its own accord."""

    def __init__(self, place: Place, ledger: Ledger, powered_off: Callable[[], None]) -> None:
        self.console = place.folder / "console.log"
        self.disks: list[Disk] = []
        self.lock = threading.RLock()
        self._place, self._ledger, self._powered_off = place, ledger, powered_off
        self._process: subprocess.Popen[bytes] | None = None
        self._ordered_down = False
        self._down = threading.Event()
        self._down.set()

    @property
    def running(self) -> bool:
        """True from `start` until the box is down, reboots included."""
        return not self._down.is_set()

    def start(self) -> None:
        """Begin to boot. CannotBoot, with what systemd-nspawn said, if that fails at once."""
        with self.lock:
            if self.running:
                return
            self._ordered_down = False
            process = self._spawn()
            self._down.clear()
            threading.Thread(target=self._watch, args=(process,), name=self._place.machine, daemon=True).start()
        if self._leader(process) is None and not self._ordered_down:
            errors = (self._place.folder / "nspawn.log").read_text().strip() or "systemd-nspawn ended without a word"
            raise CannotBoot(f"{self._place.machine} did not boot: {errors.splitlines()[-1]}")

    def move(self, namespace: str) -> None:
        """Be in another network namespace from the next start on."""
        self._place = replace(self._place, namespace=namespace)

    def stop(self, seconds: float = 30) -> None:
        """Shut down cleanly; what is not down after `seconds` is killed."""
        self._ordered_down = True
        deadline = time.monotonic() + seconds
        while self.running and time.monotonic() < deadline:
            self._order(POWER_OFF)
            self._down.wait(2)
        self.kill()

    def reboot(self, seconds: float = 60) -> None:
        """Restart cleanly, and return when it begins to boot anew."""
        before, deadline = self._process, time.monotonic() + seconds
        while self.running and self._process is before:
            if time.monotonic() > deadline:
                raise RehearsalError(f"{self._place.machine} did not go down for its reboot within {seconds:.0f} s")
            self._order(REBOOT)
            for _ in range(20):
                if self._process is before:
                    time.sleep(0.1)

    def kill(self) -> None:
        """Cut the power."""
        self._ordered_down = True
        deadline = time.monotonic() + 10
        while self.running:  # again, should the box have been about to come back from a reboot
            if time.monotonic() > deadline:
                raise RehearsalError(f"{self._place.machine} cannot be killed")
            cgroups.kill(self._place.machine)
            self._down.wait(0.2)

    def cpu_seconds(self) -> float | None:
        """Return the CPU time of all that runs in the box and did, in seconds; None where the kernel does not count."""
        return cgroups.cpu_seconds(self._place.machine)

    def frozen(self) -> AbstractContextManager[None]:
        """Have nothing in the box run, and nothing of its files change, meanwhile."""
        return cgroups.frozen(self._place.machine)

    def plug(self, disk: Disk) -> None:
        """Show a disk in the box, now if it runs and at every later boot."""
        with self.lock:
            self.disks.append(disk)
            self._in_devices(disk.plug)

    def unplug(self, disk: Disk) -> None:
        """Take a disk's nodes out of the box."""
        with self.lock:
            self.disks.remove(disk)
            self._in_devices(disk.unplug)

    def _in_devices(self, script: str) -> None:
        process = self._process
        if process and self.running and (leader := self._leader(process)):
            run("sh", "-e", "-c", script, cwd=Path(f"/proc/{leader}/root/dev"))

    def _spawn(self) -> subprocess.Popen[bytes]:
        self._ledger.take("cgroup", self._place.machine)
        with self.console.open("ab") as console, (self._place.folder / "nspawn.log").open("wb") as errors:
            self._process = subprocess.Popen(
                nspawn.command(self._place, cgroups.make(self._place.machine), self.disks),
                cwd=self._place.folder,
                env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=errors,
                start_new_session=True,
            )
        return self._process

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Follow the box until it is down for good; a reboot from within starts it again on the same root and disks."""
        while process.wait() == REBOOT_STATUS:
            with self.lock:
                cgroups.kill(self._place.machine)
                if self._ordered_down:
                    break
                process = self._spawn()
        cgroups.kill(self._place.machine)
        self._ledger.drop("cgroup", self._place.machine)
        self._down.set()
        if not self._ordered_down:
            self._powered_off()

    def _leader(self, process: subprocess.Popen[bytes], seconds: float = 20) -> int | None:
        """Return the box's process 1 as this machine numbers it, once it is there; None if it does not come."""
        deadline = time.monotonic() + seconds
        while process.poll() is None and time.monotonic() < deadline:
            for child in _children(process.pid):
                if _is_first_in_its_namespace(child):
                    return child
            time.sleep(0.01)
        return None

    def _order(self, order: int) -> None:
        """Signal the box's systemd, which ignores that while it is a shell still, or just starts: callers ask again."""
        leader = self._leader(self._process, seconds=0.1) if self._process else None
        if leader:
            with suppress(ProcessLookupError):
                os.kill(leader, order)


def _children(process: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:
        return []


def _is_first_in_its_namespace(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False
    numbers = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[1:]
    return len(numbers) > 1 and numbers[-1] == "1"


def lay_out(folder: Path, layers: Sequence[Path], *, overlay: bool) -> tuple[Path, str]:
    """Make a box's folder over the layers of its image, the lowest last.

    Returns the tree that its own files are written to, and the shell words that mount its root.
    """
    folder.mkdir(parents=True)
    if not overlay:
        run("cp", "--archive", "--reflink=auto", layers[0], folder / "root", timeout=600)
        return folder / "root", ""
    *above, base = layers
    (folder / "lower").symlink_to(base)
    for number, layer in enumerate(above):
        # Links: the box keeps what it stands on when the image is dropped.
        run("cp", "--archive", "--link", layer, folder / f"layer{number}", timeout=600)
    for name in ("upper", "work", "root"):
        (folder / name).mkdir()
    return folder / "upper", roots.mount_overlay([*(f"layer{number}" for number in range(len(above))), "lower"])


def remove_folder(folder: str | Path) -> None:
    """Drop a box's root disk, if it is there."""
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)
