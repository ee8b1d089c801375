"""`fab logs`: what a run has said, on every host that has it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from provision.model.checks import whole_of
from provision.model.errors import BadInput
from provision.model.schema import plain
from provision.tasks.following import follow as follow_run
from provision.tasks.following import leaving
from provision.tasks.verb import verb
from provision.work.runs import Runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from provision.screen.progress import View
    from provision.tasks.context import Context
    from provision.transport.session import Session

PART = 2**16
"""Characters of a log that are shown at once."""
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
            with in_parts(out.line) as take:
                runs.log(which, take, lines=last)

    with leaving(names):
        c.each_session(show)


@contextlib.contextmanager
def in_parts(show: Callable[[str], object]) -> Iterator[Callable[[str], None]]:
    """Yield what takes lines, to show many at once: those of several hosts mix little, and no log is held whole."""
    part: list[str] = []
    size = 0

    def take(line: str) -> None:
        nonlocal size
        part.append(line)
        size += len(line) + 1
        if size >= PART:
            show("\n".join(part))
            part.clear()
            size = 0

    try:
        yield take
    finally:
        if part:
            show("\n".join(part))
