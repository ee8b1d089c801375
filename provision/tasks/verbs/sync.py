"""`fab sync`: send a working folder to every host."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from provision.model.checks import FOLDER
from provision.model.errors import BadInput
from provision.model.schema import plain
from provision.tasks.verb import verb
from provision.work.sync import sync as send

if TYPE_CHECKING:
    from provision.screen.progress import View
    from provision.tasks.context import Context
    from provision.transport.session import Session

OPTIONS = {
    "folder": "what to send; the working folder where not given",
    "name": "the folder's name on the host; its own where not given",
    "delete": "delete what the host's copy has beside it, but for what .gitignore names",
}
STOPPED = "stopped; what has arrived stays there, and the same command sends the rest"


@verb(options=OPTIONS, argument="folder", short_options=False, stopped=STOPPED)
def sync(c: Context, *, folder: str = "", name: str = "", delete: bool = False) -> None:
    """Send a folder (fab sync [FOLDER]) to every host, where `fab run` then works in it; .gitignore is respected."""
    here = Path(folder or ".").expanduser()
    name = name or here.resolve().name
    if not FOLDER.holds(name):
        problem = f'{here}: "{plain(name)}" cannot be a synced folder\'s name: {FOLDER.allowed}'
        raise BadInput([problem], hint="give it one by --name")

    def send_to(session: Session, out: View) -> None:
        remote = f"{session.mount_point / 'work' / name}"
        out.line(f"{session.host}:{remote}: {send(session, here, remote, out, delete=delete)}")

    c.each_session(send_to)
