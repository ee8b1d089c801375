"""What each box's job volume is made from, decided before anything is made: a volume, a snapshot, or nothing.

Tags tell the volumes of a box from others. Which of them this stack manages is in its state alone, where no program can
look: `infra.storage` compares as soon as the engine says which volume it is.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from infra.settings import NEWEST, NO_SNAPSHOT
from infra.snapshots import (
    find_snapshot,
    former_host_warnings,
    newest_completed,
    pending_warning,
    refuse_unfit_snapshot,
)
from infra.volumes import named_volumes, refuse_moves, refuse_to_shrink, tagged_volumes
from provision.model.tags import FROM

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from infra.cloud import Cloud, Volume
    from infra.settings import Settings


@dataclasses.dataclass(frozen=True, kw_only=True)
class VolumePlan:
    """Where the jobs of one box are, or what its new volume is made from."""

    zone: str
    """Availability zone of the volume, new or not."""
    size_gib: int
    named: str | None = None
    """The volume that the user names: attached, and otherwise left as it is."""
    snapshot: str | None = None
    """What a new volume is made from; None: blank."""
    tagged: Sequence[Volume] = ()
    """Volumes that carry this box's tags: the stack's own, and those that nobody manages."""
    source: str = ""
    """The snapshot that the volume is made from, or was; "" where that is not known."""
    warnings: Sequence[str] = ()
    """Jobs that a new volume would begin without, and how to have them."""

    @property
    def new_content(self) -> str:
        """What a volume that does not exist yet will hold; "" for one that does."""
        if self.named or self.tagged:
            return ""
        return f"made from the snapshot {self.snapshot}" if self.snapshot else "new and blank"

    @property
    def blank(self) -> bool:
        """Whether it begins with nothing."""
        return not (self.named or self.tagged or self.snapshot)


def plan_job_volumes(settings: Settings, cloud: Cloud, zone: str, usable: Collection[str]) -> dict[str, VolumePlan]:
    """Return what each box starts from, by its name; `zone` is for new volumes, `usable` ones offer the instance type.

    Raises `BadInput` for a volume that must not be used, would have to move or to shrink, and for a snapshot that
    cannot be used.
    """
    named, tagged = named_volumes(settings, cloud), tagged_volumes(settings, cloud)
    by_host = {box.host_name: tagged[box.host_name] for box in settings.per_host()}
    # Where there are two, it is not clear yet which one counts; `infra.storage` asks the user.
    single = {host: volumes[0] for host, volumes in by_host.items() if len(volumes) == 1 and host not in named}
    refuse_moves(settings, {**single, **named}, usable)
    refuse_to_shrink(settings, single)
    plans = {}
    for host, volumes in by_host.items():
        if volume := named.get(host):
            plans[host] = VolumePlan(zone=volume.zone, size_gib=volume.size_gib, named=volume.id)
        elif volumes:
            plans[host] = VolumePlan(
                zone=volumes[0].zone,
                size_gib=settings.job_volume_gib,
                tagged=tuple(volumes),
                source=volumes[0].tags.get(FROM, ""),
            )
        else:
            plans[host] = _new(settings, cloud, host, zone)
    blank = [host for host, plan in plans.items() if plan.blank]
    if blank and settings.looks_for_volumes and settings.job_snapshot != NO_SNAPSHOT:
        former = {host: volumes for host, volumes in tagged.items() if host not in by_host}
        warnings = former_host_warnings(cloud, blank, former, by_host)
        plans[blank[0]] = dataclasses.replace(plans[blank[0]], warnings=warnings)
    return plans


def _new(settings: Settings, cloud: Cloud, host: str, zone: str) -> VolumePlan:
    """Return what a new volume is made from. Raises `BadInput` for a snapshot that is not complete, or too large."""
    wanted = settings.job_snapshot
    snapshot, warnings = None, []
    if wanted == NEWEST:
        snapshot, pending = newest_completed(cloud, host)
        if pending and settings.looks_for_volumes:
            warnings = [pending_warning(host, snapshot, pending[0])]
    elif wanted != NO_SNAPSHOT:
        snapshot = find_snapshot(cloud, wanted)
    if snapshot:
        refuse_unfit_snapshot(settings, host, snapshot)
    return VolumePlan(
        zone=zone,
        size_gib=settings.job_volume_gib,
        snapshot=snapshot.id if snapshot else None,
        source=snapshot.id if snapshot and settings.looks_for_volumes else "",
        warnings=warnings,
    )
