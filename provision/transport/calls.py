"""A request begins to be answered: by the program that was started with the login, or by one that starts now."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING

from provision.agent.words import Kind
from provision.transport import ahead, launcher
from provision.transport.sudo import AsRoot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provision.agent.wire.events import Event
    from provision.agent.wire.requests import Request
    from provision.transport.connection import Connection


def begin(connection: Connection, request: Request) -> tuple[AsRoot, Iterator[Event]]:
    """Have the program on a host answer a request; returns the command, and what it says as it comes."""
    return _early(connection, request) or _now(connection, request)


def _now(connection: Connection, request: Request) -> tuple[AsRoot, Iterator[Event]]:
    call = AsRoot(connection, launcher.command(request))

    def events() -> Iterator[Event]:
        heard = False
        for event in map(launcher.parse, call.lines()):
            if not heard and event["event"] != Kind.LOG:  # it has begun: so sudo has let us in
                heard = True
                login, connection.login = connection.login, None  # to keep it once is enough
                ahead.remember_root(login, asks_nothing=not call.sudo.password)
            yield event

    return call, events()


def _early(connection: Connection, request: Request) -> tuple[AsRoot, Iterator[Event]] | None:
    """Give the request to the program that waits for one; returns None where there is none that takes it."""
    channel, connection.early = connection.early, None
    if channel is None:
        return None
    if not connection.config.sudo.password:
        before: list[Event] = []
        with contextlib.suppress(OSError):  # it has ended; why, says the one that is started in its place
            channel.sendall(launcher.line(request))
            call = AsRoot(connection, begun=channel)
            events = map(launcher.parse, call.lines())
            for event in events:
                if event["event"] == Kind.ALIVE:
                    return call, itertools.chain(before, events)
                before.append(event)
    channel.close()
    return None
