"""`fab volume-…`: the job volumes of the hosts: how they are, snapshots of them, and what those bring back."""

from __future__ import annotations

import dataclasses
import json as json_lines
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from provision.agent.verbs import Verb
from provision.agent.wire import answers
from provision.model.errors import BadInput, Unreachable
from provision.storage.restore import FRESH, Restore, checked_path, chosen, leftovers
from provision.storage.volumes import JobVolume
from provision.tasks.base import LIMIT_HELP, each, ending, hosts_for, task
from provision.transport.session import Session

if TYPE_CHECKING:
    from provision.screen.progress import View
    from provision.storage.volumes import Snapshot
    from provision.transport.inventory import Host

GIB = 2**30
COPIED = "stopped watching; EC2 goes on copying the snapshot, and nothing was pruned"
CUT_OFF = "stopped; what was copied in part is dropped; `fab volume-status` deletes the temporary volume if it is left"
ONCE_IT_ANSWERS = "`fab volume-status` deletes it once the box answers, if that restore was cut off"
WAS_IT_CUT_OFF = f"if it was cut off: this command deletes that volume, {FRESH // 60} minutes after its start"
SNAPSHOT_HELP = {
    "keep": "so many completed snapshots of the host stay, the newest; older ones go, never the only one of some jobs",
    **LIMIT_HELP,
}
RESTORE_HELP = {
    "snapshot": "which one (snap-…); the newest completed one of the host where not given",
    "path": "what to bring back, below the mount point (work/mnist); everything where not given",
    "in_place": "put it where it was; what is there now is moved aside, beside it",
    **LIMIT_HELP,
}


class There(NamedTuple):
    """What a box says of its job volume."""

    volume: answers.Volume
    restoring: list[str]
    """Temporary volumes of restores that go on."""


@task(help={"json": "print a line of JSON per host", **LIMIT_HELP}, post=[ending])
def volume_status(c: Any, *, json: bool = False, limit: str = "") -> None:
    """Show the job volume of every host, how full it is, and its snapshots."""
    hosts = hosts_for(c, limit)
    found: dict[str, str] = {}

    def look(host: Host, out: View) -> None:
        volume = JobVolume.of(host)
        snapshots = volume.snapshots()
        there: There | None = None
        try:
            with Session(host, c.config, tell=out.tell) as session:
                going = Restore(volume=volume, session=session, out=out).sweep()
                there = There(session.one({"verb": Verb.VOLUME}, answers.Volume), going)
        except Unreachable as error:
            out.tell(error.what)
            for left in leftovers(volume):
                out.tell(f"{left['VolumeId']} is there for a restore, and costs money: {ONCE_IT_ANSWERS}")
        found[host.name] = _line(volume, snapshots, there) if json else _screen(volume, snapshots, there)

    each(c, look, hosts=hosts)
    for host in hosts:
        if host.name in found:
            print(found[host.name])


def _line(volume: JobVolume, snapshots: list[Snapshot], there: There | None) -> str:
    about = {key: getattr(volume, key) for key in ("id", "size_gib", "state", "zone", "attached_to")}
    on_box = {**there.volume, "restoring": there.restoring} if there else {}
    on_box.pop("event", None)
    rows = [dataclasses.asdict(snapshot) for snapshot in snapshots]
    return json_lines.dumps({"host": volume.host.name, **about, **on_box, "snapshots": rows})


def _screen(volume: JobVolume, snapshots: list[Snapshot], there: There | None) -> str:
    rows = [
        ("host", str(volume.host)),
        ("volume", f"{volume.id}, {volume.size_gib} GiB, {volume.state}, {volume.zone}"),
        ("on the box", _space(there.volume) if there else "unknown: the box does not answer"),
        *(("restore", f"one goes on with {source}; {WAS_IT_CUT_OFF}") for source in (there.restoring if there else ())),
        *(("snapshot", _told(snapshot)) for snapshot in snapshots),
    ]
    if not snapshots:
        rows.append(("snapshots", "none; fab volume-snapshot takes one, and `pulumi destroy` one at the end"))
    return "\n".join(f"{key:<10} {value}" for key, value in rows)


