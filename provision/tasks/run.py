"""`fab run`: start a command on the host that goes on by itself, and follow it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.exceptions import Exit

from provision.runs import Runs, ways_back
from provision.session import Session
from provision.target import Target
from provision.tasks.base import one_host, target_of, task, tell

if TYPE_CHECKING:
    from provision.inventory import Host

NOT_FOUND = 127
"""What a shell ends with when there is no such program."""
HOST_HELP = {"host": "which host, where there are several"}
HELP = {
    "command": "the command as one shell text, instead of the words after --",
    "name": "a name for the run; made from the command where not given",
    "with_": "recipe whose environment the command gets",
    "folder": "where it runs: a path on the host or a synced folder's name, instead of this folder's copy there",
    "detach": "start it and return",
    **HOST_HELP,
}


@task(help=HELP, auto_shortflags=False)
def run(
    c: Any,
    *,
    command: str = "",
    name: str = "",
    with_: str = "",
    folder: str = "",
    detach: bool = False,
    host: str = "",
) -> None:
    """Run a command on the host (fab run -- CMD ...); it goes on when you leave."""
    there = one_host(c, host, option="--host")
    with Session(there, c.config, tell=tell) as session:
        target = target_of(there, session) if with_ else there.target or Target(user=there.user)
        runs = Runs(session, target)
        started = runs.start(command, name=name, recipe=with_, folder=folder, beside=Path.cwd().name)
        tell(f"{started.name} runs on {there} in {started.folder}")
        if detach:
            tell(ways_back(started.name))
            return
        follow(runs, started.name)


def follow(runs: Runs, name: str, *, lines: int = 0) -> None:
    """Print a run's log until it ends, and end the program with its exit code; on Ctrl-C it goes on."""
    host: Host = runs.session.host
    try:
        for event in runs.follow(name, lines=lines):
            if event["event"] == "log":
                print(event["line"], flush=True)
    except KeyboardInterrupt:
        raise Exit(f"stopped watching; {name} goes on on {host}\n{ways_back(name)}", 130) from None
    why = f" ({event['why']})" if event["why"] else ""
    tell(f"{name} {event['state']} after {event['seconds']:.0f} s: exit code {event['code']}{why}")
    if event["code"] == NOT_FOUND:
        tell("a program was not found: `fab sync` sends this folder, and `--with RECIPE` gives a recipe's own programs")
    if event["code"]:
        raise Exit(code=event["code"])
