"""The disk that outlives the box."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from infra.refusal import refusals
from provision.model import tags
from provision.model.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.volume_plan import VolumePlan

_SNAPSHOT_TIME = "2h"
"""The provider gives up after 10 minutes; the first snapshot of a full volume of some 100 GiB takes longer."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class JobVolumeArgs:
    """What a `JobVolume` is made of."""

    plan: VolumePlan
    """What it starts from. A volume that is there already stays where it is, and keeps what is on it."""
    on_destroy: str = "snapshot"
    """"snapshot", "retain" or "delete"; one that the user names is never deleted."""
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """By which it and its snapshots are found again."""


class JobVolume(pulumi.ComponentResource):
    """The encrypted EBS volume of jobs and datasets, with its own lifecycle; or the one that the user names."""

    def __init__(self, name: str, args: JobVolumeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gpurig:infra:JobVolume", name, None, opts)
        if args.plan.named:
            # Only read, but under the same name: so the engine lets go of this very volume if it was managed before.
            parent = pulumi.ResourceOptions(parent=self)
            self.volume = aws.ebs.Volume.get(name, args.plan.named, opts=parent)
        else:
            self.volume = self._managed(name, args)
        self.id = self._checked_id(args.plan)
        """Of the volume, once it is sure that no other one has this box's jobs."""
        self.register_outputs({"volume_id": self.id})

    def _checked_id(self, plan: VolumePlan) -> pulumi.Output[str]:
        def check(volume_id: object) -> pulumi.Output[str]:
            _refuse_another(plan, volume_id)
            return self.volume.id

        # Also where the id is not known: in a preview that is the volume that would be made.
        return self.volume.id.apply(refusals()(check), run_with_unknowns=True)

    def _managed(self, name: str, args: JobVolumeArgs) -> aws.ebs.Volume:
        return aws.ebs.Volume(
            name,
            availability_zone=args.plan.zone,
            size=args.plan.size_gib,
            type="gp3",
            encrypted=True,
            snapshot_id=args.plan.snapshot,
            final_snapshot=args.on_destroy == "snapshot",
            tags={tags.NAME: name, **args.tags, **args.plan.notes},
            opts=pulumi.ResourceOptions(
                parent=self,
                # Either of these would replace the volume, and with it all that is on it: where that is nothing, the
                # zone may. The old one goes first, or each zone that is tried would leave one behind.
                ignore_changes=["snapshotId"] if args.plan.spare else ["snapshotId", "availabilityZone"],
                delete_before_replace=True if args.plan.spare else None,
                retain_on_delete=args.on_destroy == "retain",
                custom_timeouts=pulumi.CustomTimeouts(delete=_SNAPSHOT_TIME),
            ),
        )


def _refuse_another(plan: VolumePlan, volume_id: object) -> None:
    """Raise `BadInput` where the box would get `volume_id` while its jobs may be on another volume."""
    others = [volume for volume in plan.tagged if volume.id != volume_id]
    if not others:
        return
    names = ", ".join(map(str, others))
    problem = f"gpurig:jobVolume: {names} has jobs of this box by its tags, and this stack does not manage it"
    hint = (
        f"to go on with it: pulumi config set gpurig:jobVolume {others[0].id} (several boxes: their ids with commas)\n"
        "to leave it alone: pulumi config set gpurig:jobVolume new"
    )
    raise BadInput([f"{problem} (`retain` leaves one so)"], hint=hint)