def _space(there: answers.Volume) -> str:
    if not there["mounted"]:
        return "not mounted; why: fab ssh --command 'systemctl status gpurig-volume'"
    used = 1 - there["free"] / there["total"]
    free, total, device = there["free"] / GIB, there["total"] / GIB, there["device_bytes"] / GIB
    told = f"{there['device']}: {free:.1f} of {total:.1f} GiB free, {used:.0%} used, {there['files']} files"
    # ext4 keeps some 2 % for itself; more than that is a volume that grew and a file system that has not.
    if device - total > 0.1 * device:
        told += f"; its volume has {device:.0f} GiB: fab volume-grow --size {device:.0f}"
    return told


def _told(snapshot: Snapshot) -> str:
    state = "" if snapshot.state == "completed" else f", {snapshot.state}, {snapshot.percent} %"
    day = time.strftime("%Y-%m-%d %H:%M", time.localtime(snapshot.at))
    return f"{snapshot.id}  {day}  {snapshot.size_gib} GiB{state}  {snapshot.description}".rstrip()


@task(help=SNAPSHOT_HELP, stopped=COPIED, post=[ending])
def volume_snapshot(c: Any, *, keep: str = "7", limit: str = "") -> None:
    """Take a snapshot of the job volume of every host, then prune the older ones."""
    if not keep.isdecimal() or not int(keep):
        raise BadInput([f"--keep {keep}: write a number from 1 on; the last completed snapshot is never deleted"])

    def take(host: Host, out: View) -> None:
        volume = JobVolume.of(host)
        _sync(c, volume, out)
        taken = volume.snapshot(lambda now: out.now(f"{now.id}: {now.percent} % copied"))
        out.line(f"{taken.id} of {volume.id} on {host} is completed")
        gone, kept = volume.prune(int(keep))
        for old in gone:
            out.line(f"deleted {_told(old)}: {keep} newer ones are there")
        for old in kept:
            out.line(f"kept {_told(old)}: the last one of {old.volume}, whose jobs may be nowhere else")
        if kept:
            out.line("what is not needed of them: aws ec2 delete-snapshot --snapshot-id snap-…")

    each(c, take, limit=limit)


def _sync(c: Any, volume: JobVolume, out: View) -> None:
    """Have the box write what it still holds in memory; a box that is off holds nothing."""
    if not volume.attached_to:
        return
    try:
        with Session(volume.host, c.config, tell=out.tell) as session:
            Restore(volume=volume, session=session, out=out).sweep()
            session.one({"verb": Verb.SYNC}, answers.Synced)
    except Unreachable as error:
        out.tell(f"{error.what}: the snapshot has what is on its disk, not what a running box holds in memory")


@task(help=RESTORE_HELP, stopped=CUT_OFF, post=[ending])
def volume_restore(c: Any, *, snapshot: str = "", path: str = "", in_place: bool = False, limit: str = "") -> None:
    """Copy a path back from a snapshot, beside what is there (restored/SNAPSHOT/…) or in its place."""
    wanted = checked_path(path)
    if in_place and not wanted:
        raise BadInput(["--in-place replaces one path, not the whole volume: say which by --path"])

    def bring_back(host: Host, out: View) -> None:
        volume = JobVolume.of(host)
        source = chosen(volume, snapshot)
        with Session(host, c.config, tell=out.tell) as session:
            done = Restore(volume=volume, session=session, out=out).run(source, wanted, in_place=in_place)
        out.line(f"{wanted or 'everything'} of {source.id} is in {done['path']} on {host}")
        if done["aside"]:
            out.line(f"what was there is in {done['aside']}: delete it when it is not needed")

    each(c, bring_back, limit=limit)
