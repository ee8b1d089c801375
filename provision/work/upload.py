"""Send one large file to a host, whole and checked; what was cut off goes on where it was."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from provision.agent.verbs import Verb
from provision.agent.wire import answers
from provision.model.digest import sha256
from provision.model.errors import GpurigError
from provision.model.words import amount
from provision.transport import pipes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provision.agent.wire.requests import Arrived
    from provision.screen.progress import View
    from provision.transport.session import Session

TRIES = 3
"""Times that a file may turn out to be another one than was sent."""


def upload(session: Session, path: Path, remote: str, goal: str, out: View) -> str:
    """Send a file; returns its SHA-256. Where the data set `goal` is there already, nothing is sent.

    A connection that drops is bridged. Raises `GpurigError` where there is no room, and for a file that changes.
    """
    size, tries = path.stat().st_size, 0
    question: Arrived = {"verb": Verb.ARRIVED, "path": remote, "size": size, "goal": goal}

    def attempt() -> Iterator[str]:
        nonlocal tries
        while True:
            here = session.answer(question, answers.Arrived)
            start = here["size"] if here["size"] <= size and sha256(path, here["size"]) == here["sha256"] else 0
            if here["there"] or start == size:
                yield sha256(path, size)
                return
            if tries == TRIES:
                raise GpurigError(f"{path} changes while it is sent", hint="the same command, later")
            if here["room"] < size - start:
                problem = f"there is room for {amount(here['room'])} on {session.host}, and {path} takes {amount(size)}"
                raise GpurigError(problem, hint="make room, or: fab volume-grow --size GIB")
            _pour(session, path, remote, start, out)
            tries += 1

    return next(session.bridged(attempt))


def _pour(session: Session, path: Path, remote: str, start: int, out: View) -> None:
    """Send what is behind `start`. Raises `Dropped`, and `GpurigError` where the host cannot write."""
    write = f"truncate -s {start} {shlex.quote(remote)} && exec cat >>{shlex.quote(remote)}"
    try:
        pipes.send(session, write, _blocks(path, start, out))
    except pipes.CommandFailed as error:
        problem = f"{remote} cannot be written on {session.host}: {error.what}"
        raise GpurigError(problem, hint="what arrived is kept") from error


def _blocks(path: Path, start: int, out: View) -> Iterator[bytes]:
    """Yield a file from `start` on, and show how far it is."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(start)
        while data := file.read(pipes.CHUNK):
            out.now(f"{file.tell() * 100 // size} %  {amount(file.tell())} of {amount(size)} sent")
            yield data
