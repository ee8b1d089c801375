"""`fab bench-<recipe>`: the same work on the CPU and on the GPU of a host, side by side."""

from __future__ import annotations

import contextlib
import json
import shlex
import sys
import time
from typing import TYPE_CHECKING, Any

from provision.agent.words import RunState
from provision.model.errors import BadInput, GpurigError, RunFailed, RunInterrupted
from provision.model.platforms import NO_GPU
from provision.screen import terminal
from provision.tasks.following import leaving
from provision.tasks.trials import OPTIONS, Play, wishes_of
from provision.tasks.verb import verb
from provision.work import trial
from provision.work.card import Card, Watch
from provision.work.comparison import Comparison
from provision.work.going import Going
from provision.work.measured import FILE, Half

if TYPE_CHECKING:
    from pathlib import Path

    from provision.catalogue.recipe import Recipe
    from provision.model.host import Host
    from provision.model.run import Run
    from provision.screen.progress import View
    from provision.tasks.context import Context
    from provision.transport.session import Session
    from provision.work.trial import Stage

_TAKEN = (RunState.RUNNING, RunState.DONE)
"""A run in one of these states is gone on with; any other has left nothing that counts."""


@verb(
    about=lambda recipe: f"Time {recipe.name} on the CPU and on the GPU: a table, a plot and a JSON file.",
    options=OPTIONS,
    choices=True,
)
def bench(
    c: Context, recipe: Recipe, *, args: str = "", file: list[str] | None = None, into: str = "", another: bool = False
) -> None:
    """Run the same script on the CPU and on the GPU: a table, a plot and a JSON file."""
    play = Play(recipe, "bench", wishes_of(recipe, args, file, into, another=another), c.choices, c.config)
    with leaving(play.names, play.wishes.into, more=_way_on(play)):
        c.each(lambda host, out: _run(play, host, out))


def _way_on(play: Play) -> str:
    typed = "without --another" if play.wishes.another else shlex.join(["fab", *sys.argv[1:]])
    return f"the bench goes on where it is by the same command: {typed}"


def _run(play: Play, host: Host, out: View) -> None:
    """Run both halves on one host, one after the other: together they would take each other's time."""
    recipe, wishes = play.recipe, play.wishes
    work = {"host": host.name, "sources": dict(play.choices.sources), **wishes.work(recipe, "bench")}
    earlier = [] if wishes.another else trial.earlier_folders(host, recipe, "bench", wishes)
    going = Going.find(earlier, work)
    with play.staged(host, out, tuple(going.runs.values()) if going else ()) as stage:
        machine = _machine(stage.session)
        has_gpu = stage.target.gpu != NO_GPU
        if has_gpu and not machine["gpu"]:
            hint = f'`fab setup-nvidia-driver` installs it; for the CPU half alone say gpu = "{NO_GPU}" of the host'
            raise GpurigError(f"{host} has a {stage.target.gpu}, and no driver there that sees it", hint=hint)
        if going and going.on(machine):
            out.tell(f"a bench of before goes on: {going.into}")
        else:
            going = Going(into=trial.results_folder(host, recipe, "bench", wishes), work=work, machine=machine)
            going.write()
        cpu = _half(play, stage, "cpu", going, out)
        with Watch(stage.session) if has_gpu else contextlib.nullcontext() as card:
            gpu = _half(play, stage, "gpu", going, out) if has_gpu else None
    seen = Card.of(gpu, card.seen) if gpu and card else None
    date = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    try:
        comparison = Comparison(recipe=recipe.name, date=date, host=machine, cpu=cpu, gpu=gpu, card=seen)
    except BadInput:
        going.close()  # these halves will not compare another time either
        raise
    _report(comparison, going.into, out)
    going.close()


def _half(play: Play, stage: Stage, device: str, going: Going, out: View) -> Half:
    """Have the bench run on one device, or go on there, and return what it measured.

    Raises `RunFailed` and `BadInput`; what comes after begins with a new run then.
    """
    folder = going.into / device
    if device in going.done:
        try:
            half = Half.read(folder / FILE, device, stage.command)
        except (BadInput, RunFailed):  # whose folder it is may clear it up, or write in it
            going.lacks(device)
        else:
            out.tell(f"its {device.upper()} half is there: {folder}")
            return half
    run = _run_of(stage, device, going)
    out.tell(f"{run.name} computes on the {device.upper()} of {stage.session.host}: {run.command}")
    try:
        trial.check(play.watched(stage, run, folder, out), stage.session.host, folder)
        half = Half.read(folder / FILE, device, stage.command)
    except RunInterrupted as error:
        error.hint = "\n".join(filter(None, [error.hint, _way_on(play)]))
        raise
    except (RunFailed, BadInput):
        going.forget(device)
        raise
    going.has(device)
    return half


def _run_of(stage: Stage, device: str, going: Going) -> Run:
    """Return the run of a half that goes on, or has ended well while nobody watched; or start one."""
    there = {run.name: run for run in stage.runs.all()}
    run = there.get(going.runs.get(device, ""))
    if run and run.state in _TAKEN:
        return run
    if run and run.resumable:
        return stage.runs.resume(run.name)
    going.begins(device, stage.name_of(device))
    return stage.start(device)


def _machine(session: Session) -> dict[str, Any]:
    """Return what the host is, as far as it explains its times; no address."""
    facts = session.facts()
    look = "sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1; nproc"
    *model, cores = session.connection.run(look, hide=True, in_stream=False).stdout.splitlines()
    return {
        "name": session.host.name,
        "instance_type": session.host.instance_type,
        "gpu": ", ".join(f"{name}, driver {driver}" for name, _, driver in facts["gpus"]),
        "cpu": model[0] if model else "CPU without a name",
        "cores": int(cores),
        "memory_gib": facts["memory_gib"],
        "os": facts["os"],
    }


def _report(comparison: Comparison, into: Path, out: View) -> None:
    """Show both halves, and write them as JSON and as a plot. Raises `BadInput` where that cannot be."""
    from provision.work.plot import plot  # noqa: PLC0415 - a third of a second that other tasks need not pay

    document = json.dumps(comparison.to_document(), indent=1, ensure_ascii=False)
    with trial.writing():
        (into / FILE).write_text(f"{document}\n", encoding="utf-8")
        plot(comparison, into / "bench.png")
    console = terminal.console()
    # A pipe has no width: keep every row on one line there.
    console = console if console.is_terminal else terminal.console(width=120)
    with console.capture() as drawn:
        console.print(comparison.table())
    out.block(drawn.get().rstrip("\n"))
    out.line(f"the same as JSON and as a plot: {into / FILE}, {into / 'bench.png'}")
