"""What the jobs of each box start from, decided before anything is made: a volume, a snapshot, or nothing.

A volume is told from those of other boxes by its tags. Which of them this stack manages is in its state alone, where no
program can look: `infra.storage` compares as soon as the engine says which volume it is.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from infra import keys
from infra.volumes import job_tags, named_volumes, refuse_moves, refuse_to_shrink, tagged_volumes
from provision.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from infra.cloud import Cloud, Volume
    from infra.settings import Settings


@dataclasses.dataclass(frozen=True, kw_only=True)
class Jobs:
    """Where the jobs of one box are."""

    zone: str
    """Availability zone of the volume, new or not."""
    size_gib: int
    named: str | None = None
    """The volume that the user names: attached, and otherwise left as it is."""
    snapshot: str | None = None
    """What a new volume is made from; None: blank."""
    present: Sequence[Volume] = ()
    """Volumes that carry this box's tags: the stack's own, and those that nobody manages."""

    @property
    def beginning(self) -> str:
        """Say what a volume that is not there yet begins as; "" for one that is."""
        if self.named or self.present:
            return ""
        return f"made from the snapshot {self.snapshot}" if self.snapshot else "new and blank"


def find_jobs(settings: Settings, cloud: Cloud, zone: str, usable: Collection[str]) -> dict[str, Jobs]:
    """Return what each box starts from, by its name; `zone` is for new volumes, `usable` ones offer the instance type.

    Raises `BadInput` for a volume that must not be used, would have to move or to shrink, and for a snapshot that
    cannot be used.
    """
    named, present = named_volumes(settings, cloud), tagged_volumes(settings, cloud)
    # Where there are two, it is not clear yet which one counts; `infra.storage` asks the user.
    only = {host: volumes[0] for host, volumes in present.items() if len(volumes) == 1 and host not in named}
    refuse_moves(settings, {**only, **named}, usable)
    refuse_to_shrink(settings, only)
    found = {}
    for host, volumes in present.items():
        if volume := named.get(host):
            found[host] = Jobs(zone=volume.zone, size_gib=volume.size_gib, named=volume.id)
        else:
            place = volumes[0].zone if volumes else zone
            snapshot = None if volumes else _snapshot(settings, cloud, host)
            size = settings.job_volume_gib
            found[host] = Jobs(zone=place, size_gib=size, snapshot=snapshot, present=tuple(volumes))
    return found


def _snapshot(settings: Settings, cloud: Cloud, host: str) -> str | None:
    """Return what a new volume is made from. Raises `BadInput` for a snapshot that is not complete, or too large."""
    wanted = settings.job_snapshot
    if wanted == keys.NO_SNAPSHOT:
        return None
    newest = next(iter(cloud.snapshots(job_tags(host))), None) if wanted == keys.NEWEST else wanted
    if newest is None:
        return None
    snapshot = cloud.snapshot(newest, f'gpurig:jobSnapshot: "{newest}" is not to be had in {cloud.region}')
    if snapshot.state != "completed":
        wrong = f'"{newest}" is not completed, but {snapshot.state}'
        raise BadInput([f"gpurig:jobSnapshot: {wrong}: wait for it, or take another (`fab volume-status` lists them)"])
    if snapshot.size_gib > settings.job_volume_gib:
        wrong = f"{settings.job_volume_gib} is less than the {snapshot.size_gib} GiB of {newest}"
        way_out = f"pulumi config set gpurig:jobVolumeGib {snapshot.size_gib}"
        raise BadInput([f'gpurig:jobVolumeGib: {wrong}, which "{host}" starts from: {way_out}'])
    return newest
