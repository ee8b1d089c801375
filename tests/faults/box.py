"""A box as somebody sees it who stands before the machine: its processes, its files, its plug."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

from rehearsal.boxes import cgroups
from tests.kit.wait import until


@dataclasses.dataclass(frozen=True)
class Box:
    """The box of an instance."""

    instance_id: str

    @property
    def group(self) -> str:
        """The name of its control group, which carries the cloud's random tag."""
        found = [path.name for top in cgroups.hierarchies() for path in top.glob(f"gr*-{self.instance_id}")]
        return found[0] if found else ""

    def leader(self) -> int:
        """Return its process 1, as this machine numbers it; 0 where it does not run."""
        group = self.group
        members = cgroups.members(group) if group else ()
        return next((pid for pid in members if _first_in_its_namespace(pid)), 0)

    def do(self, script: str, *, code: int | None = 0) -> str:
        """Run a shell script as root in the box, past SSH and all that may be broken there."""
        leader = until(self.leader)
        enter = ["nsenter", "--target", str(leader), "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd=/"]
        done = subprocess.run(
            [*enter, "bash", "-c", script], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
        assert code in (None, done.returncode), f"{script}: {done.stdout}{done.stderr}"
        return done.stdout

    def has(self, test: str) -> bool:
        """Tell whether a shell test holds in the box."""
        leader = self.leader()
        return bool(leader) and self.do(f"if {test}; then echo yes; fi", code=None).strip() == "yes"

    def cut_power(self) -> None:
        """Pull the plug."""
        cgroups.kill(self.group)


def _first_in_its_namespace(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    numbers = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[1:]
    return len(numbers) > 1 and numbers[-1] == "1"
