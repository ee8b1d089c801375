"""`fab tunnel`: a web page of the host on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provision.model.checks import PORT, port_of
from provision.model.errors import BadInput, Unreachable
from provision.model.schema import plain
from provision.tasks.output import tell
from provision.tasks.verb import verb
from provision.transport.session import Session
from provision.transport.tunnel import Forwarder
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
    there, here = _ports(str(cluster.DASHBOARD) if ray else port, local)
    host = c.everyone[0] if ray else c.one_host()
    try:
        forwarder = Forwarder(here, tell)
    except OSError as error:
        message = f"port {here} of this machine cannot be had: {error}"
        raise BadInput([message], hint="name a free one: fab tunnel --local PORT") from error
    with forwarder, Session(host, c.config, tell=tell) as session:
        transport, host = session.connection.transport, session.host
        try:
            if ray:
                print(f"the dashboard asks for this token, once a browser: {cluster.token(session)}")
            print(f"http://127.0.0.1:{here} is port {there} of {host}; Ctrl-C closes it", flush=True)
            forwarder.run(transport, _checked(session, there))
        except KeyboardInterrupt:
            return
        raise Unreachable(f"the connection to {host} was lost", hint="the same command opens it again")


def _checked(session: Session, port: int) -> int:
    """Return the port to forward to: of DIGITS, that of its door, which checks whose page each request comes from.

    A browser lets any page of any site send requests to this machine's ports, under a name of that site's choice too.
    """
    if port in (door.PORT, door.BEHIND) and door.is_there(session):
        return door.INSIDE
    return port


def _ports(port: str, local: str) -> tuple[int, int]:
    """Return both ports as numbers; `local` may be empty. Raises `BadInput`, for a word that was typed once only."""
    there = port_of(port)
    here = port_of(local) if local else there
    wrong = [f"--port {port}"] * (there is None) + [f"--local {local}"] * bool(local and here is None)
    if there is None or here is None:
        raise BadInput(f"{plain(word)}: write {PORT.allowed}" for word in wrong)
    return there, here
