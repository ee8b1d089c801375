"""`fab run`: start a command on every host that goes on by itself, and follow it."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.exceptions import Exit

from provision.model.errors import RunFailed
from provision.model.target import Target
from provision.model.words import took
from provision.tasks.base import LIMIT_HELP, each, ending, target_of, task
from provision.transport.session import Session
from provision.work.runs import Runs, ways_back

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from provision.screen.progress import View
    from provision.transport.inventory import Host

NOT_FOUND = 127
"""What a shell ends with when there is no such program."""
HELP = {
    "command": "the command as one shell text, instead of the words after --",
    "name": "a name for the run; made from the command where not given",
    "with_": "recipe whose environment the command gets",
    "folder": "where it runs: a path on the host or a synced folder's name, instead of this folder's copy there",
    "detach": "start it and return",
    **LIMIT_HELP,
}


@task(help=HELP, auto_shortflags=False, post=[ending])
def run(
    c: Any,
    *,
    command: str = "",
    name: str = "",
    with_: str = "",
    folder: str = "",
    detach: bool = False,
    limit: str = "",
) -> None:
    """Run a command on every host (fab run -- CMD ...); it goes on when you leave.

    What it writes into the folder $GPURIG_RESULTS is what `fab fetch NAME` brings.
    """
    names: dict[str, str] = {}

    def start(host: Host, out: View) -> None:
        with Session(host, c.config, tell=out.tell) as session:
            target = target_of(host, session) if with_ else host.target or Target(user=host.user)
            runs = Runs(session, target)
            started = runs.start(command, name=name, recipe=with_, folder=folder, beside=Path.cwd().name)
            names[host.name] = started.name
            out.tell(f"{started.name} runs on {host} in {started.folder}")
            if detach:
                out.tell(ways_back(started.name, limit=limit))
            else:
                follow(runs, started.name, out)

    with leaving(names, limit=limit):
        each(c, start, limit=limit)


@contextlib.contextmanager
def leaving(names: Mapping[str, str], into: Path | None = None, *, more: str = "", limit: str = "") -> Iterator[None]:
    """End the program on Ctrl-C with the commands that find the runs again, which go on.

    `names`: host → run, as far as they have started. `into`: where their results are to come. `more`: what else to say.
    `limit`: as it was given.
    """
    try:
        yield
    except KeyboardInterrupt:
        if not names:
            raise
        going = ", ".join(f"{name} goes on on {host}" for host, name in names.items())
        back = [ways_back(name, into, limit) for name in dict.fromkeys(names.values())]
        raise Exit("\n".join(filter(None, [f"stopped watching; {going}", more, *back])), 130) from None


def follow(runs: Runs, name: str, out: View, *, lines: int = 0) -> None:
    """Show a run's log until it ends. Raises `RunFailed` where its exit code is not 0."""
    run = runs.follow(name, out.line, lines=lines)
    why = f" ({run.why})" if run.why else ""
    ended = f"{name} {run.state} after {took(run.seconds)}: exit code {run.code}{why}"
    if run.code:
        way = "a program was not found: `fab sync` sends this folder, and `--with RECIPE` gives a recipe's own programs"
        raise RunFailed(ended, run.code, hint=way if run.code == NOT_FOUND else "")
    out.tell(ended)
