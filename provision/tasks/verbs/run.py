"""`fab run`: start a command on every host that goes on by itself, and follow it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from provision.model.errors import BadInput
from provision.model.target import Target
from provision.tasks import together
from provision.tasks.following import follow, leaving
from provision.tasks.target import target_of
from provision.tasks.verb import verb
from provision.work import environment
from provision.work.runs import Runs, ways_back

if TYPE_CHECKING:
    from provision.screen.progress import View
    from provision.tasks.context import Context
    from provision.transport.session import Session

OPTIONS = {
    "command": "the command as one shell text, instead of the words after --",
    "name": "a name for the run; made from the command where not given",
    "with_": "recipe whose environment the command gets",
    "all_hosts": "one training on all hosts: --with pytorch, and the script of PyTorch's torchrun as the command",
    "folder": "where it runs: a path on the host or a synced folder's name, instead of this folder's copy there",
    "resume": "the command that `fab resume` goes on with after its box was lost, as shell text; else the same command",
    "no_resume": "never start it again by `fab resume`",
    "env_file": "file of KEY=VALUE lines for its environment: shown nowhere, and kept with the run for fab resume",
    "detach": "start it and return",
}


@verb(options=OPTIONS, rest="command", short_options=False)
def run(  # noqa: PLR0913 - one for each option
    c: Context,
    *,
    command: str = "",
    name: str = "",
    with_: str = "",
    all_hosts: bool = False,
    folder: str = "",
    resume: str = "",
    no_resume: bool = False,
    env_file: str = "",
    detach: bool = False,
) -> None:
    """Run a command on every host (fab run -- CMD ...); it goes on when you leave.

    What it writes into the folder $GPURIG_RESULTS is what `fab fetch NAME` brings. `fab resume` starts it again after
    its box was lost, with GPURIG_RESUMED=1.
    """
    if resume and no_resume:
        raise BadInput(["--resume and --no-resume: give one of them"])
    env = environment.read(Path(env_file)) if env_file else {}
    if all_hosts:
        together.run(c, command, name=name, recipe=with_, folder=folder, env=env, resume=resume, detach=detach)
        return
    names: dict[str, str] = {}
    again = None if no_resume else resume

    def start(session: Session, out: View) -> None:
        host = session.host
        target = target_of(host, session) if with_ else host.target or Target(user=host.user)
        runs = Runs(session, target)
        where = {"folder": folder, "beside": Path.cwd().name}
        started = runs.start(command, name=name, recipe=with_, env=env, resume=again, **where)
        names[host.name] = started.name
        out.tell(f"{started.name} runs on {session.host} in {started.folder}")
        _watch(runs, started.name, out, detach=detach, limit=c.limit)

    with leaving(names, limit=c.limit):
        c.each_session(start)


def _watch(runs: Runs, name: str, out: View, *, detach: bool, limit: str) -> None:
    """Follow a run, or say how that is done."""
    if detach:
        out.tell(ways_back(name, limit=limit))
    else:
        follow(runs, name, out)
