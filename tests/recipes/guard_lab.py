"""A host for the guard, whose every sign of life a test decides."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from provision.bundle.render import render
from provision.model.target import Target
from tests.kit.programs import write_program

RX, TX = r"network (?<!lo): *(\d+)", r"network (?<!lo):(?: *\d+){8} +(\d+)"
"""What the guard knows the counters of the network by."""
PROGRAMS = {
    "systemctl": 'echo "$*" >>did',
    "wall": 'echo "$*" >>said',
    "pgrep": '[ -n "$HANGING" ]',
    "nvidia-smi": """case "$*" in
      *compute-apps*) printf %s "$GPU_PIDS" ;;
      *) printf '%s\\n' $GPU ;;
    esac
    exit ${GPU_CODE:-0}""",
}
# Its own processes, network, /run, terminals, control groups and state; the rest is this machine's. `SESSION`: what a
# process calls itself, whose number stands for PID in what was seen before.
HOST = """
for place in /run /dev/pts /var/lib; do mount -t tmpfs tmpfs $place; done
mkdir -p /run/gpurig-guard /run/upper /run/work /var/lib/gpurig
mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/upper,workdir=/run/work /etc
mkdir -p /etc/gpurig
cp guard.json /etc/gpurig/guard.json
cp -p run/* /run/gpurig-guard/
cp -p home/* /var/lib/gpurig/
cp -p pts/* /dev/pts/
mount --bind groups /sys/fs/cgroup
(exec -a "${SESSION:-idle}" sleep 600) &
[ ! -e run/seen.json ] || sed -i "s/PID/$!/" /run/gpurig-guard/seen.json
sleep 0.05
"$PYTHON" -IS guard "$@" >journal 2>&1 || code=$?
rm -f run/*
cp -p /run/gpurig-guard/* run/
cp -p /var/lib/gpurig/* home/
cp -p /run/systemd/system/gpurig-lifetime.timer.d/* run/ 2>&- || true
kill %1
exit "${code:-0}"
"""


@dataclasses.dataclass(frozen=True)
class Box:
    """A host that is idle, but for what a test says."""

    folder: Path
    target: Target = dataclasses.field(default_factory=lambda: Target(idle_stop_minutes=30, user="nobody"))

    def __post_init__(self) -> None:
        for name in ("run", "home", "pts", "groups"):
            (self.folder / name).mkdir(exist_ok=True)
            (self.folder / name / "cgroup.procs").touch()

    def has(self, path: str, text: str) -> None:
        """Put a file where the guard looks: below run, home, groups or pts."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def saw(self, idle_minutes: float, **counters: float) -> None:
        """Have it looked a minute ago: since when nobody used it, and what its counters said."""
        now = time.monotonic()
        seen = {"clock": now - 60, "used": now - idle_minutes * 60, "counters": counters}
        self.has("run/seen.json", json.dumps(seen))

    def does(self, word: str, *, code: int = 0, seconds: int = 20, **signs: str) -> None:
        """Let the guard do something, a probe of which takes so long at most; it has to end with `code`."""
        (base,) = render(["base"], self.target).steps
        files = {Path(file["path"]).name: file["content"] for file in base.files}
        limit = "seconds=20"
        assert files["gpurig-guard"].count(limit) == 1
        (self.folder / "guard").write_text(files["gpurig-guard"].replace(limit, f"seconds={seconds}"))
        (self.folder / "guard.json").write_text(files["guard.json"])
        for name, body in PROGRAMS.items():
            write_program(self.folder / "bin" / name, body)
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        env = {**os.environ, "GPU": "0", "PATH": path, "PYTHON": sys.executable, **signs}
        command = ["unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "bash", "-ec", HOST, "bash", word]
        done = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr + self.text("journal")

    def looks(self, **signs: Any) -> dict[str, Any]:
        """Let it look; returns what it has seen."""
        self.does("look", **signs)
        found: dict[str, Any] = json.loads(self.text("run/seen.json"))
        return found

    def text(self, path: str) -> str:
        file = self.folder / path
        return file.read_text() if file.exists() else ""

    @property
    def stopped(self) -> bool:
        """Whether it had itself powered off."""
        return "start gpurig-poweroff.service" in self.text("did")
