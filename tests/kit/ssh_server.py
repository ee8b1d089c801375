"""An SSH server in the process of the test: it lets any key in, and says its name or what it is told to."""

from __future__ import annotations

import contextlib
import socket
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import paramiko

PORT = 2022
"""The same on every address: what moves between addresses keeps its port."""


_FORBIDDEN = paramiko.common.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED


def _copy(source: Any, goal: Any) -> None:
    try:
        while data := source.recv(65536):
            goal.sendall(data)
        goal.shutdown(socket.SHUT_WR)
        if isinstance(goal, paramiko.Channel):
            goal.close()  # the box has ended: nobody at the other end has anything more to say to it
    except (OSError, EOFError):
        # Whoever waits at either end hears of it.
        source.close()
        goal.close()


class _Door(paramiko.ServerInterface):
    """Lets any public key in and takes any command."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.goals: dict[int, str] = {}
        """Channel → the address that it goes on to."""

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        del username, key
        self.server.logins += not self.server.refuses
        return int(paramiko.common.AUTH_FAILED if self.server.refuses else paramiko.common.AUTH_SUCCESSFUL)

    def get_allowed_auths(self, username: str) -> str:
        del username
        return "publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        del kind, chanid
        return int(paramiko.common.OPEN_SUCCEEDED)

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        # A moment later: the client wants to hear first that the command is taken.
        threading.Timer(0.1, self._answer_one, args=(channel, command)).start()
        return True

    def check_channel_direct_tcpip_request(
        self, chanid: int, origin: tuple[str, int], destination: tuple[str, int]
    ) -> int:
        del origin
        self.server.dialled.append(destination[0])
        goal = self.server.knows.get(destination[0])
        if goal is None:
            return int(paramiko.common.OPEN_FAILED_CONNECT_FAILED if self.server.knows else _FORBIDDEN)
        self.goals[chanid] = goal
        return int(paramiko.common.OPEN_SUCCEEDED)

    def forward(self, transport: paramiko.Transport) -> None:
        """Connect what is to go on to elsewhere."""
        while transport.is_active():
            channel = transport.accept(0.2)
            if channel is not None and (goal := self.goals.get(channel.get_id())):
                try:
                    there = socket.create_connection((goal, PORT))
                except OSError:
                    channel.close()
                    continue
                for ends in ((channel, there), (there, channel)):
                    threading.Thread(target=_copy, args=ends, daemon=True).start()

    def _answer_one(self, channel: paramiko.Channel, command: bytes) -> None:
        with contextlib.suppress(OSError, EOFError):  # the client has gone
            self._answer(channel, command)

    def _answer(self, channel: paramiko.Channel, command: bytes) -> None:
        if self.server.acts:
            self.server.acts(channel, command.decode())
            channel.close()
            return
        channel.sendall(self.server.says or f"{self.server.name} did {command.decode()}\n".encode())
        if b'"send"' in self.server.says:
            self.server.asked.append(zlib.decompress(channel.makefile("rb").read()).decode())
        self.server.answered += 1
        channel.send_exit_status(0)
        channel.close()


class Server:
    """Servers of one host, at addresses that change, with one host key."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.key = paramiko.ECDSAKey.generate()
        self.says = b""
        """What answers each command, in place of its name."""
        self.acts: Callable[[paramiko.Channel, str], None] | None = None
        """What is done instead with a channel and its command."""
        self.asked: list[str] = []
        """What was sent where `says` wants it, as a box's program does."""
        self.met = 0
        """How many connections came."""
        self.refuses = False
        """Whether it lets nobody in."""
        self.logins = 0
        """How many were let in."""
        self.answered = 0
        """How many commands were answered."""
        self.knows: dict[str, str] = {}
        """Where it goes on to for those who come through it: the address that they name → the true one."""
        self.dialled: list[str] = []
        """The addresses that were named so."""

    @property
    def console(self) -> str:
        """What an instance's console shows of the key."""
        line = f"{self.key.get_name()} {self.key.get_base64()}"
        return f"-----BEGIN SSH HOST KEY KEYS-----\n{line} root@box\n-----END SSH HOST KEY KEYS-----\n"

    def known_at(self, address: str) -> str:
        """Return the line of known_hosts for it."""
        return f"[{address}]:{PORT} {self.key.get_name()} {self.key.get_base64()}\n"

    @contextlib.contextmanager
    def at(self, address: str) -> Iterator[None]:
        """Answer at an address of the loopback network meanwhile."""
        with socket.create_server((address, PORT)) as listening:
            thread = threading.Thread(target=self._serve, args=(listening,), daemon=True)
            thread.start()
            yield
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()

    def _serve(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            self.met += 1
            transport = paramiko.Transport(connection)
            transport.add_server_key(self.key)
            with contextlib.suppress(paramiko.SSHException, EOFError, OSError):  # a client that goes away again
                door = _Door(self)
                transport.start_server(server=door)
                threading.Thread(target=door.forward, args=(transport,), daemon=True).start()


def known_to(home: Path, servers: Mapping[str, Server]) -> None:
    """Write the host keys of servers, by address, and a key of the user's, into a home folder."""
    (home / ".ssh").mkdir(parents=True)
    rows = [f"[{at}]:{PORT} {one.key.get_name()} {one.key.get_base64()}\n" for at, one in servers.items()]
    (home / ".ssh" / "known_hosts").write_text("".join(rows))
    paramiko.ECDSAKey.generate().write_private_key_file(str(home / ".ssh" / "id_ecdsa"))


def user_key(folder: Path) -> Path:
    """Write a private key and return its path."""
    path = folder / "id_ecdsa"
    paramiko.ECDSAKey.generate().write_private_key_file(str(path))
    return path
