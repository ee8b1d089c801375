"""`fab run`: start a command on every host that goes on by itself, and follow it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from provision.model.errors import BadInput
from provision.model.target import Target
from provision.tasks import together
from provision.tasks.following import follow, leaving
from provision.tasks.target import target_of
from provision.tasks.verb import verb
from provision.work import cluster, environment
from provision.work.runs import Runs, ways_back

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from provision.model.host import Host
    from provision.screen.progress import View
    from provision.tasks.context import Context
    from provision.transport.session import Session

OPTIONS = {
    "command": "the command as one shell text, instead of the words after --",
    "name": "a name for the run; made from the command where not given",
    "with_": "recipe whose environment the command gets",
    "ray": "as a job of the hosts' cluster (fab setup-ray): on its head, with tasks on all of them",
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
    ray: bool = False,
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
    _refuse_both(resume and no_resume, "--resume and --no-resume: give one of them")
    _refuse_both(ray and all_hosts, "--ray and --all-hosts: give one of them")
    _refuse_both(ray and (with_ or c.limit), "--ray names the host and the environment: leave --with and --limit out")
    env = environment.read(Path(env_file)) if env_file else {}
    if all_hosts:
        together.run(c, command, name=name, recipe=with_, folder=folder, env=env, resume=resume, detach=detach)
        return
    given = cluster.job if ray else str
    where = {"name": name, "recipe": cluster.RECIPE if ray else with_, "folder": folder, "beside": Path.cwd().name}
    how = _How(given(command), None if no_resume else given(resume), env, {**where, "asked": command if ray else ""})
    _on_each(c, how, c.everyone[:1] if ray else None, detach=detach)


@dataclasses.dataclass(frozen=True)
class _How:
    """How a run is started, on whichever host."""

    command: str
    resume: str | None
    env: Mapping[str, str]
    where: Mapping[str, str]
    """Its name, recipe and folder, as `Runs.start` has them."""


def _on_each(c: Context, how: _How, hosts: Sequence[Host] | None, *, detach: bool) -> None:
    """Start a run on each of these hosts, None for all, and follow it there."""
    names: dict[str, str] = {}

    def start(session: Session, out: View) -> None:
        host = session.host
        target = target_of(host, session) if how.where["recipe"] else host.target or Target(user=host.user)
        runs = Runs(session, target)
        if how.where["asked"]:
            cluster.check_head(session)
        started = runs.start(how.command, resume=how.resume, env=how.env, **how.where)
        names[host.name] = started.name
        out.tell(f"{started.name} runs on {session.host} in {started.folder}")
        _watch(runs, started.name, out, detach=detach, limit=c.limit)

    with leaving(names, limit=c.limit):
        c.each_session(start, hosts)


def _watch(runs: Runs, name: str, out: View, *, detach: bool, limit: str) -> None:
    """Follow a run, or say how that is done."""
    if detach:
        out.tell(ways_back(name, limit=limit))
    else:
        follow(runs, name, out)


def _refuse_both(given: object, problem: str) -> None:
    if given:
        raise BadInput([problem])
