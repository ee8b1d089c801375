"""What only AWS can answer: volumes, snapshots, boxes, zones and types of the account that everything is made in."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import re
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from infra.account import Account
from infra.identity import Stashed, name_tags, tagged
from provision.model import tags
from provision.model.errors import BadInput
from provision.model.platforms import NO_GPU, InstanceType, gpu_model

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from provision.model.identity import Identity

    Filters = Mapping[str, Sequence[str]]
    """Names of EC2's own filters, each with the values that will do."""


def _filters(wanted: Filters) -> list[dict[str, object]]:
    """Return filters as every look-up takes them."""
    return [{"name": name, "values": values} for name, values in wanted.items()]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Volume:
    """An EBS volume that AWS has."""

    id: str
    zone: str
    size_gib: int
    source: str
    """The snapshot that it was made from; "" for one that began blank."""
    tags: Mapping[str, str]

    def __str__(self) -> str:
        """Return it as a message names it."""
        return f"{self.id} ({self.size_gib} GiB, {self.zone})"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A snapshot that AWS has."""

    id: str
    state: str
    """"completed", "pending" or "error"."""
    at: str
    """When it was begun, ISO 8601."""
    description: str
    volume: str
    """That it was taken of."""
    size_gib: int
    """Of the volume that it was taken of: one made from it cannot be smaller."""
    tags: Mapping[str, str]


class Cloud(Account):
    """What an account and region of AWS has, and who this stack is among the others of its name there."""

    @property
    def options(self) -> pulumi.ResourceOptions:
        """The options of a top-level component."""
        return pulumi.ResourceOptions.merge(self._stashed.options, pulumi.ResourceOptions(providers=[self.provider]))

    @functools.cached_property
    def _stashed(self) -> Stashed:
        return Stashed(self)

    @property
    def identity(self) -> Identity:
        """Who this stack is."""
        return self._stashed.identity

    @property
    def tags(self) -> dict[str, str]:
        """The tags of everything that this stack makes."""
        return {**self.own_tags, **name_tags(), tags.MANAGED_BY: "pulumi", **self.identity.tags}

    def instance_type(self, name: str) -> InstanceType:
        """Return a type that the table does not know, as EC2 describes it. Raises `BadInput` if EC2 has none."""
        wrong = f'gpurig:instanceType: "{name}" is no instance type that EC2 describes in {self.region}'
        found = self.ask(aws.ec2.get_instance_type, wrong, instance_type=name)
        gpus = [gpu for gpu in found.gpuses if gpu.count]
        return InstanceType(
            name=name,
            gpu=(gpu_model(gpus[0].name) or gpus[0].name) if gpus else NO_GPU,
            gpus=sum(gpu.count for gpu in gpus),
            vcpus=found.default_vcpus,
            memory_gib=found.memory_size // 1024,
        )

    def launched(self, instance_id: str) -> float | None:
        """Return when an instance was started last, seconds of UTC; None where EC2 does not tell."""
        try:
            found = self.ask(aws.ec2.get_instance, f'instance "{instance_id}"', instance_id=instance_id)
        except BadInput:
            return None  # it was terminated by hand, say: that is for the engine to find out
        return dt.datetime.fromisoformat(found.launch_time).timestamp()

    def is_alive(self, stack_id: str) -> bool:
        """Tell whether a stack has more than disks, snapshots and images: a box, or the group that each box has."""
        wanted = {tags.STACK_ID: stack_id}
        groups = self.ask(aws.ec2.get_security_groups, "security groups", filters=_filters(tagged(wanted)))
        return bool(groups.ids or self.instances(wanted))

    def zones(self) -> list[str]:
        """Return the availability zones of the region, without local and wavelength zones."""
        found = self.ask(aws.get_availability_zones, "availability zones", state="available")
        return sorted(name for name in found.names if re.fullmatch(f"{re.escape(self.region)}[a-z]", name))

    def zones_with(self, instance_type: str) -> set[str]:
        """Return the availability zones that offer an instance type."""
        found = self.ask(
            aws.ec2.get_instance_type_offerings,
            f'gpurig:instanceType: "{instance_type}"',
            location_type="availability-zone",
            filters=_filters({"instance-type": [instance_type]}),
        )
        return set(found.locations)

    def snapshots(self, tags: Mapping[str, str]) -> list[str]:
        """Return the ids of the account's snapshots with these tags, completed or pending, the newest first."""
        wanted = {"status": ["completed", "pending"], **tagged(tags)}
        found = self.ask(aws.ebs.get_snapshot_ids, "snapshots", owners=["self"], filters=_filters(wanted))
        return list(found.ids)

    def those_left(self, snapshots: Collection[str]) -> list[str]:
        """Return those of the account's snapshots of these ids that are there, completed."""
        wanted = {"status": ["completed"], "snapshot-id": sorted(snapshots)}
        if not snapshots:
            return []
        return list(self.ask(aws.ebs.get_snapshot_ids, "snapshots", owners=["self"], filters=_filters(wanted)).ids)

    def snapshot(self, snapshot_id: str, wrong: str) -> Snapshot:
        """Return a snapshot. Raises `BadInput` that begins with `wrong` when there is none."""
        found = self.ask(aws.ebs.get_snapshot, wrong, snapshot_ids=[snapshot_id])
        return Snapshot(
            id=snapshot_id,
            state=found.state,
            at=found.start_time,
            description=found.description or "",
            volume=found.volume_id,
            size_gib=found.volume_size,
            tags=found.tags,
        )

    def volumes(self, filters: Filters) -> list[Volume]:
        """Return the volumes of the region that are there to stay and match."""
        wanted = {"status": ["creating", "available", "in-use"], **filters}
        found = self.ask(aws.ebs.get_ebs_volumes, "volumes", filters=_filters(wanted))
        return [self._volume(volume_id) for volume_id in sorted(found.ids)]

    def never_attached(self, volumes: Sequence[Volume]) -> list[Volume]:
        """Return those of the volumes that are surely as they were made: attached to nothing, now or ever."""
        noted = [volume.id for volume in volumes if volume.tags.get(tags.NOTED) == tags.AS_A_TAG]
        if not noted:
            return []
        free = {volume.id for volume in self.volumes({"volume-id": noted, "status": ["available"]})}
        # By a filter: what the provider ignores is in none of its answers.
        used = {volume.id for volume in self.volumes({"volume-id": noted, "tag-key": [tags.ATTACHED]})}
        return [volume for volume in volumes if volume.id in free - used]

    def _volume(self, volume_id: str) -> Volume:
        filters = _filters({"volume-id": [volume_id]})
        found = self.ask(aws.ebs.get_volume, f'volume "{volume_id}"', filters=filters)
        return Volume(
            id=volume_id,
            zone=found.availability_zone,
            size_gib=found.size,
            source=found.snapshot_id or "",
            tags=found.tags,
        )

    def instances(self, tags: Mapping[str, str]) -> list[str]:
        """Return the ids of the instances with these tags that are not terminated."""
        return self._instances(tagged(tags), "pending", "running", "stopping", "stopped", "shutting-down")

    def alive(self, tags: Mapping[str, str]) -> list[str]:
        """Return the ids of the instances with these tags that run, are stopped, or come to be so."""
        return self._instances(tagged(tags), "pending", "running", "stopping", "stopped")

    def stopped(self, tags: Mapping[str, str], *, instance_type: str = "") -> list[str]:
        """Return the ids of the instances with these tags, and of this type if one is given, that are stopped."""
        wanted = {"instance-type": [instance_type]} if instance_type else {}
        return self._instances({**tagged(tags), **wanted}, "stopping", "stopped")

    def _instances(self, wanted: Filters, *states: str) -> list[str]:
        filters = _filters(wanted)
        return list(self.ask(aws.ec2.get_instances, "instances", filters=filters, instance_state_names=states).ids)
