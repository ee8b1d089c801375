"""The snapshots that a new job volume can be made from, and the jobs that it would begin without."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.identity import name_tags
from infra.volumes import foreign, job_volume_tags, stack_volume_tags
from provision.model.errors import BadInput
from provision.model.tags import HOST, JOBS, STACK_ID, VOLUME

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from infra.cloud import Cloud, Snapshot, Volume
    from infra.settings import Settings


def find_snapshot(cloud: Cloud, snapshot: str) -> Snapshot:
    """Return a snapshot. Raises `BadInput` where there is none."""
    return cloud.snapshot(snapshot, f'gpurig:jobSnapshot: "{snapshot}" is not to be had in {cloud.region}')


def newest_completed(cloud: Cloud, host: str) -> tuple[Snapshot | None, list[str]]:
    """Return the newest completed snapshot of a box, and the ids of those that are newer and still pending."""
    pending: list[str] = []
    for name in cloud.snapshots(job_volume_tags(cloud, host)):
        snapshot = find_snapshot(cloud, name)
        if snapshot.state == "completed":
            return snapshot, pending
        pending.append(name)
    return None, pending


def pending_warning(host: str, snapshot: Snapshot | None, pending: str) -> str:
    """Return that a newer snapshot is left out. Raises `BadInput` where there is no other: that would be blank."""
    progress = f"aws ec2 describe-snapshots --snapshot-ids {pending} (Progress) tells how far it is"
    if snapshot is None:
        problem = f'the only snapshot of "{host}", {pending}, is still pending, and its job volume would be blank'
        hint = f"wait for it: {progress}\nto begin blank all the same: pulumi config set gpurig:jobSnapshot none"
        raise BadInput([f"gpurig:jobSnapshot: {problem}"], hint=hint)
    skipped = f"{snapshot.id} is not its newest snapshot: {pending} is newer, and left out as it is still pending"
    return f"{skipped}\nto begin with that one, wait with `pulumi up` until it is completed: {progress}"


def former_host_warnings(
    cloud: Cloud, blank: Sequence[str], volumes: Mapping[str, Sequence[Volume]], current: Collection[str]
) -> list[str]:
    """Return warnings of jobs of hosts that the stack had before `current`; `volumes`: theirs, by host."""
    snapshots = _newest_of_former_hosts(cloud, current)
    hosts = sorted(name for name in {*volumes, *snapshots} if name)
    if not hosts:
        return []
    lines = [f"the job volume of {', '.join(blank)} begins blank, and jobs of hosts that this stack has no more are in"]
    for host in hosts:
        places = [*map(str, volumes.get(host, ())), *([f"snapshot {snapshots[host]}"] if host in snapshots else [])]
        lines.append(f"  {host}: {', '.join(places)}")
    lines += [
        "to go on with them: set gpurig:hostName (and gpurig:hosts) so that the stack has these hosts again",
        "to begin with them: pulumi config set gpurig:jobSnapshot snap-…, and after `pulumi up` back: newest",
    ]
    if volumes:
        lines.append("where it is a volume: fab volume-snapshot, before this `pulumi up`, takes the snapshot for that")
    return ["\n".join(lines)]


def _newest_of_former_hosts(cloud: Cloud, current: Collection[str]) -> dict[str, str]:
    """Return the newest snapshot of each host that the stack had and does not have, by its name."""
    found = {}
    left = cloud.snapshots(stack_volume_tags(cloud))
    while left:
        host = find_snapshot(cloud, left[0]).tags.get(HOST, "")
        if host not in current:
            found[host] = left[0]
        others = cloud.snapshots(job_volume_tags(cloud, host))
        left = [name for name in left[1:] if name not in others]
    return found


def foreign_warnings(cloud: Cloud, host: str, volumes: Sequence[Volume]) -> list[str]:
    """Return whose jobs of a box of this name there are, that it does not begin with: the newest snapshot of each.

    `volumes`: of the stacks of this name that are not this one.
    """
    named = {**name_tags(), VOLUME: JOBS, HOST: host}
    own = cloud.snapshots(job_volume_tags(cloud, host))
    left = [name for name in cloud.snapshots(named) if name not in own]
    lines: dict[str, str] = {}
    while left:
        found = find_snapshot(cloud, left[0])
        whose = found.tags.get(STACK_ID, "")
        lines[whose] = f"snapshot {found.id} of {found.at[:16].replace('T', ' ')} UTC {foreign(found.tags)}"
        same = set(cloud.snapshots({**named, STACK_ID: whose})) if whose else set()
        left = [
            name for name in left[1:] if name not in same and (whose or find_snapshot(cloud, name).tags.get(STACK_ID))
        ]
    for volume in volumes:
        lines.setdefault(volume.tags.get(STACK_ID, ""), f"{volume} {foreign(volume.tags)}")
    if not lines:
        return []
    head = "its job volume begins blank. Jobs of boxes of this name are there, and are not this stack's:"
    return ["\n  ".join([head, *lines.values()])]


def refuse_unfit_snapshot(settings: Settings, host: str, snapshot: Snapshot) -> None:
    """Raise `BadInput` for a snapshot that no volume, or none of this size, can be made from."""
    if snapshot.state != "completed":
        wrong = f'"{snapshot.id}" is not completed, but {snapshot.state}'
        raise BadInput([f"gpurig:jobSnapshot: {wrong}: wait for it, or take another (`fab volume-status` lists them)"])
    if snapshot.size_gib > settings.job_volume_gib:
        wrong = f"{settings.job_volume_gib} is less than the {snapshot.size_gib} GiB of {snapshot.id}"
        way_out = f"pulumi config set gpurig:jobVolumeGib {snapshot.size_gib}"
        raise BadInput([f'gpurig:jobVolumeGib: {wrong}, which "{host}" starts from: {way_out}'])
