"""`fab fetch`: bring a run's results, or other files of the host, to this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from provision.model.checks import RUN
from provision.model.errors import BadInput
from provision.model.words import amount, counted
from provision.tasks.verb import verb
from provision.work.runs import Runs
from provision.work.transfer import fetch as transfer
from provision.work.trial import folder_name

if TYPE_CHECKING:
    from provision.screen.progress import View
    from provision.tasks.context import Context
    from provision.transport.session import Session

OPTIONS = {
    "what": "a run's name, or a pattern of files below the mount point ('work/digits/*.pth')",
    "into": "folder to put them in, instead of results/NAME (of a pattern: results)",
    "watch": "as they appear, until the run has ended",
}
STOPPED = "stopped; what has arrived stays here, and the same command goes on from there"


@verb(looks=True, options=OPTIONS, short_options=False, stopped=STOPPED)
def fetch(c: Context, what: str, *, into: str = "", watch: bool = False) -> None:
    """Bring a run's results and log (fab fetch NAME), or files by a pattern, to this machine.

    From several hosts, each one's come into a folder of its name: results/HOST/NAME.
    """
    named = RUN.holds(what)
    several = len(c.hosts) > 1

    def bring(session: Session, out: View) -> None:
        top = Path(into).expanduser() if into else Path("results")
        folder = top / folder_name(session.host) if several else top
        if named and not into:
            folder /= what
            _claim(folder, session, what)
        _fetch(session, what, folder, out, watch=watch)

    c.each_session(bring)


def _fetch(session: Session, what: str, folder: Path, out: View, *, watch: bool) -> None:
    """Bring one host's files."""
    files, size, same = 0, 0, 0
    for file in transfer(session, what, folder, watch=watch):
        if not file.new:
            same += 1
            continue
        files, size = files + 1, size + file.size - file.kept
        kept = f", {amount(file.kept)} of it were here" if file.kept else ""
        out.line(f"{file.path} ({amount(file.size)}{kept})")
    out.line(f"{counted(files, 'file')} fetched into {folder} ({amount(size)}), {same} were here already")


def _claim(folder: Path, session: Session, name: str) -> None:
    """Note whose results a folder holds. Raises `BadInput` where they are another run's.

    Names come back: on another host, and on the box that is made after this one.
    """
    run = next((run for run in Runs(session).all() if run.name == name), None)
    if run is None:
        return  # the host says so itself, and which there are
    note = folder.with_name(f".{name}.run")
    mine = f"{run.since:.3f}"
    theirs, _, host = note.read_text(encoding="utf-8").strip().partition(" ") if note.is_file() else (mine, "", "")
    if theirs != mine and folder.exists():
        problem = f"{folder} holds the results of another run {name}, which ran on {host}"
        raise BadInput([problem], hint="--into takes another folder; or move that one away")
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(f"{mine} {session.host.name}\n", encoding="utf-8")
    except OSError as error:
        raise BadInput([f"the results cannot be written: {error}"], hint="--into names another folder") from error
