"""`fab volume-status`: the job volumes of the hosts, how full they are, and their snapshots."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from provision.model.errors import Unreachable
from provision.storage.restore import FRESH, WATCH, Restore, leftovers
from provision.storage.volumes import JobVolume
from provision.tasks.verb import verb
from provision.transport.session import Session
from provision.work import runs

if TYPE_CHECKING:
    from provision.screen.progress import View
    from provision.storage.volumes import Snapshot
    from provision.tasks.context import Context
    from provision.transport.inventory import Host
    from provision.transport.wire import Event

GIB = 2**30
ONCE_IT_ANSWERS = "`fab volume-status` deletes it once the box answers, if that restore was cut off"
WAS_IT_CUT_OFF = f"if it was cut off: this command deletes that volume, {FRESH // 60} minutes after its start"


@verb(json="print a line of JSON per host")
def volume_status(c: Context) -> None:
    """Show the job volume of every host, how full it is, and its snapshots."""
    found: dict[str, str] = {}

    def ask(host: Host, out: View) -> None:
        volume = JobVolume.of(host)
        snapshots = volume.snapshots()
        there: Event = {}
        try:
            with Session(host, c.config, tell=out.tell) as session:
                going = Restore(volume=volume, session=session, out=out).sweep()
                there = {**runs.one(session, "status", WATCH), "restoring": going}
        except Unreachable as error:
            out.tell(error.what)
            for left in leftovers(volume):
                out.tell(f"{left['VolumeId']} is there for a restore, and costs money: {ONCE_IT_ANSWERS}")
        found[host.name] = _line(volume, snapshots, there) if c.json else _screen(volume, snapshots, there)

    c.each(ask)
    for host in c.hosts:
        if host.name in found:
            print(found[host.name])


def _line(volume: JobVolume, snapshots: list[Snapshot], there: Event) -> str:
    about = {key: getattr(volume, key) for key in ("id", "size_gib", "state", "zone", "attached_to")}
    on_box = {key: value for key, value in there.items() if key != "event"}
    rows = [dataclasses.asdict(snapshot) for snapshot in snapshots]
    return json.dumps({"host": volume.host.name, **about, **on_box, "snapshots": rows})


def _screen(volume: JobVolume, snapshots: list[Snapshot], there: Event) -> str:
    rows = [
        ("host", str(volume.host)),
        ("volume", f"{volume.id}, {volume.size_gib} GiB, {volume.state}, {volume.zone}"),
        ("on the box", _space(there) if there else "unknown: the box does not answer"),
        *(("restore", f"one goes on with {source}; {WAS_IT_CUT_OFF}") for source in there.get("restoring", ())),
        *(("snapshot", str(snapshot)) for snapshot in snapshots),
    ]
    if not snapshots:
        rows.append(("snapshots", "none; fab volume-snapshot takes one, and `pulumi destroy` one at the end"))
    return "\n".join(f"{key:<10} {value}" for key, value in rows)


def _space(there: Event) -> str:
    if not there["mounted"]:
        return "not mounted; why: fab ssh --command 'systemctl status gpurig-volume'"
    used = 1 - there["free"] / there["total"]
    free, total, device = (there[key] / GIB for key in ("free", "total", "device_bytes"))
    text = f"{there['device']}: {free:.1f} of {total:.1f} GiB free, {used:.0%} used, {there['files']} files"
    # ext4 keeps some 2 % for itself; more than that is a volume that grew and a file system that has not.
    if device - total > 0.1 * device:
        text += f"; its volume has {device:.0f} GiB: fab volume-grow --size {device:.0f}"
    return text
