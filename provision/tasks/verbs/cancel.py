"""`fab cancel`: end a run, on every host that has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provision.model.words import took
from provision.tasks.verb import verb
from provision.work.runs import Runs

if TYPE_CHECKING:
    from provision.screen.progress import View
    from provision.tasks.context import Context
    from provision.transport.session import Session


@verb(options={"name": "which run"}, short_options=False)
def cancel(c: Context, name: str) -> None:
    """End a run (fab cancel NAME): it is asked to, and killed if it does not within 10 s."""

    def end(session: Session, out: View) -> None:
        run = Runs(session).cancel(name)
        code = "" if run.code is None else f", exit code {run.code}"
        why = f" ({run.why})" if run.why else ""
        out.line(f"{run.name} on {session.host}: {run.state} after {took(run.seconds)}{code}{why}")

    c.each_session(end)
