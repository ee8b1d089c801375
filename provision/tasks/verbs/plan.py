"""`fab plan`: what a setup would do, and what is there already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provision.agent.words import StepState
from provision.tasks.target import Rendered, look_at_gpu, target_of
from provision.tasks.verb import verb

if TYPE_CHECKING:
    from provision.agent.wire.answers import Plan
    from provision.bundle.step import Bundle
    from provision.model.host import Host
    from provision.screen.progress import View
    from provision.tasks.context import Context
    from provision.transport.session import Session

_MEANING = {
    StepState.PRESENT: "present",
    StepState.FOUND: "there, not by gpurig: would be taken as it is",
    StepState.MISSING: "would be installed",
    StepState.FITTING: "there, and fits the new settings: would be taken as it is",
    StepState.CHANGED: "would be installed again: its recipe changed",
    StepState.BROKEN: "would be installed again: it does not verify any more",
    StepState.INTERRUPTED: "would be installed again: it did not come to its end last time",
}


@verb(
    looks=True,
    options={"recipe": "what to plan for; without it, what the host is for"},
    argument="recipe",
    choices=True,
)
def plan(c: Context, *, recipe: str = "") -> None:
    """Show what `fab setup` would do on every host; changes nothing."""
    choices, rendered = c.choices, Rendered()

    def show(session: Session, out: View) -> None:
        host = session.host
        name, target = recipe or host.recipe, choices.on(target_of(host, session))
        bundle = rendered.of(name, target)
        look_at_gpu(session, name, target, rendered)
        answer = session.plan(bundle)
        out.block(_screen(session.host, bundle, answer))

    c.each_session(show)


def _screen(host: Host, bundle: Bundle, answer: Plan) -> str:
    """Return the plan of one host."""
    width = max(len(step.name) for step in bundle.steps)
    lines = [f"{bundle.name} on {host}{' (a run is in progress)' if answer['running'] else ''}:"]
    for step in bundle.steps:
        notes = f" ({'; '.join(step.notes)})" if step.notes else ""
        state = answer["steps"][step.name]
        # A step whose install has begun and not ended: cut off, unless it is what the run in progress is at.
        meaning = "is being installed now" if answer["running"] and state == StepState.INTERRUPTED else _MEANING[state]
        lines.append(f"  {step.name:<{width}}  {step.version:<14} {meaning}{notes}")
    return "\n".join(lines)
