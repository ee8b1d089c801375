"""`fab volume-status`: the job volumes of the hosts, how full they are, and their snapshots."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, NamedTuple

from provision.agent.verbs import Verb
from provision.agent.wire import answers
from provision.model.errors import Unreachable
from provision.storage.restore import FRESH, Restore, leftovers
from provision.storage.volumes import JobVolume
from provision.tasks.verb import verb

if TYPE_CHECKING:
    from provision.screen.progress import View
    from provision.storage.volumes import Snapshot
    from provision.tasks.context import Context
    from provision.transport.session import Session

GIB = 2**30
ONCE_IT_ANSWERS = "`fab volume-status` deletes it once the box answers, if that restore was cut off"
WAS_IT_CUT_OFF = f"if it was cut off: this command deletes that volume, {FRESH // 60} minutes after its start"


class VolumeOnBox(NamedTuple):
    """What a box says of its job volume."""

    volume: answers.Volume
    restoring: list[str]
    """Temporary volumes of restores that go on."""


@verb(looks=True, json="print a line of JSON per host")
def volume_status(c: Context) -> None:
    """Show the job volume of every host, how full it is, and its snapshots."""
    found: dict[str, str] = {}

    def ask(session: Session, out: View) -> None:
        volume = JobVolume.of(session.host)
        snapshots = volume.snapshots()
        there: VolumeOnBox | None = None
        try:
            going = Restore(volume=volume, session=session, out=out).sweep()
            there = VolumeOnBox(session.answer({"verb": Verb.VOLUME}, answers.Volume), going)
        except Unreachable as error:
            out.tell(error.what)
            for left in leftovers(volume):
                out.tell(f"{left['VolumeId']} is there for a restore, and costs money: {ONCE_IT_ANSWERS}")
        found[session.host.name] = _line(volume, snapshots, there) if c.json else _screen(volume, snapshots, there)

    c.each_session(ask)
    for host in c.hosts:
        if host.name in found:
            print(found[host.name])


def _line(volume: JobVolume, snapshots: list[Snapshot], there: VolumeOnBox | None) -> str:
    about = {key: getattr(volume, key) for key in ("id", "size_gib", "state", "zone", "attached_to")}
    on_box = {**there.volume, "restoring": there.restoring} if there else {}
    on_box.pop("event", None)
    rows = [dataclasses.asdict(snapshot) for snapshot in snapshots]
    return json.dumps({"host": volume.host.name, **about, **on_box, "snapshots": rows})


def _screen(volume: JobVolume, snapshots: list[Snapshot], there: VolumeOnBox | None) -> str:
    rows = [
        ("host", str(volume.host)),
        ("volume", f"{volume.id}, {volume.size_gib} GiB, {volume.state}, {volume.zone}"),
        ("on the box", _space(there.volume) if there else "unknown: the box does not answer"),
        *(("restore", f"one goes on with {source}; {WAS_IT_CUT_OFF}") for source in (there.restoring if there else ())),
        *(("snapshot", str(snapshot)) for snapshot in snapshots),
    ]
    if not snapshots:
        rows.append(("snapshots", "none; fab volume-snapshot takes one, and `pulumi destroy` one at the end"))
    return "\n".join(f"{key:<10} {value}" for key, value in rows)


def _space(there: answers.Volume) -> str:
    if not there["mounted"]:
        return "not mounted; why: fab ssh --command 'systemctl status gpurig-volume'"
    used = 1 - there["free"] / there["total"]
    free, total, device = there["free"] / GIB, there["total"] / GIB, there["device_bytes"] / GIB
    text = f"{there['device']}: {free:.1f} of {total:.1f} GiB free, {used:.0%} used, {there['files']} files"
    # ext4 keeps some 2 % for itself; more than that is a volume that grew and a file system that has not.
    if device - total > 0.1 * device:
        text += f"; its volume has {device:.0f} GiB: fab volume-grow --size {device:.0f}"
    return text
