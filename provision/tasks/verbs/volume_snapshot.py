"""`fab volume-snapshot`: snapshots of the job volumes, and no more of them than are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provision.agent.verbs import Verb
from provision.agent.wire import answers
from provision.model.checks import whole_of
from provision.model.errors import BadInput, Unreachable
from provision.model.schema import plain
from provision.storage.restore import Restore
from provision.storage.volumes import JobVolume
from provision.tasks.verb import verb
from provision.transport.session import Session

if TYPE_CHECKING:
    from provision.model.host import Host
    from provision.screen.progress import View
    from provision.tasks.context import Context

STOPPED = "stopped watching; EC2 goes on copying the snapshot, and nothing was pruned"
OPTIONS = {
    "keep": "so many completed snapshots of the host stay, the newest; older ones go, never the only one of some jobs"
}


@verb(options=OPTIONS, stopped=STOPPED)
def volume_snapshot(c: Context, *, keep: str = "7") -> None:
    """Take a snapshot of the job volume of every host, then prune the older ones."""
    if not (most := whole_of(keep)):
        raise BadInput(
            [f"--keep {plain(keep)}: write a number from 1 on; the last completed snapshot is never deleted"]
        )

    def take(host: Host, out: View) -> None:
        volume = JobVolume.of(host)
        _sync(c, volume, out)
        taken = volume.snapshot(lambda now: out.now(f"{now.id}: {now.percent} % copied"))
        out.line(f"{taken.id} of {volume.id} on {host} is completed")
        deleted, kept = volume.prune(most, taken)
        for old in deleted:
            out.line(f"deleted {old}: {keep} newer ones are there")
        for old in kept:
            out.line(f"kept {old}: the last one of {old.volume}, whose jobs may be nowhere else")
        if kept:
            out.line("what is not needed of them: aws ec2 delete-snapshot --snapshot-id snap-…")

    c.each(take)


def _sync(c: Context, volume: JobVolume, out: View) -> None:
    """Have the box write what it still holds in memory; a box that is off holds nothing."""
    if not volume.attached_to:
        return
    try:
        with Session(volume.host, c.config, tell=out.tell) as session:
            Restore(volume=volume, session=session, out=out).sweep()
            session.answer({"verb": Verb.SYNC}, answers.Done)
    except Unreachable as error:
        out.tell(f"{error.what}: the snapshot has what is on its disk, not what a running box holds in memory")
