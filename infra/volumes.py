"""The job volumes that AWS has for the boxes of a stack, and whether the boxes can have them as the settings want."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.identity import name_tags, tagged
from infra.settings import NEWEST
from provision.model.errors import BadInput
from provision.model.tags import HOST, JOBS, MADE_BY, STACK_ID, VOLUME

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from infra.cloud import Cloud, Volume
    from infra.settings import Settings


def job_volume_tags(cloud: Cloud, host_name: str) -> dict[str, str]:
    """Return the tags by which a box's job volume and its snapshots are told from those of other boxes and stacks."""
    return {**stack_volume_tags(cloud), HOST: host_name}


def stack_volume_tags(cloud: Cloud) -> dict[str, str]:
    """Return the tags that the job volumes and snapshots of all boxes of the stack share, also of those long gone."""
    return {**name_tags(), STACK_ID: cloud.identity.id, VOLUME: JOBS}


def named_volumes(settings: Settings, cloud: Cloud) -> dict[str, Volume]:
    """Return the volumes that `jobVolume` names, by the host that each is for.

    Raises `BadInput` for one that is not there, is another's by its tags, or is attached to something else.
    """
    found: dict[str, Volume] = {}
    problems = []
    for volume_id in settings.job_volume if settings.looks_for_volumes else ():
        volumes = cloud.volumes({"volume-id": [volume_id]})
        wrong = _refusal(settings, cloud, volumes[0]) if volumes else f"is not in {cloud.region}"
        host = "" if wrong else _host_for(settings, volumes[0])
        if host in found:
            wrong = f'is for "{host}", as {found[host].id} is: name one of them'
        if wrong:
            problems.append(f"gpurig:jobVolume: {volume_id} {wrong}")
        else:
            found[host] = volumes[0]
    if problems:
        raise BadInput(problems)
    return found


def _host_for(settings: Settings, volume: Volume) -> str:
    """Return which host a volume is for by its tag; without one, the only host."""
    return volume.tags.get(HOST, settings.host_name)


def _refusal(settings: Settings, cloud: Cloud, volume: Volume) -> str:
    """Return why a named volume must not be used; empty text where it may."""
    names = [box.host_name for box in settings.per_host()]
    host = _host_for(settings, volume)
    if HOST not in volume.tags and settings.hosts > 1:
        return f"has no tag {HOST}, which says whose it is: one of {', '.join(names)}"
    for key, expected in job_volume_tags(cloud, host).items():
        if volume.tags.get(key, expected) != expected:
            theirs = f'belongs to another: its tag {key} is "{volume.tags[key]}", and here it would be "{expected}"'
            return foreign(volume.tags) if key == STACK_ID else theirs
    if host not in names:
        return f'belongs to another: its tag {HOST} is "{host}", and this stack has {", ".join(names)}'
    if cloud.volumes({"volume-id": [volume.id], "status": ["available"]}):
        return ""
    holders = cloud.instances({**name_tags(), HOST: host})
    if holders and cloud.volumes({"volume-id": [volume.id], "attachment.instance-id": holders}):
        return ""
    return f'is not available, and not attached to "{host}" either: detach it where it is in use'


def foreign(carried: Mapping[str, str]) -> str:
    """Return whose a volume or snapshot of another stack of this name is, and how to have it."""
    if not carried.get(STACK_ID):
        return "has no tag of any stack's id (an earlier version made it): fab volume-adopt none takes it over"
    whose = f"is of another stack of this name, {carried[STACK_ID]} of {carried.get(MADE_BY, 'nobody knows whom')}"
    return f"{whose}: fab volume-adopt {carried[STACK_ID]} takes it over"


