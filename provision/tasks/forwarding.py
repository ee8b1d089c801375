"""A port of this machine that leads to one of a host's, until Ctrl-C."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provision.model.checks import PORT, port_of
from provision.model.errors import BadInput, Unreachable
from provision.model.schema import plain
from provision.tasks.output import tell
from provision.transport.tunnel import Forwarder

if TYPE_CHECKING:
    from collections.abc import Callable

    from provision.model.host import Host
    from provision.transport.session import Session

NEXT = 50
"""How many ports are tried where any will do."""
_LAST = 65535


def ports(**words: str) -> list[int]:
    """Return what options say, as ports. Raises `BadInput` with each that is none."""
    found = {option: port_of(word) for option, word in words.items()}
    if wrong := [option for option, port in found.items() if port is None]:
        raise BadInput(f"--{option} {plain(words[option])}: write {PORT.allowed}" for option in wrong)
    return [port for port in found.values() if port is not None]


def listen(verb: str, port: int) -> Forwarder:
    """Listen at a port of this machine. Raises `BadInput` where it cannot be had."""
    try:
        return Forwarder(port, tell)
    except OSError as error:
        message = f"port {port} of this machine cannot be had: {error}"
        raise BadInput([message], hint=f"name a free one: fab {verb} --local PORT") from error


def listen_near(verb: str, port: int) -> Forwarder:
    """Listen at a port of this machine or, where that is taken, at the next one that is free."""
    for near in range(port, min(port + NEXT, _LAST)):
        try:
            return Forwarder(near, tell)
        except OSError:
            continue
    return listen(verb, port)


def forward(forwarder: Forwarder, session: Session, port: int, line: Callable[[Host], str]) -> None:
    """Connect, say a line of the host where it was found, then forward until Ctrl-C.

    Raises `Unreachable` when the connection is lost before that.
    """
    transport = session.connection.transport
    try:
        print(f"{line(session.host)}; Ctrl-C closes it", flush=True)
        forwarder.run(transport, port)
    except KeyboardInterrupt:
        return
    raise Unreachable(f"the connection to {session.host} was lost", hint="the same command opens it again")
