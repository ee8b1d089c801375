#!/usr/bin/python3 -IS
"""The guard: `look` whether the box is in use, and have it stopped when it was not for long enough; `stop`; `arm`.

It needs nothing of gpurig's program and no room on a disk, and no probe of it takes longer than its time. The lifetime
is not ended here, only told of: it is a timer of systemd's own, which no probe can hold.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

RUN = Path("/run/gpurig-guard")
HOME = Path("/var/lib/gpurig")
PROC = Path("/proc")
DROP_IN = Path("/run/systemd/system/gpurig-lifetime.timer.d/until.conf")
WARNINGS = 2, 10
"""Minutes before an end at which terminals, and those who follow a log, are told of it."""
SESSION = re.compile(r"sshd(-session)?: [^ @\[]+(@notty)?")
"""What a connection without a terminal calls itself: a tunnel, an editor's server, rsync."""


def ask(*command: str, seconds: float = 20, shown: bool = False) -> tuple[int | None, str]:
    """Return a program's exit code and what it printed, unless that is `shown`; None: it is not there, or not done.

    What cannot even be killed, as what waits in a driver, is not waited for.
    """
    to = None if shown else subprocess.PIPE
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=to, stderr=to, text=True, errors="replace", start_new_session=True
        )
    except OSError:
        return None, ""
    try:
        said = process.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        return None, ""
    return process.returncode, said or ""


def read(path: Path) -> str:
    """Return a file's text, "" where it cannot be read."""
    with contextlib.suppress(OSError):
        return path.read_text(errors="replace")
    return ""


def load(path: Path, default: Any) -> Any:
    """Return what a file of JSON holds; `default` where it is not there, or is something else."""
    with contextlib.suppress(ValueError):
        found = json.loads(read(path))
        if isinstance(found, type(default)):
            return found
    return default


def total(pattern: str, path: Path) -> int:
    """Return the sum of the numbers that a pattern finds in a file."""
    return sum(map(int, re.findall(pattern, read(path))))


def seconds_of(process: str | Path, *fields: int) -> float:
    """Return the sum of fields, each a time, of what the kernel tells of a process, from that of its state on."""
    told = read(PROC / process / "stat").rpartition(")")[2].split()
    return sum(int(told[field]) for field in fields if told) / os.sysconf("SC_CLK_TCK")


def append(path: Path, **row: object) -> None:
    """Add a row to a file of JSON lines, if there is room."""
    with contextlib.suppress(OSError), path.open("a") as file:
        file.write(json.dumps({"at": time.time(), **row}) + "\n")
        file.flush()
        os.fsync(file.fileno())


def tell(text: str) -> None:
    """Tell everybody: terminals, and those who follow a run's log."""
    print(text, flush=True)
    append(RUN / "notices", text=text)
    ask("wall", f"gpurig: {text}")


