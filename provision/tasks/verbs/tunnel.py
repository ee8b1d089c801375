"""`fab tunnel`: a web page of the host on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provision.model.errors import BadInput
from provision.tasks import forwarding
from provision.tasks.output import tell
from provision.tasks.verb import verb
from provision.transport.session import Session
from provision.work import cluster, door

if TYPE_CHECKING:
    from provision.tasks.context import Context


OPTIONS = {
    "port": "port on the host",
    "local": "port on this machine; the same where not given",
    "ray": "the dashboard of the hosts' cluster, on its head; its token is printed",
}


@verb(options=OPTIONS)
def tunnel(c: Context, *, port: str = "5000", local: str = "", ray: bool = False) -> None:
    """Open a port of the host (DIGITS) on this machine, until Ctrl-C."""
    if ray and (port != str(door.PORT) or c.limit):
        raise BadInput(["--ray names the port and the host: leave --port and --limit out"])
    port = str(cluster.DASHBOARD) if ray else port
    there, *rest = forwarding.ports(port=port, **({"local": local} if local else {}))
    here = rest[0] if rest else there
    host = c.everyone[0] if ray else c.one_host()
    with forwarding.listen("tunnel", here) as forwarder, Session(host, c.config, tell=tell) as session:
        if ray:
            print(f"the dashboard asks for this token, once a browser: {cluster.token(session)}")
        goal = _checked(session, there)
        line = f"http://127.0.0.1:{here} is port {there} of"
        forwarding.forward(forwarder, session, goal, lambda host: f"{line} {host}")


def _checked(session: Session, port: int) -> int:
    """Return the port to forward to: of DIGITS, that of its door, which checks whose page each request comes from.

    A browser lets any page of any site send requests to this machine's ports, under a name of that site's choice too.
    """
    if port in (door.PORT, door.BEHIND) and door.is_there(session):
        return door.INSIDE
    return port
