"""`fab fetch`: bring a run's results, or other files of the host, to this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from provision.errors import BadInput
from provision.runs import NAME, Runs, amount, counted
from provision.session import Session
from provision.tasks.base import one_host, task, tell
from provision.tasks.run import HOST_HELP
from provision.transfer import fetch as bring

HELP = {
    "what": "a run's name, or a pattern of files below the mount point ('work/digits/*.pth')",
    "into": "folder to put them in, instead of results/NAME (of a pattern: results)",
    "watch": "as they appear, until the run has ended",
    **HOST_HELP,
}


STOPPED = "stopped; what has arrived stays here, and the same command goes on from there"


@task(help=HELP, auto_shortflags=False, stopped=STOPPED)
def fetch(c: Any, what: str, *, into: str = "", watch: bool = False, host: str = "") -> None:
    """Bring a run's results and log (fab fetch NAME), or files by a pattern, to this machine."""
    default = Path("results") / what if NAME.fullmatch(what) else Path("results")
    folder = Path(into).expanduser() if into else default
    there = one_host(c, host, option="--host")
    files, size, same = 0, 0, 0
    with Session(there, c.config, tell=tell) as session:
        if NAME.fullmatch(what) and not into:
            _claim(folder, session, what)
        for file in bring(session, what, folder, watch=watch):
            if not file.new:
                same += 1
                continue
            files, size = files + 1, size + file.size - file.kept
            kept = f", {amount(file.kept)} of it were here" if file.kept else ""
            print(f"{file.path} ({amount(file.size)}{kept})", flush=True)
    print(f"{counted(files, 'file')} fetched into {folder} ({amount(size)}), {same} were here already")


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
