"""`fab fetch`: bring a run's results, or other files of the host, to this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from provision.runs import NAME, amount
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


@task(help=HELP, auto_shortflags=False)
def fetch(c: Any, what: str, *, into: str = "", watch: bool = False, host: str = "") -> None:
    """Bring a run's results and log (fab fetch NAME), or files by a pattern, to this machine."""
    default = Path("results") / what if NAME.fullmatch(what) else Path("results")
    folder = Path(into).expanduser() if into else default
    there = one_host(c, host, option="--host")
    files, size, same = 0, 0, 0
    with Session(there, c.config, tell=tell) as session:
        for file in bring(session, what, folder, watch=watch):
            if not file.new:
                same += 1
                continue
            files, size = files + 1, size + file.size - file.kept
            kept = f", {amount(file.kept)} of it were here" if file.kept else ""
            print(f"{file.path} ({amount(file.size)}{kept})", flush=True)
    print(f"{files} files fetched into {folder} ({amount(size)}), {same} were here already")
