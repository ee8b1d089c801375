"""`fab stop`: switch boxes off, so that only their disks cost."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from provision.life import power
from provision.model.errors import BadInput
from provision.tasks.output import tell
from provision.tasks.verb import verb

if TYPE_CHECKING:
    from provision.life.power import Survey
    from provision.model.host import Host
    from provision.screen.progress import View
    from provision.tasks.context import Context
    from provision.transport.session import Session

OPTIONS = {
    "name": "takes none: a run is ended by fab cancel NAME",
    "yes": "stop also where runs or a setup go on, which ends them",
}
STOPPED = "stopped watching; EC2 goes on with what it was told"


@verb(options=OPTIONS, argument="name", stopped=STOPPED, short_options=False)
def stop(c: Context, *, name: str = "", yes: bool = False) -> None:
    """Stop every box: it costs its disks alone, and fab start starts it again."""
    if name:
        hint = f"to end a run: fab cancel {name}\nto stop one box of several: fab stop --limit {name}"
        raise BadInput(["fab stop stops boxes, and takes no name"], hint=hint)
    found: dict[str, Survey] = {}

    def look(session: Session, out: View) -> None:
        out.now("looking what goes on there")
        found[session.host.name] = power.survey(session, ask=not yes)

    def switch_off(host: Host, out: View) -> None:
        power.stop(host, found[host.name].instance, out)

    c.each_session(look)
    going = [f"{name}: {what}" for name, survey in sorted(found.items()) for what in survey.going]
    if going:
        _ask(going)
    c.hosts = [host for host in c.hosts if host.name in found]
    if c.hosts:
        c.each(switch_off)


def _ask(going: list[str]) -> None:
    """Ask whether all of this may end. Raises `BadInput` where it may not, and where nobody is there to say so."""
    kept = "nothing was stopped"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        hint = f"{kept}; fab stop --yes ends that too, --limit NAME stops some boxes alone"
        raise BadInput([f"this goes on, and a stop ends it: {what}" for what in going], hint=hint)
    tell("\n".join(["this goes on, and a stop ends it:", *(f"  {what}" for what in going)]))
    tell("stop all the same? [y/N] ")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise BadInput([kept])
