"""`fab ps`: the runs of every host, in one table."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from provision.model.words import minute, took
from provision.tasks.output import draw, tell
from provision.tasks.verb import verb
from provision.work.runs import Runs

if TYPE_CHECKING:
    from provision.model.host import Host
    from provision.model.run import Run
    from provision.screen.progress import View
    from provision.tasks.context import Context
    from provision.transport.session import Session


@verb(looks=True, json="print a line of JSON per run")
def ps(c: Context) -> None:
    """List the runs of every host, the newest first."""
    found: dict[str, list[Run]] = {}

    def ask(session: Session, _out: View) -> None:
        found[session.host.name] = Runs(session).all()

    c.each_session(ask)
    rows = [(host, run) for host in c.hosts for run in found.get(host.name, ())]
    if c.json:
        for host, run in rows:
            print(json.dumps({"host": host.name, **dataclasses.asdict(run)}))
    elif rows:
        _print(rows, several=len(c.hosts) > 1)
    cut_off = [run.name for _, run in rows if run.resumable]
    if cut_off and not c.json:
        tell(f"cut off with its box: {', '.join(cut_off)}; to go on: fab resume; not to: fab cancel NAME")
    if idle := [str(host) for host in c.hosts if found.get(host.name) == []]:
        tell(f"no runs on {', '.join(idle)}; fab run -- CMD starts one")


def _print(rows: list[tuple[Host, Run]], *, several: bool) -> None:
    """Print a row per run; `several`: hosts, each row then says its own."""
    from rich.box import SIMPLE  # noqa: PLC0415 - only this task draws a table
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    title = None if several else str(rows[0][0])
    table = Table(box=SIMPLE, title=title, title_justify="left")
    for head in (*(["host"] * several), "run", "state", "since", "took", "exit", "command"):
        table.add_column(head)
    for host, run in rows:
        since = minute(run.since)
        code = "" if run.code is None else str(run.code)
        state = f"{run.state}: {run.why}" if run.why else run.state
        # A command may hold what Rich would read as its markup.
        table.add_row(*([host.name] * several), run.name, Text(state), since, took(run.seconds), code, Text(run.shown))
    draw(table)
