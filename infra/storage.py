"""The disk that outlives the box."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

if TYPE_CHECKING:
    from collections.abc import Mapping

_SNAPSHOT_TIME = "2h"
"""The provider gives up after 10 minutes; the first snapshot of a full volume of some 100 GiB takes longer."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class JobVolumeArgs:
    """What a `JobVolume` is made of."""

    zone: str
    """Availability zone of a new volume. One that is there already stays where it is."""
    size_gib: int
    snapshot: str | None
    """What a new volume is made from; None: blank. One that is there already keeps what is on it."""
    on_destroy: str = "snapshot"
    """"snapshot", "retain" or "delete"."""
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """By which its snapshots are found again."""


class JobVolume(pulumi.ComponentResource):
    """The encrypted EBS volume of jobs and datasets, with its own lifecycle."""

    def __init__(self, name: str, args: JobVolumeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gpurig:infra:JobVolume", name, None, opts)
        self.volume = aws.ebs.Volume(
            name,
            availability_zone=args.zone,
            size=args.size_gib,
            type="gp3",
            encrypted=True,
            snapshot_id=args.snapshot,
            final_snapshot=args.on_destroy == "snapshot",
            tags={"Name": name, **args.tags},
            opts=pulumi.ResourceOptions(
                parent=self,
                # Either of these would replace the volume, and with it all that is on it.
                ignore_changes=["snapshotId", "availabilityZone"],
                retain_on_delete=args.on_destroy == "retain",
                custom_timeouts=pulumi.CustomTimeouts(delete=_SNAPSHOT_TIME),
            ),
        )
        self.register_outputs({"volume_id": self.volume.id})