class Guard:
    """The box, looked at. A rate is the mean since the look before. Idle time is of a clock that nobody sets."""

    def __init__(self) -> None:
        self.settings: dict[str, Any] = json.loads(Path("/etc/gpurig/guard.json").read_text())
        self.seen: dict[str, Any] = load(RUN / "seen.json", {})
        self.told: list[str] = self.seen.get("told", [])
        self.counters: dict[str, float] = {}
        self.clock, self.now = time.monotonic(), time.time()

    def over(self, what: str, name: object, count: float, unit: float) -> bool:
        """Return whether a counter has grown by as many units a second as count as use; `what`: by which figure."""
        self.counters[f"{what} {name}"] = count
        grown = count - self.seen.get("counters", {}).get(f"{what} {name}", count)
        return bool(grown and grown >= (self.clock - self.seen.get("clock", 0)) * unit * self.settings["busy"][what])

    def as_user(self, command: str, seconds: float, *, shown: bool = False) -> int | None:
        """Return the exit code of a command of the user's own, None where it was not done in time."""
        words = "runuser", "-u", self.settings["user"], "--", "bash", "-lc", f"cd\n{command}"
        return ask(*words, seconds=seconds, shown=shown)[0]

    def busy(self) -> Iterator[str]:
        """Yield what the box is used for, in words."""
        groups = Path("/sys/fs/cgroup/unified")
        groups = groups if groups.exists() else groups.parent
        if (groups / "system.slice/gpurig.service").exists():
            yield "a setup goes on"
        for group in groups.glob("system.slice/gpurig-run-*"):
            if self.over("run", group.name, total(r"usage_usec (\d+)", group / "cpu.stat"), 1e4):
                yield f"run {group.stem[11:]} computes"
        if self.over("cpu", "", total(r"usage_usec (\d+)", groups / "cpu.stat"), 1e4):
            yield "something computes"
        if self.over("disk", "", total(r"[rw]bytes=(\d+)", groups / "io.stat"), 1e3):
            yield "the disks are read or written"
        for way in (r"(?<!lo): *(\d+)", r"(?<!lo):(?: *\d+){8} +(\d+)"):
            if self.over("network", way, total(way, PROC / "net/dev"), 1e3):
                yield "the network is in use"
        yield from self.sessions()
        yield from self.gpus()
        if self.settings["busy_probe"]:
            code = self.as_user(self.settings["busy_probe"], 60)
            if code != 1:
                yield "busyProbe says so" if code == 0 else "busyProbe does not say"

    def sessions(self) -> Iterator[str]:
        """Yield terminals that were typed into, connections without one that carry something, kernels that compute."""
        for terminal in Path("/dev/pts").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                minutes = (self.now - terminal.stat().st_atime) / 60
                if minutes < self.settings["busy"]["terminal"]:
                    yield f"a terminal was used {minutes:.0f} min ago"
        for process in PROC.glob("[0-9]*"):
            words = read(process / "cmdline")
            session = SESSION.fullmatch(words.partition("\0")[0])
            if session and self.over("connection", process.name, total(r"rchar: (\d+)", process / "io"), 1e3):
                yield "an SSH connection carries data"
            if "ipykernel" in words and self.over("run", process, seconds_of(process, 11, 12, 13, 14), 0.01):
                yield "a notebook computes"
            yield from ["a job computes"] * words.startswith("gpurig-cluster")

    def gpus(self) -> Iterator[str]:
        """Yield what the GPUs do. One that does not tell its use (MIG) is as busy as the processes that have one.

        Where the driver does not answer, or fails, nothing is said: what computes shows by its CPU.
        """
        if ask("pgrep", "--runstates=D", "--exact", "nvidia-smi")[0] == 0:  # one that hangs there is enough
            return
        code, said = ask("nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits")
        uses = [] if code else said.split()  # what is wrong with the driver, it says in the same place
        for use in uses:
            if use.isdecimal() and int(use) >= self.settings["busy"]["gpu"]:
                yield f"a GPU is {use} % busy"
        if not "".join(uses).isdecimal() and uses:
            code, said = ask("nvidia-smi", "--query-compute-apps=pid", "--format=csv,noheader")
            for process in said.split():
                if self.over("run", process, seconds_of(process, 11, 12), 0.01):
                    yield "a process on a GPU computes"
            if code or not f"0{''.join(said.split())}".isdecimal():
                yield "a GPU does not tell whether it is in use"

    def own_end(self) -> float:
        """Return when the settings' lifetime is over, from the first process on: in a container the kernel is older."""
        return self.now - self.clock + seconds_of("1", 19) + self.settings["lifetime_hours"] * 3600

    def lifetime_end(self) -> float | None:
        """Return when the lifetime is over: what it was set to in this boot, or so long after the boot."""
        return load(RUN / "lifetime", 0) or (self.own_end() if self.settings["lifetime_hours"] else None)

    def warn(self, end: float, key: str, why: str) -> None:
        """Tell once, at each of WARNINGS, that the box stops at `end`; `key`: what that end is known by."""
        left = (end - self.now) / 60
        for minutes in WARNINGS:
            if left <= minutes and f"{key} {minutes}" not in self.told:
                self.told += [f"{key} {more}" for more in WARNINGS if more >= minutes]
                at = time.strftime("%H:%M UTC", time.gmtime(end))
                tell(f"this box powers off in {left:.0f} min ({at}): {why}")

    def look(self) -> None:
        """Look once, leave what was seen, and have the box stopped where its time is up."""
        lifetime, minutes = self.lifetime_end(), self.settings["idle_minutes"]
        if lifetime:
            self.warn(lifetime, f"{lifetime / 100:.0f}", "its lifetime is over")
        busy = list(dict.fromkeys(self.busy()))
        used = self.clock if busy else self.seen.get("used", self.clock)
        since = self.now - self.clock + used
        end = max(since + minutes * 60, load(HOME / "awake", 0))
        idle = minutes and not busy
        if idle and self.now < end and self.clock - used > 60:
            self.warn(end, str(used), "nobody uses it; to keep it: fab keep-awake 2h")
        seen = {"looked": self.now, "clock": self.clock, "used": used, "busy": busy, "idle_minutes": minutes}
        seen.update(idle_since=None if busy else since, lifetime_until=lifetime, told=self.told, counters=self.counters)
        part = RUN / "seen.part"
        part.write_text(json.dumps(seen))
        part.rename(RUN / "seen.json")
        if idle and end <= self.now:
            (RUN / "why").write_text(f"nobody has used it for {minutes} min")
            if ask("systemctl", "--no-block", "start", "gpurig-poweroff.service")[0]:
                ask("systemctl", "poweroff")

    def stop(self) -> None:
        """Do the last things before the box powers off: systemd does that whatever becomes of this."""
        why = read(RUN / "why") or "its lifetime is over"
        append(HOME / "stops.jsonl", text=why)
        tell(f"this box powers off: {why}")
        time.sleep(2)  # `fab logs --follow` looks now and then, and its connection goes with the box
        if self.settings["before_stop"]:
            code = self.as_user(self.settings["before_stop"], self.settings["before_stop_minutes"] * 60, shown=True)
            print("beforeStop took too long" if code is None else f"beforeStop: exit code {code}")

    def arm(self) -> None:
        """Switch on what the settings want, and off what they do not; an end set in this boot yields to a later one."""
        lifetime, once, end = self.settings["lifetime_hours"], RUN / "lifetime", self.own_end()
        if not lifetime or end > load(once, 0):
            DROP_IN.unlink(missing_ok=True)
            once.unlink(missing_ok=True)
        if lifetime and end < self.now and not once.exists():
            os.makedirs(DROP_IN.parent, exist_ok=True)  # noqa: PTH103 - shorter, and user-data is full
            DROP_IN.write_text("[Timer]\nOnStartupSec=\nOnActiveSec=20min\n")
            once.write_text(str(int(self.now) + 1200))
            tell("this box powers off in 20 min: its lifetime is over")
        ask("systemctl", "daemon-reload")
        for timer, wanted in ("lifetime", lifetime), ("guard", lifetime or self.settings["idle_minutes"]):
            for word in ("enable", "restart") if wanted else ("disable", "stop"):
                ask("systemctl", word, f"gpurig-{timer}.timer")


if __name__ == "__main__":
    RUN.mkdir(exist_ok=True)
    try:
        getattr(Guard(), sys.argv[1])()
    except Exception:
        (RUN / "seen.json").unlink(missing_ok=True)  # should it be that: the next look begins anew
        raise
