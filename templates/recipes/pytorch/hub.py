"""The ear that the hosts of a training have to each other: each keeps a connection with the first one of them.

torchrun does not hear of a host that is gone until a collective gives up, which takes NCCL minutes and gloo half an
hour. So where one of them ends badly, or is heard no more, all are told, and end. Who says the token is in; nothing
here is secret beside it, and nothing is encrypted: the training's own connections are neither.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

BEAT, SILENCE = 5.0, 60.0
"""Seconds from one sign of life to the next, and without any after which a host is taken for gone."""
JOIN = 300.0
"""Seconds for all to come."""
LOOK = 0.2
LONGEST = 4096
"""Bytes of a message."""


class Gone(Exception):
    """The other side of a connection is."""


class Wire:
    """One side of a connection: messages are lines of JSON, an empty line is a sign of life."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(SILENCE)
        self._connection, self._lock = connection, threading.Lock()
        self._reads = connection.makefile("rb")
        self._open = True
        threading.Thread(target=self._beat, daemon=True).start()

    def _beat(self) -> None:
        while self._open:
            self.send()
            time.sleep(BEAT)

    def send(self, **message: Any) -> None:
        """Send a message, if there is anybody; that there is nobody is found out by listening."""
        with contextlib.suppress(OSError), self._lock:
            self._connection.sendall((json.dumps(message) if message else "").encode() + b"\n")

    def hear(self) -> Iterator[dict[str, Any]]:
        """Yield messages. Raises `Gone` where the other side ends, is silent or talks of something else."""
        with contextlib.suppress(OSError, ValueError, TypeError):
            while (line := self._reads.readline(LONGEST)).endswith(b"\n"):
                if line.strip():
                    yield dict(json.loads(line))
        raise Gone

    def close(self) -> None:
        """Say no more."""
        self._open = False
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()


class Hub:
    """On the first host: who is there, and what all are told."""

    def __init__(self, names: list[str], address: str, port: int, token: str) -> None:
        self.names, self.address, self.token = names, address, token
        self.over = threading.Event()
        """Nobody has to be told anything more."""
        self._lock = threading.Lock()
        self._wires: dict[int, Wire] = {}
        self._ended: set[int] = set()
        self._listener = socket.create_server((address, port))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        """Let all in, each once."""
        deadline = time.monotonic() + JOIN
        self._listener.settimeout(LOOK)
        while len(self._wires) < len(self.names) and not self.over.is_set():
            with contextlib.suppress(OSError):  # nobody in time, or one who went again
                connection, _ = self._listener.accept()
                threading.Thread(target=self._host, args=(Wire(connection),), daemon=True).start()
            if time.monotonic() > deadline:
                missing = [name for rank, name in enumerate(self.names) if rank not in self._wires]
                self._tell(stop=f"{', '.join(missing)} did not come within {JOIN:.0f} s")
        self._listener.close()

    def _host(self, wire: Wire) -> None:
        """Let a host in, and hear it until it has ended."""
        heard, rank = wire.hear(), -1
        try:
            rank = self._let_in(wire, next(heard))
            for message in heard:
                if "end" in message:
                    self._has_ended(rank, message)
        except OSError as error:
            self._tell(stop=f"{self.names[0]} has no port for all to meet: {os.strerror(error.errno or 0)}")
        except (Gone, KeyError, TypeError, ValueError):
            if rank < 0:
                wire.close()
            elif rank not in self._ended:
                self._tell(stop=f"{self.names[rank]} is not heard any more")

    def _let_in(self, wire: Wire, hello: dict[str, Any]) -> int:
        """Return the number of a host that says the token. Raises `Gone` for anybody else."""
        if not hmac.compare_digest(str(hello["token"]).encode(), self.token.encode()):
            raise Gone
        with self._lock:
            rank = int(hello["rank"])
            if rank in self._wires or not 0 <= rank < len(self.names):
                raise Gone
            self._wires[rank] = wire
            if len(self._wires) == len(self.names):
                # Asked for at the last moment: what else begins meanwhile takes a port, too.
                port = free_port(self.address)
                for one in self._wires.values():
                    one.send(go=port)
        return rank

    def _has_ended(self, rank: int, message: dict[str, Any]) -> None:
        self._ended.add(rank)
        if message["end"]:
            how = message.get("why") or f"ended with exit code {message['end']}"
            self._tell(stop=f"{self.names[rank]} {how}")
        elif len(self._ended) == len(self.names):
            self._tell(over=True)

    def _tell(self, **message: Any) -> None:
        """Tell all how it ends, once: the first reason counts."""
        with self._lock:
            if not self.over.is_set():
                for wire in self._wires.values():
                    wire.send(**message)
            self.over.set()


def free_port(address: str) -> int:
    """Return a port that nobody has at an address of this host. Raises `OSError` where it is none."""
    with socket.create_server((address, 0)) as server:
        return int(server.getsockname()[1])
