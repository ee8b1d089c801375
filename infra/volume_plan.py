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
    foreign_warnings,
    former_host_warnings,
    newest_completed,
    pending_warning,
    refuse_unfit_snapshot,
)
from infra.volumes import named_volumes, refuse_moves, refuse_to_shrink, spare_volumes, tagged_volumes
from provision.model.errors import BadInput
from provision.model.tags import AS_A_TAG, FROM, HOST, NOTED

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from infra.cloud import Cloud, Snapshot, Volume
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
    spare: Volume | None = None
    """A volume with this box's tags that was never attached, and gives way to a new one where that has another zone."""
    notes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Tags of the volume that say where it comes from: the snapshot, and that its first attachment will be noted."""
    warnings: Sequence[str] = ()
    """Jobs that a new volume would begin without, and how to have them."""

    @property
    def new_content(self) -> str:
        """What a volume that does not exist yet will hold; "" for one that does."""
        if self.named or self.tagged:
            return ""
        if self.spare:
            made = f"made anew, as {self.spare} was never attached and gives way"
            return made if self.spare.zone != self.zone else ""
        return f"made from the snapshot {self.snapshot}" if self.snapshot else "new and blank"

    def warned(self, warnings: Sequence[str]) -> VolumePlan:
        """Return it with more warnings."""
        return dataclasses.replace(self, warnings=[*self.warnings, *warnings])

    @property
    def blank(self) -> bool:
        """Whether it begins with nothing."""
        return not (self.named or self.tagged or self.spare or self.snapshot)


def plan_job_volumes(settings: Settings, cloud: Cloud, zone: str, usable: Collection[str]) -> dict[str, VolumePlan]:
    """Return what each box starts from, by its name; `zone` is for new volumes, `usable` ones offer the instance type.

    Raises `BadInput` for a volume that must not be used, would have to move or to shrink, and for a snapshot that
    cannot be used.
    """
    named, (tagged, foreign) = named_volumes(settings, cloud), tagged_volumes(settings, cloud)
    spare = spare_volumes(cloud, tagged)
    tagged = {host: [volume for volume in volumes if volume not in spare[host]] for host, volumes in tagged.items()}
    by_host = {box.host_name: tagged[box.host_name] for box in settings.per_host()}
    # Where there are two, it is not clear yet which one counts; `infra.storage` asks the user.
    single = {host: volumes[0] for host, volumes in by_host.items() if len(volumes) == 1 and host not in named}
    refuse_moves(settings, {**single, **named}, usable)
    refuse_to_shrink(settings, {**{host: volumes[0] for host, volumes in spare.items() if volumes}, **single})
    plans = {}
    for host, volumes in by_host.items():
        if volume := named.get(host):
            plans[host] = VolumePlan(zone=volume.zone, size_gib=volume.size_gib, named=volume.id)
        elif volumes:
            plans[host] = VolumePlan(
                zone=volumes[0].zone,
                size_gib=settings.job_volume_gib,
                tagged=tuple(volumes),
                notes=_notes(volumes[0].tags),
            )
        elif spare[host]:
            _refuse_another_snapshot(settings, host, spare[host])
            plans[host] = _anew(settings, spare[host], zone, usable)
        else:
            plans[host] = _new(settings, cloud, host, zone)
    blank = [host for host, plan in plans.items() if plan.blank]
    if blank and settings.looks_for_volumes and settings.job_snapshot != NO_SNAPSHOT:
        former = {host: volumes for host, volumes in tagged.items() if volumes and host not in by_host}
        plans[blank[0]] = plans[blank[0]].warned(former_host_warnings(cloud, blank, former, by_host))
        for host in blank:
            theirs = [volume for volume in foreign if volume.tags.get(HOST) == host]
            plans[host] = plans[host].warned(foreign_warnings(cloud, host, theirs))
    return plans


def _notes(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that say where a volume comes from, as it has them: none is added to one that is there."""
    return {key: tags[key] for key in (FROM, NOTED) if key in tags}


def _refuse_another_snapshot(settings: Settings, host: str, spare: Sequence[Volume]) -> None:
    """Raise `BadInput` where a snapshot is named, and the volume that would be attached is not made from it."""
    wanted = settings.job_snapshot
    others = [volume for volume in spare if volume.source != wanted]
    if wanted in (NEWEST, NO_SNAPSHOT) or not others:
        return
    made = f"was made from {others[0].source}" if others[0].source else "is blank"
    problem = f'gpurig:jobSnapshot: "{wanted}", and the job volume of "{host}", {others[0]}, {made}'
    hint = "it was never attached: pulumi destroy takes it away, then pulumi up makes it from the snapshot"
    raise BadInput([problem], hint=f"{hint}\nto go on with it: pulumi config rm gpurig:jobSnapshot")


def _anew(settings: Settings, spare: Sequence[Volume], zone: str, usable: Collection[str]) -> VolumePlan:
    """Return the plan of a box whose volumes were never attached: one stays where it can, else it is made anew."""
    here = next((volume for volume in spare if volume.zone == settings.zone), spare[0])
    stays = here.zone in usable and not settings.zone
    plan = VolumePlan(
        zone=here.zone if stays else zone,
        size_gib=settings.job_volume_gib,
        snapshot=here.source or None,
        spare=here,
        notes=_notes(here.tags),
    )
    if settings.job_volume_on_destroy != "retain" or plan.zone == here.zone:
        return plan
    left = f"{here} holds nothing, and is left for you to delete (gpurig:jobVolumeOnDestroy is retain): "
    return dataclasses.replace(plan, warnings=[f"{left}aws ec2 delete-volume --volume-id {here.id}"])


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
        # Where nobody looks, it is not known later either: the tags would change with the newest snapshot.
        notes=_notes_of_new(snapshot) if settings.looks_for_volumes else {},
        warnings=warnings,
    )


def _notes_of_new(snapshot: Snapshot | None) -> dict[str, str]:
    return {NOTED: AS_A_TAG, **({FROM: snapshot.id} if snapshot else {})}
