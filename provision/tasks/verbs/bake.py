"""`fab bake`: an image of a box that is set up, from which the next one is ready at its first boot."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from provision.agent.words import StepState
from provision.aws import prices
from provision.bundle import baked
from provision.bundle.render import render
from provision.model.checks import whole_of
from provision.model.errors import BadInput, GpurigError
from provision.model.platforms import BAKED
from provision.model.schema import plain
from provision.screen import progress
from provision.storage.bake import Bakery
from provision.tasks.verb import verb
from provision.transport.session import Session

if TYPE_CHECKING:
    from provision.model.host import Host
    from provision.model.target import Target
    from provision.screen.progress import View
    from provision.tasks.context import Context

STOPPED = "stopped watching; EC2 goes on making the image, and `fab bake` finds it again"
OPTIONS = {"keep": "how many images of the stack and recipe to keep, this one included; older ones go, unless in use"}


@verb(options=OPTIONS, stopped=STOPPED)
def bake(c: Context, *, keep: str = "2") -> None:
    """Make an image of one host, with all that is on its root disk; the host runs on."""
    if not (images := whole_of(keep)):
        problem = f"--keep {plain(keep)}: write a number from 1 on: the image that is made now has to stay"
        raise BadInput([problem], hint="--keep 1 keeps it alone")
    host = c.one_host()
    bakery = Bakery(host)
    assert host.target is not None  # noqa: S101 - a Bakery has looked
    began = time.monotonic()
    with progress.view() as out:
        _prepare(host, host.target, c.config, out)
        image, gib = bakery.begin(baked.digest(host.recipe, host.target))
        out.line(f"{image.id} is being made of {host.recipe} on {host}; the host runs on")
        bakery.finish(image, out)
        out.line(f"{image.id} is ready after {time.monotonic() - began:.0f} s ({image.name})")
        price = prices.snapshot_gib_month(host.profile, host.region)
        most = f"its snapshot costs ${gib * price.usd:.2f} a month or less"
        out.line(f"{most} ({gib} GiB; what was never written does not count; {price.source})")
        removed, used = bakery.prune(images)
        for old in removed:
            out.line(f"removed {old}, with its snapshot")
        for old in used:
            out.line(f"kept {old} too: an instance runs from it")
        out.block(_how_to_use(host.target))


def _prepare(host: Host, target: Target, config: Any, out: View) -> None:
    """See that the host's recipe is installed, all of it, and that what was written is on the disk."""
    with Session(host, config, tell=out.tell) as session:
        out.now(f"looking whether {host.recipe} is ready")
        answer = session.plan(render([host.recipe], target))
        if answer["running"]:
            raise GpurigError(f"something is being installed on {host}", hint="fab status tells when it has ended")
        if lacking := [f"{step} is {state}" for step, state in answer["steps"].items() if state != StepState.PRESENT]:
            message = f"{host.recipe} is not ready on {host}: {', '.join(lacking)}"
            raise GpurigError(message, hint=f"fab setup-{host.recipe}; then fab bake")
        code, said = session.root("sync")
        if code:
            raise GpurigError(f"{host} could not write its disk: {said.strip()}")


def _how_to_use(target: Target) -> str:
    return "\n".join(
        [
            f"to use it: pulumi config set gpurig:image {BAKED}",
            f"           pulumi config set gpurig:imageOs {target.image}",
            "the box that runs keeps its disk: the next one is made of the image",
        ]
    )
