"""Three boxes of a stack with PyTorch, each of which may take half a core."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator
from typing import Any

from rehearsal.boxes import cgroups
from rehearsal.user import User

NAMES = ("box", "box-2", "box-3")
HALF = 50_000
"""Of the 100,000 microseconds in which the kernel counts: half a core."""


@dataclasses.dataclass(frozen=True)
class Boxes:
    """The boxes, and their user."""

    user: User
    measured: bool
    """Whether each has half a core of its own."""

    def fab(self, *words: str, code: int = 0) -> str:
        """Run `fab` for all of them, or for those of --limit."""
        return self.user.fab(*words, code=code)

    def ssh(self, name: str, command: str) -> str:
        """Return what a shell command prints on one."""
        return self.user.on_box(command, limit=name)

    def runs(self) -> dict[str, dict[str, Any]]:
        """Return the newest run of each host."""
        rows = [json.loads(line) for line in self.fab("ps", "--json").splitlines() if line.startswith("{")]
        return {row["host"]: row for row in reversed(rows)}

    def stop(self, name: str) -> None:
        """Stop one, as from the console of AWS."""
        (instance,) = [row["instanceId"] for row in self.user.hosts() if row["name"] == name]
        self.user.cloud.client("ec2").stop_instances(InstanceIds=[instance])


@contextlib.contextmanager
def three(user: User) -> Iterator[Boxes]:
    """Make the boxes, and have PyTorch on them."""
    user.up()
    try:
        user.fab("setup-pytorch")
        with contextlib.ExitStack() as stack:
            groups = [stack.enter_context(half_a_core(row["instanceId"])) for row in user.hosts()]
            yield Boxes(user, all(groups))
    finally:
        user.destroy()


@contextlib.contextmanager
def half_a_core(instance: str) -> Iterator[bool]:
    """Have what runs in a box take half a core at most; yields whether the kernel can (its first cgroups)."""
    root = cgroups.ROOT / "cpu"
    group = root / f"gpurig-half-{instance}"
    names = [path.name for where in cgroups.hierarchies() for path in where.glob(f"*-{instance}")]
    if not (root / "cpu.cfs_quota_us").exists() and not (root / "cpu.shares").exists():
        yield False
        return
    group.mkdir()
    try:
        (group / "cpu.cfs_quota_us").write_text(str(HALF))
        # Twice: what was begun meanwhile is in the group where its parent was.
        for process in [pid for _ in range(2) for pid in cgroups.members(names[0])]:
            with contextlib.suppress(OSError):
                (group / "cgroup.procs").write_text(str(process))
        yield True
    finally:
        # What is left moves up, and the boxes end elsewhere.
        for member in (group / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):
                (root / "cgroup.procs").write_text(member)
        group.rmdir()
