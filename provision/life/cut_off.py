"""What was cut off on a host, and what it needs there before it can go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provision.agent.words import RunState
from provision.model.errors import BadInput, NotHere

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from provision.catalogue.catalogue import Catalogue
    from provision.model.host import Host
    from provision.model.run import Run


def chosen(runs: Sequence[Run], names: Sequence[str], host: Host) -> list[Run]:
    """Return the runs to start again, in the order in which they began; `names`: only these of them.

    Raises `NotHere` for a name that no run has, and `BadInput` for a run that came to its own end.
    """
    there = {run.name: run for run in runs}
    if missing := [name for name in names if name not in there]:
        known = ", ".join(list(there)[:10]) or "none"
        raise NotHere((f'there is no run "{name}" on {host}' for name in missing), hint=f"there are: {known}")
    ended = [there[name] for name in names if not there[name].resumable and there[name].state != RunState.RUNNING]
    if ended:
        raise BadInput(f"{run.name} is {run.state}: nothing cut it off, or it is not to be resumed" for run in ended)
    wanted = [run for run in runs if run.resumable and (not names or run.name in names)]
    return sorted(wanted, key=lambda run: run.since)


def needs(runs: Sequence[Run], host: Host, there: Collection[str], catalogue: Catalogue) -> list[str]:
    """Return the recipes to set up before the runs can go on: what was on their box, and is not on this one.

    `there`: recipes that are. Where nobody knows what was on their box, that is what the host is for.
    """
    wanted: set[str] = set()
    for run in runs:
        wanted |= set((host.recipe,) if run.installed is None else run.installed)
        wanted |= {run.recipe} - {""}
    missing = sorted((wanted & catalogue.recipes.keys()) - set(there))
    gpu = host.target.gpu if host.target else ""
    return [name for name in missing if not any(name in catalogue.closure([o], gpu) for o in missing if o != name)]


def how(run: Run) -> str:
    """Return the command that a run goes on by, on one line."""
    return " ".join(run.resume.split()) or run.shown
