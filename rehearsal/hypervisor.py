"""What stands behind the EC2 API of the rehearsal cloud: the calls that make machines and disks of API records.

`rehearsal.cloud` calls a `Hypervisor` while it serves a request; `rehearsal.boxes` implements it with systemd boxes and
loop devices. `NoMachines` serves the API alone, for tests that need no box.
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rule:
    """One ingress permission: source `cidr` may reach `protocol` ports `first`..`last` (protocol "-1": everything)."""

    protocol: str
    first: int
    last: int
    cidr: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class InstanceSpec:
    """All that a box needs to boot, as RunInstances was given it."""

    instance_id: str
    image_id: str
    instance_type: str
    public_ip: str
    """The address given by `Hypervisor.allocate_address`."""
    private_ip: str
    user_data: bytes
    """As the instance would read it: decoded from base64, still gzip-compressed if it was."""
    public_keys: tuple[str, ...]
    rules: tuple[Rule, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Question:
    """One HTTP request of a box to its instance metadata service."""

    method: str
    path: str
    headers: Mapping[str, str]
    """Their names in small letters."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reply:
    """What the service answers."""

    status: int
    body: bytes
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    hops: int | None = None
    """How many network hops the answer may make; None: as many as any."""


class Hypervisor:
    """The machine room; what one does not override does nothing.

    Every call returns when the thing is done, `launch` and `start` when the box begins to boot. Launch, stop, start,
    reboot, terminate and create_image of one instance never overlap; all else may. The message of a `RehearsalError`
    reaches the user word for word, and what was asked for has then not happened.
    """

    def facts(self) -> dict[str, Any]:
        """Return what `cloud.json` publishes; `caller` is this machine's address as boxes see it."""
        return {}

    def watch(self, powered_off: Callable[[str], None]) -> None:
        """Have `powered_off` called with the id of an instance whose box has switched itself off."""

    def serve_metadata(self, answer: Callable[[str, Question], Reply]) -> None:
        """Have `answer` reply to what the box of an instance, by its id, asks of http://169.254.169.254."""

    def allocate_address(self) -> str:
        """Return an unused address that this machine, and nothing beyond it, routes to a box."""
        raise NotImplementedError

    def launch(self, spec: InstanceSpec) -> None:
        """Begin to boot a box."""

    def stop(self, instance_id: str) -> None:
        """Shut a box down cleanly; its disks stay. One that is off already is no error."""

    def start(self, instance_id: str, public_ip: str) -> None:
        """Begin to boot a stopped box again, at an address given by `allocate_address`."""

    def reboot(self, instance_id: str) -> None:
        """Restart a box cleanly."""

    def terminate(self, instance_id: str) -> None:
        """Shut a box down and drop its root disk; its other disks were detached before. Unknown ids are no error."""

    def set_rules(self, instance_id: str, rules: tuple[Rule, ...]) -> None:
        """Let in exactly what `rules` say, from now on."""

    def console(self, instance_id: str) -> str:
        """Return the console output so far."""
        raise NotImplementedError

    def cpu_seconds(self, instance_id: str) -> float | None:
        """Return the CPU time that a running box has used so far; None where nobody measures it."""

    def create_image(self, image_id: str, instance_id: str) -> None:
        """Keep a root disk's present bytes, of a box that runs or not: `launch` knows the image from then on."""

    def delete_image(self, image_id: str) -> None:
        """Drop an image; boxes that booted from it keep what they have."""

    def create_volume(self, volume_id: str, size_gib: int, snapshot_id: str | None) -> None:
        """Make a disk, blank or with the bytes of a snapshot."""

    def grow_volume(self, volume_id: str, size_gib: int) -> None:
        """Enlarge a disk, also while a box uses it."""

    def delete_volume(self, volume_id: str) -> None:
        """Drop a disk."""

    def create_snapshot(self, snapshot_id: str, volume_id: str) -> None:
        """Keep the disk's present bytes."""

    def delete_snapshot(self, snapshot_id: str) -> None:
        """Drop a snapshot."""

    def attach(self, instance_id: str, volume_id: str) -> None:
        """Plug a disk into a box, running or not; it shows up under /dev/disk/by-id as on a Nitro instance."""

    def detach(self, instance_id: str, volume_id: str) -> None:
        """Unplug a disk."""

    def close(self) -> None:
        """Switch everything off and give back what was taken from this machine; volumes and snapshots of them stay."""


class NoMachines(Hypervisor):
    """The API alone: addresses are handed out, nothing boots."""

    def __init__(self) -> None:
        self._numbers = itertools.count(10)

    def allocate_address(self) -> str:
        third, fourth = divmod(next(self._numbers), 256)
        return f"198.18.{255 - third}.{fourth}"

    def console(self, instance_id: str) -> str:
        return f"{instance_id}: this cloud has no machines\n"
