"""`fab ps`: the runs of every host."""

from __future__ import annotations

import dataclasses
import json as json_lines
import time
from typing import TYPE_CHECKING, Any

from provision.runs import Runs
from provision.session import Session
from provision.tasks.base import each, ending, task, tell

if TYPE_CHECKING:
    from provision.inventory import Host
    from provision.runs import Run


@task(help={"json": "print a line of JSON per run"}, post=[ending])
def ps(c: Any, *, json: bool = False) -> None:
    """List the runs of every host, the newest first."""

    def show(host: Host) -> None:
        with Session(host, c.config, tell=tell) as session:
            runs = Runs(session).all()
        if json:
            for run in runs:
                print(json_lines.dumps({"host": host.name, **dataclasses.asdict(run)}))
        elif runs:
            _table(host, runs)
        else:
            print(f"no runs on {host}; fab run -- CMD starts one")

    each(c, show)


def _table(host: Host, runs: list[Run]) -> None:
    from rich.box import SIMPLE  # noqa: PLC0415 - only this task draws a table
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table("run", "state", "since", "took", "exit", "command", box=SIMPLE, title=str(host), title_justify="left")
    for run in runs:
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.since))
        code = "" if run.code is None else str(run.code)
        state = f"{run.state}: {run.why}" if run.why else run.state
        # A command may hold what Rich would read as its markup.
        command = Text(" ".join(run.command.split()))
        table.add_row(run.name, state, since, _span(run.seconds), code, command)
    console = Console()
    # A pipe has no width: keep every row on one line there.
    (console if console.is_terminal else Console(width=200)).print(table)


def _span(seconds: float) -> str:
    """Return a length of time in words that fit a column ("3 min 20 s")."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
