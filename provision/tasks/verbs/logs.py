"""`fab logs`: what a run has said, on every host that has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provision.model.checks import whole_of
from provision.model.errors import BadInput
from provision.model.schema import plain
from provision.tasks.following import follow as follow_run
from provision.tasks.following import leaving
from provision.tasks.verb import verb
from provision.work.runs import Runs

if TYPE_CHECKING:
    from provision.screen.progress import View
    from provision.tasks.context import Context
    from provision.transport.session import Session

OPTIONS = {
    "name": "which run; the newest where not given",
    "follow": "go on until it ends; the exit code is then the run's",
    "lines": "begin with the last so many; 0: with the first",
}


@verb(looks=True, options=OPTIONS, argument="name", short_options=False)
def logs(c: Context, *, name: str = "", follow: bool = False, lines: str = "100") -> None:
    """Show the log of a run (fab logs [NAME])."""
    if (last := whole_of(lines)) is None:
        raise BadInput([f"--lines {plain(lines)}: write a number of lines, or 0 for all"])
    names: dict[str, str] = {}

    def show(session: Session, out: View) -> None:
        runs = Runs(session)
        which = name or runs.newest().name
        if follow:
            names[session.host.name] = which
            follow_run(runs, which, out, lines=last)
        else:
            out.line("\n".join(runs.log(which, lines=last)))

    with leaving(names):
        c.each_session(show)
