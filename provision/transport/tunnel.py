"""Forward a port of this machine to a port of a host, over an SSH connection that is open already.

Fabric's own forwarder ends on the first connection that the host refuses; this one tells it and goes on.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
import time
from typing import TYPE_CHECKING, Any, Self

import paramiko

if TYPE_CHECKING:
    from collections.abc import Callable

LOOPBACK = "127.0.0.1"
CHUNK = 65536
OPEN_SECONDS = 30
_ERRORS = (paramiko.SSHException, OSError, EOFError)


class _Handler(socketserver.BaseRequestHandler):
    """One connection to the local port."""

    server: Forwarder
    request: socket.socket

    def handle(self) -> None:
        """Open a channel to the host's port and copy in both directions until both have ended."""
        channel = self.server.channel(self.client_address)
        if channel is None:
            return
        with contextlib.closing(channel):
            up = threading.Thread(target=_copy, args=(self.request, channel), daemon=True)
            up.start()
            _copy(channel, self.request)
            up.join()


class Forwarder(socketserver.ThreadingTCPServer):
    """Listens on a port of the loopback interface; `run` forwards what comes. Use as a context manager.

    Raises `OSError` when the local port cannot be had.
    """

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    transport: paramiko.Transport

    port: int

    def __init__(self, local: int, tell: Callable[[str], None]) -> None:
        self.tell = tell
        self._told = ""
        super().__init__((LOOPBACK, local), _Handler)

    def __enter__(self) -> Self:
        return self

    def run(self, transport: paramiko.Transport, port: int) -> None:
        """Forward to a port of the host over `transport` until that ends."""
        self.transport, self.port = transport, port
        threading.Thread(target=self.serve_forever, daemon=True).start()
        try:
            while transport.is_active():
                time.sleep(0.2)
        finally:
            self.shutdown()

    def channel(self, origin: tuple[str, int]) -> paramiko.Channel | None:
        """Return a channel to the host's port; None when there is no way in, which is told once in a row."""
        goal = ("localhost", self.port)
        try:
            channel = self.transport.open_channel("direct-tcpip", goal, origin, timeout=OPEN_SECONDS)
        except _ERRORS as error:
            why = error.text if isinstance(error, paramiko.ChannelException) else str(error) or type(error).__name__
            if why != self._told:
                self.tell(f"port {self.port} of the host takes no connection ({why}); the tunnel stays open")
            self._told = why
            return None
        self._told = ""
        return channel


def _copy(source: Any, goal: Any) -> None:
    """Copy until `source` has ended, then end that direction only; an error ends both."""
    try:
        while data := source.recv(CHUNK):
            goal.sendall(data)
        goal.shutdown(socket.SHUT_WR)
    except _ERRORS:
        for end in (source, goal):
            # What was closed by the other side already cannot be shut again.
            with contextlib.suppress(*_ERRORS):
                end.shutdown(socket.SHUT_RDWR)
