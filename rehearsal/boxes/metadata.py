"""http://169.254.169.254 of the boxes: one listener in the router's namespace, which knows a box by its address.

Nothing of it is left behind: the socket goes with the process, the address with the namespace.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from rehearsal.boxes.network import METADATA_ADDRESS
from rehearsal.errors import RehearsalError
from rehearsal.hypervisor import Question

if TYPE_CHECKING:
    from collections.abc import Callable

    from rehearsal.hypervisor import Reply

PORT = 80
CLONE_NEWNET = 0x40000000
"""sched.h; os.setns is Python 3.12's."""
SILENCE = 60
"""Seconds after which a connection that asks nothing is closed."""
HOPS = 64


class MetadataService:
    """Serves all boxes of one cloud; `who` returns the instance that sends from an address."""

    def __init__(
        self, namespace: str, who: Callable[[str], str | None], answer: Callable[[str, Question], Reply]
    ) -> None:
        class Handler(_Handler):
            def reply_to(self, question: Question) -> Reply | None:
                instance_id = who(self.client_address[0])
                return answer(instance_id, question) if instance_id else None

        self._server = ThreadingHTTPServer((METADATA_ADDRESS, PORT), Handler, bind_and_activate=False)
        self._server.daemon_threads = True
        self._server.socket.close()
        self._server.socket = _listening_in(namespace)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="metadata", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = SILENCE

    def reply_to(self, question: Question) -> Reply | None:
        """Return the answer; None where nobody here has the asker's address."""
        raise NotImplementedError

    def version_string(self) -> str:
        """Return what EC2's own calls itself."""
        return "EC2ws"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _serve(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.reply_to(Question(method=self.command, path=self.path, headers=headers))
        if reply is None:
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in {**reply.headers, "Content-Length": str(len(reply.body))}.items():
            self.send_header(name, value)
        # What a container of the box asks for comes back over one hop more, and is lost where that is one too many.
        self.connection.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, reply.hops or HOPS)
        with contextlib.suppress(ConnectionError):
            self.end_headers()
            self.wfile.write(reply.body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve


def _listening_in(namespace: str) -> socket.socket:
    """Return a socket of a network namespace: it stays there, whichever thread takes its connections."""
    made: list[socket.socket] = []
    wrong: list[OSError] = []

    def make() -> None:
        try:
            place = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
            try:
                if ctypes.CDLL(None, use_errno=True).setns(place, CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            finally:
                os.close(place)
            made.append(socket.create_server((METADATA_ADDRESS, PORT), backlog=64))
        except OSError as error:
            wrong.append(error)

    # A thread of its own: what it enters, it never leaves.
    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    if wrong:
        raise RehearsalError(f"the metadata service of the boxes cannot listen in {namespace}: {wrong[0]}")
    return made[0]
