"""A user in a rehearsal to whom things happen: commands that may fail, and what must hold after each of them."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rehearsal.boxes import roots
from rehearsal.site import ROOT, open_site
from rehearsal.user import User
from tests.faults.box import Box
from tests.kit.wait import until
from tests.kit.web_lab import Lab

SECONDS = 300
"""After which a command counts as one that hangs."""
FRESH = 1200
"""Seconds after which `fab orphans` no longer takes something for what an update is just making."""


@dataclasses.dataclass(frozen=True)
class Done:
    """How a command ended."""

    words: tuple[str, ...]
    code: int
    said: str

    def __str__(self) -> str:
        return f"`{' '.join(self.words)}` ended with {self.code}:\n{self.said}"


@dataclasses.dataclass
class World:
    """A user's project, its stack, and the box where there is one."""

    user: User
    numbers: Iterator[int] = dataclasses.field(default_factory=lambda: itertools.count(1))
    name: str = ""
    """Of the run in the present cell: another one in each."""
    box: Box | None = None
    web: Lab | None = None
    whole: bool = False
    """Whether the last `pulumi up` came to its end."""
    sums: str = ""
    """Of what is on the job volume."""
    moved: bool = False
    """Whether AWS's clock is ahead of this machine's."""

    # -- commands

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Start a command in a session of its own, as a terminal does."""
        pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        where: dict[str, Any] = {"cwd": self.user.project, "env": self.user.site.env}
        return subprocess.Popen(words, text=True, start_new_session=True, **where, **pipes)

    def end(self, process: subprocess.Popen[str], words: tuple[str, ...]) -> Done:
        """Wait for a command; one that hangs is killed, with all that it started."""
        try:
            said, _ = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            kill(process)
            said = f"{process.communicate()[0]}\nIT HANGS"
        assert "Traceback (most recent call last)" not in said, said
        assert "IT HANGS" not in said, f"{words}: {said}"
        return Done(words, process.returncode, said)

    def run(self, *words: str) -> Done:
        """Run a command to its end, whatever that is."""
        return self.end(self.begin(*words), words)

    def works(self, *words: str) -> str:
        """Run a command that has to work; returns what it said."""
        done = self.run(*words)
        assert done.code == 0, done
        return done.said

    # -- the same command again, and what it says is to be done

    def again(self, *words: str) -> list[str]:
        """Run a command until it works, doing what it says where it does not; returns what had to be done."""
        did: list[str] = []
        for _ in range(4):
            done = self.run(*words)
            told = "fab orphans --remove" in done.said and "fab orphans --remove --yes" not in did
            if done.code == 0 and not told:
                return did
            ways = [way for way in ways_out(done.said) if way not in did]
            assert ways, f"it says nothing that would help: {done}"
            for way in ways[:1]:
                self.grow_old()
                self.run(*way.split())
                did.append(way)
        raise AssertionError(f"{words} does not end well, after {did}")

    # -- what must hold

    @property
    def ec2(self) -> Any:
        """A client of EC2."""
        return self.user.cloud.client("ec2")

    def instances(self) -> list[dict[str, Any]]:
        """Return the instances that are not over."""
        alive = [{"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}]
        found = self.ec2.describe_instances(Filters=alive)["Reservations"]
        return [instance for reservation in found for instance in reservation["Instances"]]

    def state(self) -> str:
        """Return the state of the only instance."""
        (instance,) = self.instances()
        return str(instance["State"]["Name"])

    def volumes(self) -> list[dict[str, Any]]:
        """Return the job volumes."""
        tagged = [{"Name": "tag:gpurig:volume", "Values": ["jobs"]}]
        found: list[dict[str, Any]] = self.ec2.describe_volumes(Filters=tagged)["Volumes"]
        return found

    def newest_snapshot(self) -> str:
        """Return the id of the newest snapshot of the job volume; "" where there is none."""
        rows = self.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
        return max(((row["StartTime"], row["SnapshotId"]) for row in rows), default=("", ""))[1]

    def resources(self) -> list[dict[str, Any]]:
        """Return the resources of the stack's state."""
        deployment = json.loads(self.works("pulumi", "stack", "export"))["deployment"]
        found: list[dict[str, Any]] = deployment.get("resources") or []
        return found

    # -- the box

    def on_box(self, script: str) -> str:
        """Run a script as root on the box, which has to work, past `fab` and SSH; returns what it printed."""
        assert self.box
        return self.box.do(script)

    def has(self, test: str) -> bool:
        """Tell whether a shell test holds on the box."""
        return self.box is not None and self.box.has(test)

    def reboot(self) -> None:
        """Restart the box past `fab`, and return when it boots anew."""
        assert self.box
        box, before = self.box, self.box.leader()
        self.ec2.reboot_instances(InstanceIds=[box.instance_id])
        until(lambda: box.leader() not in (0, before))

    def serve(self, name: str, data: bytes, **how: Any) -> str:
        """Have a web server of this machine give a file, well or as `how` says; returns its address for the box."""
        if self.web is None:
            self.web = Lab(self.user.site.state, self.user.cloud.boxes["caller"])
        self.web.serve(name, data, **how)
        return f"http://{self.user.cloud.boxes['caller_name']}:{self.web.port}/{name}"

    def treasure(self) -> None:
        """Have files on the job volume that nobody may touch: of a volume that was restored, those of before."""
        if not self.sums:
            self.on_box("mkdir /jobs/treasure; cd /jobs/treasure; echo abc >a; head -c 3M /dev/urandom >b; sync")
            self.sums = self.on_box("cd /jobs/treasure && sha256sum a b")
        self.unharmed()

    def unharmed(self) -> None:
        """Assert that no byte of the job volume is lost; where its box is gone, the next one is looked at."""
        if self.sums and self.box and self.box.leader():
            until(lambda: self.has("mountpoint -q /jobs"))
            assert self.on_box("cd /jobs/treasure && sha256sum a b") == self.sums

    def grow_old(self) -> None:
        """Let so much time pass that `fab orphans` takes nothing any more for what an update makes right now."""
        self.user.cloud.advance(FRESH)
        self.moved = True

    def orphans(self) -> list[str]:
        """Return what `fab orphans` finds to be nobody's, once nothing counts as new any more."""
        self.grow_old()
        said = self.works("fab", "orphans", "--json")
        # Of a stack that is destroyed nobody tells any more: what is left then but snapshots counts as well.
        found = re.findall(r'"kind": "([^"]+)"[^{}]*"standing": "(orphan|unknown)"', said)
        return [kind for kind, standing in found if standing == "orphan" or kind != "snapshot"]


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a command with all that it started, as the end of the laptop's power does."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def ways_out(said: str) -> list[str]:
    """Return the commands that a message names as the way out, in the order of their use."""
    known = {
        r"pulumi cancel": "pulumi cancel --yes",
        r"interrupted while|pending operations|pending creates": "pulumi refresh --yes --clear-pending-creates",
        r"fab orphans": "fab orphans --remove --yes",
        r"pulumi up --refresh": "pulumi up --yes --skip-preview --refresh",
        r"pulumi refresh": "pulumi refresh --yes",
        r"fab start": "fab start",
        r"the same command|log in again|try again|again later|then again": "true",
    }
    return [way for words, way in known.items() if re.search(words, said)]


@contextlib.contextmanager
def open_world(*, boxes: bool) -> Iterator[World]:
    """Switch a rehearsal on for a user who has made nothing yet."""
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".rehearsal-faults-") as folder:
        if boxes:
            roots.ensure("ubuntu-22.04", print)
        site = open_site(Path(folder), stack="rehearsal", boxes=boxes, sources="standins", tell=print)
        try:
            world = World(user := User.arrives(site))
            user.config("jobVolumeGib", "1")
            yield world
        finally:
            if world.web:
                world.web.close()
            site.cloud.stop()
