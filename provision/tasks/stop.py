"""`fab stop`: end a run."""

from __future__ import annotations

from typing import Any

from provision.runs import Runs
from provision.session import Session
from provision.tasks.base import one_host, task, tell
from provision.tasks.run import HOST_HELP


@task(help={"name": "which run", **HOST_HELP}, auto_shortflags=False)
def stop(c: Any, name: str, *, host: str = "") -> None:
    """End a run (fab stop NAME): it is asked to, and killed if it does not within 10 s."""
    there = one_host(c, host, option="--host")
    with Session(there, c.config, tell=tell) as session:
        run = Runs(session).stop(name)
    code = "" if run.code is None else f", exit code {run.code}"
    print(f"{run.name} on {there}: {run.state} after {run.seconds:.0f} s{code}{f' ({run.why})' if run.why else ''}")
