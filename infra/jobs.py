"""What the jobs of each box start from, decided before anything is made: a volume, a snapshot, or nothing.

A volume is told from those of other boxes by its tags. Which of them this stack manages is in its state alone, where no
program can look: `infra.storage` compares as soon as the engine says which volume it is.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from infra.settings import NEWEST, NO_SNAPSHOT
from infra.snapshots import look_up, newest_completed, of_former_hosts, of_pending, refuse_unfit
from infra.volumes import named_volumes, refuse_moves, refuse_to_shrink, source_of, tagged_volumes

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
    source: str = ""
    """The snapshot that the volume is made from, or was; "" where that is not known."""
    warnings: Sequence[str] = ()
    """Jobs that a new volume would begin without, and how to have them."""

    @property
    def beginning(self) -> str:
        """Say what a volume that is not there yet begins as; "" for one that is."""
        if self.named or self.present:
            return ""
        return f"made from the snapshot {self.snapshot}" if self.snapshot else "new and blank"

    @property
    def blank(self) -> bool:
        """Whether it begins with nothing."""
        return not (self.named or self.present or self.snapshot)


def find_jobs(settings: Settings, cloud: Cloud, zone: str, usable: Collection[str]) -> dict[str, Jobs]:
    """Return what each box starts from, by its name; `zone` is for new volumes, `usable` ones offer the instance type.

    Raises `BadInput` for a volume that must not be used, would have to move or to shrink, and for a snapshot that
    cannot be used.
    """
    named, present = named_volumes(settings, cloud), tagged_volumes(settings, cloud)
    own = {box.host_name: present[box.host_name] for box in settings.each()}
    # Where there are two, it is not clear yet which one counts; `infra.storage` asks the user.
    only = {host: volumes[0] for host, volumes in own.items() if len(volumes) == 1 and host not in named}
    refuse_moves(settings, {**only, **named}, usable)
    refuse_to_shrink(settings, only)
    found = {}
    for host, volumes in own.items():
        if volume := named.get(host):
            found[host] = Jobs(zone=volume.zone, size_gib=volume.size_gib, named=volume.id)
        elif volumes:
            found[host] = Jobs(
                zone=volumes[0].zone,
                size_gib=settings.job_volume_gib,
                present=tuple(volumes),
                source=source_of(volumes[0].tags),
            )
        else:
            found[host] = _new(settings, cloud, host, zone)
    blank = [host for host, jobs in found.items() if jobs.blank]
    if blank and settings.looks_for_volumes and settings.job_snapshot != NO_SNAPSHOT:
        warnings = of_former_hosts(cloud, blank, {host: present[host] for host in present if host not in own}, own)
        found[blank[0]] = dataclasses.replace(found[blank[0]], warnings=warnings)
    return found


def _new(settings: Settings, cloud: Cloud, host: str, zone: str) -> Jobs:
    """Return what a new volume is made from. Raises `BadInput` for a snapshot that is not complete, or too large."""
    wanted = settings.job_snapshot
    snapshot, warnings = None, []
    if wanted == NEWEST:
        snapshot, pending = newest_completed(cloud, host)
        if pending and settings.looks_for_volumes:
            warnings = [of_pending(host, snapshot, pending[0])]
    elif wanted != NO_SNAPSHOT:
        snapshot = look_up(cloud, wanted)
    if snapshot:
        refuse_unfit(settings, host, snapshot)
    return Jobs(
        zone=zone,
        size_gib=settings.job_volume_gib,
        snapshot=snapshot.id if snapshot else None,
        source=snapshot.id if snapshot and settings.looks_for_volumes else "",
        warnings=warnings,
    )
