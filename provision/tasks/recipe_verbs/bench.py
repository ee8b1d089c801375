"""`fab bench-<recipe>`: the same work on the CPU and on the GPU of a host, side by side."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from provision.model.errors import GpurigError
from provision.model.platforms import NO_GPU
from provision.screen import terminal
from provision.tasks.following import leaving
from provision.tasks.trials import OPTIONS, Play, wishes_of
from provision.tasks.verb import verb
from provision.work import trial
from provision.work.comparison import FILE, Comparison, Half

if TYPE_CHECKING:
    from pathlib import Path

    from provision.catalogue.recipe import Recipe
    from provision.model.host import Host
    from provision.screen.progress import View
    from provision.tasks.context import Context
    from provision.transport.session import Session
    from provision.work.trial import Stage

_HALF = "the bench ends here: its other half, table and plot come from a new one"


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
    with leaving(play.names, more=_HALF):
        c.each(lambda host, out: _run(play, host, out))


def _run(play: Play, host: Host, out: View) -> None:
    """Run both halves on one host, one after the other: together they would take each other's time."""
    with play.staged(host, out) as stage:
        machine = _machine(stage.session)
        has_gpu = stage.target.gpu != NO_GPU
        if has_gpu and not machine["gpu"]:
            hint = f'`fab setup-nvidia-driver` installs it; for the CPU half alone say gpu = "{NO_GPU}" of the host'
            raise GpurigError(f"{host} has a {stage.target.gpu}, and no driver there that sees it", hint=hint)
        into = trial.results_folder(host, play.recipe, "bench", play.wishes)
        cpu = _half(play, stage, "cpu", into, out)
        gpu = _half(play, stage, "gpu", into, out) if has_gpu else None
    date = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    _report(Comparison(recipe=play.recipe.name, date=date, host=machine, cpu=cpu, gpu=gpu), into, out)


def _half(play: Play, stage: Stage, device: str, into: Path, out: View) -> Half:
    """Run the bench on one device and return what it measured. Raises `RunFailed` and `BadInput`."""
    run = stage.start(device)
    out.tell(f"{run.name} computes on the {device.upper()} of {stage.session.host}: {run.command}")
    folder = into / device
    trial.check(play.watched(stage, run, folder, out), stage.session.host, folder)
    return Half.read(folder / FILE, device, stage.command)


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
    """Show both halves, and write them as JSON and as a plot."""
    from provision.work.plot import plot  # noqa: PLC0415 - a third of a second that other tasks need not pay

    (into / FILE).write_text(
        json.dumps(comparison.to_document(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    plot(comparison, into / "bench.png")
    console = terminal.console()
    # A pipe has no width: keep every row on one line there.
    console = console if console.is_terminal else terminal.console(width=120)
    with console.capture() as drawn:
        console.print(comparison.table())
    out.block(drawn.get().rstrip("\n"))
    out.line(f"the same as JSON and as a plot: {into / FILE}, {into / 'bench.png'}")
