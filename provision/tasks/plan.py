"""`fab plan`: what a setup would do, and what is there already."""

from __future__ import annotations

from typing import Any

from provision.bundle import render
from provision.session import Session
from provision.tasks.base import hosts_for, target_of, task, tell

_MEANING = {
    "present": "present",
    "found": "there, not by gpurig: would be taken as it is",
    "missing": "would be installed",
    "changed": "would be installed again: the recipe changed",
    "broken": "would be installed again: it does not verify any more",
    "interrupted": "would be installed again: it was cut off last time",
}


@task(help={"recipe": "what to plan for; without it, what the host is for"})
def plan(c: Any, recipe: str = "") -> None:
    """Show what `fab setup` would do on every host; changes nothing."""
    for host in hosts_for(c):
        with Session(host, c.config, tell=tell) as session:
            bundle = render([recipe or host.recipe], target_of(host, session))
            answer = session.one("plan", bundle)
        width = max(len(step.name) for step in bundle.steps)
        print(f"{bundle.name} on {host}{' (a run is in progress)' if answer['running'] else ''}:")
        for step in bundle.steps:
            notes = f" ({'; '.join(step.notes)})" if step.notes else ""
            print(f"  {step.name:<{width}}  {step.version:<14} {_MEANING[answer['steps'][step.name]]}{notes}")