def tagged_volumes(settings: Settings, cloud: Cloud) -> tuple[dict[str, list[Volume]], list[Volume]]:
    """Return, by host, the volumes that carry its tags, and those of other stacks of this name.

    None where the user wants a new one whatever there is.

    Those of hosts that the stack does not have any more come after its own. One without a stack's id, which earlier
    versions made, may be this stack's own: its state tells (`infra.storage`).
    """
    found: dict[str, list[Volume]] = {box.host_name: [] for box in settings.per_host()}
    others = []
    if settings.looks_for_volumes:
        own = cloud.identity.id
        for volume in cloud.volumes(tagged({**name_tags(), VOLUME: JOBS})):
            if volume.tags.get(STACK_ID, own) == own:
                found.setdefault(volume.tags.get(HOST, ""), []).append(volume)
            else:
                others.append(volume)
    return found, others


def spare_volumes(cloud: Cloud, tagged: Mapping[str, Sequence[Volume]]) -> dict[str, list[Volume]]:
    """Return, by host, the volumes that can be made anew: never attached, and what they came from is there."""
    never = cloud.never_attached([volume for volumes in tagged.values() for volume in volumes])
    sources = {volume.source for volume in never if volume.source}
    there = {"", *cloud.those_left(sources)}
    return {
        host: [volume for volume in volumes if volume in never and volume.source in there]
        for host, volumes in tagged.items()
    }


def refuse_moves(settings: Settings, volumes: Mapping[str, Volume], usable: Collection[str]) -> None:
    """Raise `BadInput` where a volume is not in the zone that its box would be in; `usable` zones offer its type."""
    problems, hints = [], []
    for host, volume in volumes.items():
        stays = f'the job volume of "{host}", {volume}, cannot leave its zone'
        if settings.zone and volume.zone != settings.zone:
            problems.append(f'gpurig:zone: "{settings.zone}", and {stays}')
            hints.append(f"to stay there: pulumi config set gpurig:zone {volume.zone}")
        elif volume.zone not in usable and settings.subnet_id:
            problems.append(f"gpurig:subnetId: none that will do is in {volume.zone}, and {stays}")
            hints.append(
                f"to stay there: add a subnet in {volume.zone}, where {settings.machine.name} has to be offered"
            )
        elif volume.zone not in usable:
            name = settings.machine.name
            problems.append(f'gpurig:instanceType: "{name}" is not offered in {volume.zone}, and {stays}')
            hints.append(f"to stay there: another gpurig:instanceType, one that {volume.zone} offers")
    if problems:
        raise BadInput(problems, hint="\n".join([*dict.fromkeys(hints), *_ways_to_move(settings)]))


def _ways_to_move(settings: Settings) -> Iterator[str]:
    """Yield how the jobs get to another zone, which only a snapshot does."""
    if settings.job_volume:
        yield (
            "to move: fab volume-snapshot, pulumi destroy, pulumi config set gpurig:jobVolume new, pulumi up; the new "
            "volume has what the snapshot has, and the one that you named stays as it is"
        )
    elif settings.job_volume_on_destroy == "snapshot":
        yield "to move: pulumi destroy, then pulumi up; the job volume follows by its snapshot"
    else:
        yield (
            "to move: take back what you changed; pulumi config set gpurig:jobVolumeOnDestroy snapshot, pulumi up; "
            "change it again; pulumi destroy, then pulumi up; the job volume follows by its snapshot"
        )
    if settings.job_snapshot != NEWEST:
        yield f"before the last pulumi up: pulumi config set gpurig:jobSnapshot {NEWEST}"


def refuse_to_shrink(settings: Settings, volumes: Mapping[str, Volume]) -> None:
    """Raise `BadInput` where a volume of the stack is larger than it should be."""
    problems = [
        f'gpurig:jobVolumeGib: {settings.job_volume_gib} is less than the job volume of "{host}" has, {volume}; '
        f"a volume cannot shrink: pulumi config set gpurig:jobVolumeGib {volume.size_gib}"
        for host, volume in volumes.items()
        if volume.size_gib > settings.job_volume_gib
    ]
    if problems:
        raise BadInput(problems)
