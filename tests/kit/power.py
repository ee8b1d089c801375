"""A stack whose boxes are stopped, started and moved: a cloud without boxes, and SSH servers where it says they are."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.kit.cloud import Wired, run, serve
from tests.kit.fab import clean_environment, fab, host_row, outputs, pulumi_that_says
from tests.kit.ssh_server import PORT, Server, user_key

IDLE: dict[str, Any] = {
    "event": "overview",
    "os": "ubuntu-22.04",
    "kernel": "5.15",
    "boot_id": "1",
    "memory_gib": 16.0,
    "disk_free_gib": 80.0,
    "gpus": [],
    "mig": [],
    "silent": "",
    "pci": [],
    "nouveau": False,
    "secure_boot": False,
    "marks": {},
    "interrupted": [],
    "ready": None,
    "pending": None,
    "running": False,
    "last": None,
    "runs": [],
    "services": {},
    "loads": [],
    "disks": [],
    "mounted": True,
    "datasets": [],
    "guard": {},
    "ending": None,
}
"""What a box says on which nothing goes on."""


@dataclasses.dataclass
class Box:
    """One box: what the outputs record of it, and its SSH server."""

    name: str
    id: str
    recorded: str
    """Its address in the outputs."""
    server: Server


class Rig:
    """A user's project with a stack of boxes, in a cloud that hands out addresses of the loopback network."""

    def __init__(self, folder: Path, wired: Wired, stack: str) -> None:
        self.folder, self.wired, self.ec2, self.stack = folder, wired, wired.ec2, stack
        self.boxes: list[Box] = []
        self.recorded: dict[str, Any] = {}
        """What the stack says of every box beside its address, id and user."""
        self.key, self.home = user_key(folder), folder / "home"
        self.home.mkdir()
        self.config = self.home / ".ssh" / "config"
        # Tests that run at the same time, each in a process of its own, have a network each.
        network = f"127.{os.getpid() // 250 % 250 + 1}.{os.getpid() % 250 + 1}"
        addresses = iter(f"{network}.{number}" for number in range(1, 250))
        wired.hypervisor.allocate_address = lambda: next(addresses)  # type: ignore[method-assign]
        wired.hypervisor.console = self._console  # type: ignore[method-assign]
        self._open = contextlib.ExitStack()
        self._doors: dict[str, contextlib.ExitStack] = {}

    def _console(self, instance_id: str) -> str:
        return next(box.server.console for box in self.boxes if box.id == instance_id)

    def launch(self, name: str = "box", **more: Any) -> Box:
        """Launch a box that answers where EC2 says, which the outputs record."""
        row = run(self.ec2, **more)
        box = Box(name, row["InstanceId"], row["PublicIpAddress"], Server(name))
        self.boxes.append(box)
        self.answer(box, box.recorded)
        return box

    def answer(self, box: Box, address: str) -> None:
        """Have a box answer at an address, until it is silent."""
        stack = self._doors[box.name] = self._open.enter_context(contextlib.ExitStack())
        stack.enter_context(box.server.at(address))

    def answers_when_started(self, box: Box) -> None:
        """Have a box answer at the address that it gets when EC2 starts it."""
        self._doors[box.name].close()

        def started(_: str, address: str) -> None:
            self.answer(box, address)

        self.wired.hypervisor.start = started  # type: ignore[method-assign, assignment]

    def idle(self, box: Box) -> None:
        """Have a box say that nothing goes on there."""
        self.busy(box)

    def busy(self, box: Box, runs: Sequence[str] = (), setup: str = "") -> None:
        """Have a box say what goes on there, whatever it is asked."""
        pending = {"name": setup} if setup else None
        told = {**IDLE, "running": bool(setup), "pending": pending, "runs": [{"name": name} for name in runs]}
        box.server.says = f"{json.dumps(told)}\n".encode()

    def stop(self, box: Box) -> None:
        """Stop a box past fab."""
        self._doors[box.name].close()
        self.ec2.stop_instances(InstanceIds=[box.id])

    def start_past_fab(self, box: Box) -> str:
        """Start a box past fab, and return its new address, where it answers."""
        self.answers_when_started(box)
        self.ec2.start_instances(InstanceIds=[box.id])
        return self.address(box)

    def address(self, box: Box) -> str:
        """Return the address that EC2 says."""
        (found,) = self.ec2.describe_instances(InstanceIds=[box.id])["Reservations"][0]["Instances"]
        return str(found.get("PublicIpAddress", ""))

    def env(self, **more: str) -> dict[str, str]:
        """Return the user's environment, and have `pulumi` tell the outputs as they are recorded."""
        rows = [
            host_row(
                **{**self.recorded, "name": box.name, "address": box.recorded, "port": PORT},
                instanceId=box.id,
                user="root",
            )
            for box in self.boxes
        ]
        path = pulumi_that_says(self.folder, stdout=outputs(*rows, project="gpurig", stack=self.stack))
        own = {"PATH": path, "GPURIG_SSH_KEY": str(self.key), "HOME": str(self.home), **self.wired.cloud.env}
        return clean_environment(**{**own, **more})

    def fab(self, *words: str, code: int = 0, **env: str) -> subprocess.CompletedProcess[str]:
        """Run `fab` in the project."""
        done = fab(self.folder, *words, code=code, **self.env(**env))
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def asked(self) -> int:
        """Return how often EC2 was asked where an instance is."""
        return len(self.wired.cloud.calls("DescribeInstances"))

    def close(self) -> None:
        """Let nothing answer any more."""
        self._open.close()


@contextlib.contextmanager
def rig(folder: Path, *, stack: str = "dev") -> Iterator[Rig]:
    """Serve a cloud for a user in a folder."""
    (folder / "cloud").mkdir()
    with serve(folder / "cloud") as wired:
        made = Rig(folder, wired, stack)
        yield made
        made.close()
