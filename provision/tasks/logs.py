"""`fab logs`: what a run has said."""

from __future__ import annotations

from typing import Any

from provision.errors import BadInput
from provision.runs import Runs
from provision.session import Session
from provision.tasks.base import one_host, task, tell
from provision.tasks.run import HOST_HELP
from provision.tasks.run import follow as follow_run

HELP = {
    "name": "which run; the newest where not given",
    "follow": "go on until it ends; the exit code is then the run's",
    "lines": "begin with the last so many; 0: with the first",
    **HOST_HELP,
}


@task(help=HELP, auto_shortflags=False)
def logs(c: Any, name: str = "", *, follow: bool = False, lines: str = "100", host: str = "") -> None:
    """Show the log of a run (fab logs [NAME])."""
    if not lines.isdecimal():
        raise BadInput([f"--lines {lines}: write a number of lines, or 0 for all"])
    there = one_host(c, host, option="--host")
    with Session(there, c.config, tell=tell) as session:
        runs = Runs(session)
        name = name or runs.newest().name
        if follow:
            follow_run(runs, name, lines=int(lines))
            return
        for event in runs.follow(name, lines=int(lines), follow=False):
            if event["event"] == "log":
                print(event["line"], flush=True)
