"""Send one large file to a host, whole and checked; what was cut off goes on where it was."""

from __future__ import annotations

import hashlib
import shlex
from typing import TYPE_CHECKING

import paramiko

from provision.agent.transfer_host import hash_on
from provision.model.errors import GpurigError
from provision.transport import pipes
from provision.transport.session import DROPS, Dropped
from provision.work.runs import DATASETS, amount, one

if TYPE_CHECKING:
    from pathlib import Path

    from provision.screen.progress import View
    from provision.transport.session import Session

CHUNK = 2**18
"""Bytes that are read and sent at once."""
TRIES = 3
"""Times that a file may turn out to be another one than was sent."""


def upload(session: Session, path: Path, remote: str, goal: str, out: View) -> str:
    """Send a file; returns its SHA-256. Where the data set `goal` is there already, nothing is sent.

    A connection that drops is bridged. Raises `GpurigError` where there is no room, and for a file that changes.
    """
    size, drops, tries = path.stat().st_size, 0, 0
    while True:
        try:
            here = one(session, "arrived", DATASETS, path=remote, size=size, goal=goal)
            start = here["size"] if here["size"] <= size and _digest(path, here["size"]) == here["sha256"] else 0
            if here["there"] or start == size:
                return _digest(path, size)
            if tries == TRIES:
                raise GpurigError(f"{path} changes while it is sent", hint="the same command, later")
            if here["room"] < size - start:
                problem = f"there is room for {amount(here['room'])} on {session.host}, and {path} takes {amount(size)}"
                raise GpurigError(problem, hint="make room, or: fab volume-grow --size GIB")
            _pour(session, path, remote, start, out)
            tries += 1
        except Dropped as error:
            drops += 1
            if drops > DROPS:
                raise
            session.reconnect(error.why)


def _digest(path: Path, size: int) -> str:
    """Return the SHA-256 of a file's first bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        hash_on(digest, file, size)
    return digest.hexdigest()


def _pour(session: Session, path: Path, remote: str, start: int, out: View) -> None:
    """Send what is behind `start`. Raises `Dropped`, and `GpurigError` where the host cannot write."""
    write = f"truncate -s {start} {shlex.quote(remote)} && exec cat >>{shlex.quote(remote)}"
    size = path.stat().st_size
    try:
        channel = pipes.begin(session, write)
        with path.open("rb") as file:
            file.seek(start)
            while (data := file.read(CHUNK)) and not channel.exit_status_ready():
                channel.sendall(data)
                out.now(f"{file.tell() * 100 // size} %  {amount(file.tell())} of {amount(size)} sent")
        channel.shutdown_write()
        status, said = pipes.end(session, channel)
    except (OSError, EOFError, paramiko.SSHException) as error:
        raise Dropped(session.host, str(error) or type(error).__name__) from error
    if status:
        raise GpurigError(f"{remote} cannot be written on {session.host}: {said.strip()}", hint="what arrived is kept")
