"""A shell command on a host, as the account, as a pipe: bytes in or out, then its exit code."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Any

from provision.model.errors import GpurigError
from provision.transport import launcher
from provision.transport.connection import dropping

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from provision.transport.session import Session

CHUNK = 2**18
"""Bytes that are read and written at once."""


class CommandFailed(GpurigError):
    """A command ended with another exit code than 0; the message is what it said on standard error."""


def receive(session: Session, command: str) -> Iterator[bytes]:
    """Yield what a command prints. Raises `Dropped`, and `CommandFailed` at its end."""
    with dropping(session.host):
        channel = _begin(session, command)
        while data := channel.recv(CHUNK):
            yield data
        _end(channel)


def send(session: Session, command: str, blocks: Iterable[bytes]) -> None:
    """Give a command its standard input. Raises `Dropped`, and `CommandFailed` where it does not take all of it."""
    with dropping(session.host):
        channel = _begin(session, command)
        for block in blocks:
            if channel.exit_status_ready():
                break
            channel.sendall(block)
        channel.shutdown_write()
        _end(channel)


def exchange(session: Session, command: str, given: str = "") -> str:
    """Give a command its standard input, and return what it prints. Raises `Dropped` and `CommandFailed`."""
    with dropping(session.host):
        channel = _begin(session, command)
        channel.sendall(given.encode())
        channel.shutdown_write()
        said = channel.makefile("rb").read().decode("utf-8", "replace")
        _end(channel)
    return str(said)


def _begin(session: Session, command: str) -> Any:
    words = os.fsencode(f"exec sh -c {shlex.quote(command)}")
    return launcher.channel(session.connection.transport, words, apart=True)


def _end(channel: Any) -> None:
    said = channel.makefile_stderr("rb").read().decode("utf-8", "replace")
    status = channel.recv_exit_status()
    channel.close()
    if status == -1:
        raise EOFError("it was closed")
    if status:
        raise CommandFailed(said.strip())
