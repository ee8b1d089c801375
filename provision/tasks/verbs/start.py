"""`fab start`: switch stopped boxes on again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provision.life import power
from provision.tasks.output import tell
from provision.tasks.verb import verb

if TYPE_CHECKING:
    from provision.model.host import Host
    from provision.screen.progress import View
    from provision.tasks.context import Context


@verb(stopped="stopped watching; EC2 goes on starting what it was told to")
def start(c: Context) -> None:
    """Start every box that is stopped, and wait until SSH answers; shows its new address and its cost per hour."""
    moved: list[str] = []

    def switch_on(host: Host, out: View) -> None:
        if power.start(host, c.config, out).address != host.address:
            moved.append(host.name)

    c.each(switch_on)
    if moved:
        tell("fab finds the new address by itself; pulumi up --refresh brings the stack's outputs up to date")
