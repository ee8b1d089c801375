"""`fab volume-restore`: files back from a snapshot of the job volume."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provision.model.errors import BadInput
from provision.storage.restore import Restore, checked_path, chosen
from provision.storage.volumes import JobVolume
from provision.tasks.verb import verb

if TYPE_CHECKING:
    from provision.screen.progress import View
    from provision.tasks.context import Context
    from provision.transport.session import Session

STOPPED = "stopped; what was copied in part is dropped; `fab volume-status` deletes the temporary volume if it is left"
OPTIONS = {
    "snapshot": "which one (snap-…); the newest completed one of the host where not given",
    "path": "what to bring back, below the mount point (work/mnist); everything where not given",
    "in_place": "put it where it was; what is there now is moved aside, beside it",
}


@verb(options=OPTIONS, stopped=STOPPED)
def volume_restore(c: Context, *, snapshot: str = "", path: str = "", in_place: bool = False) -> None:
    """Copy a path back from a snapshot, beside what is there (restored/SNAPSHOT/…) or in its place."""
    wanted = checked_path(path)
    if in_place and not wanted:
        raise BadInput(["--in-place replaces one path, not the whole volume: say which by --path"])

    def restore(session: Session, out: View) -> None:
        volume = JobVolume.of(session.host)
        source = chosen(volume, snapshot)
        done = Restore(volume=volume, session=session, out=out).run(source, wanted, in_place=in_place)
        out.line(f"{wanted or 'everything'} of {source.id} is in {done['path']} on {session.host}")
        if done["aside"]:
            out.line(f"what was there is in {done['aside']}: delete it when it is not needed")

    c.each_session(restore)
