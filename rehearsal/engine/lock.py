"""One update of a stack at a time.

The lock is `flock` on a file in Pulumi's lock folder, so that the kernel frees it when its holder dies, however that
happens; what the file says (in Pulumi's words: pid, username, hostname, timestamp) is for people and for the real CLI.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import getpass
import json
import os
import socket
from typing import TYPE_CHECKING, Any

from rehearsal.engine.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_OURS = "stand-in.json"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the stack's lock; raise EngineError at once where another process holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = _take(folder / _OURS)
    if handle is None or (others := [file for file in folder.glob("*.json") if file.name != _OURS]):
        if handle is not None:
            _free(folder / _OURS, handle)
        raise EngineError(_refusal(others if handle is not None else [folder / _OURS]))
    try:
        yield
    finally:
        _free(folder / _OURS, handle)


def cancel(folder: Path) -> None:
    """Remove what dead processes left; raise EngineError where a live one is at work."""
    if (folder / _OURS).exists():
        handle = _take(folder / _OURS)
        if handle is None:
            raise EngineError(f"an update is at work; end that process first\n{_describe(folder / _OURS)}")
        _free(folder / _OURS, handle)
    for file in folder.glob("*.json"):
        file.unlink(missing_ok=True)


def _take(file: Path) -> int | None:
    """Lock the file and sign it; None where someone else has it."""
    while True:
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        with contextlib.suppress(FileNotFoundError):
            # The holder before us may have removed the file between our open and our lock.
            if os.stat(file).st_ino == os.fstat(handle).st_ino:  # noqa: PTH116  the twin of fstat
                break
        os.close(handle)
    now = dt.datetime.now(dt.UTC).isoformat()
    content = {"pid": os.getpid(), "username": getpass.getuser(), "hostname": socket.gethostname(), "timestamp": now}
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps(content).encode(), 0)
    return handle


def _free(file: Path, handle: int) -> None:
    file.unlink(missing_ok=True)
    os.close(handle)


def _describe(file: Path) -> str:
    try:
        holder: dict[str, Any] = json.loads(file.read_text())
    except (OSError, ValueError):
        holder = {}
    who = f"{holder.get('username', '?')}@{holder.get('hostname', '?')}"
    return f"  {file}: created by {who} (pid {holder.get('pid', '?')}) at {holder.get('timestamp', '?')}"


def _refusal(files: list[Path]) -> str:
    advice = (
        f"the stack is currently locked by {len(files)} lock(s). Either wait for the other process(es) to end or "
        "delete the lock file with `pulumi cancel`."
    )
    return "\n".join([advice, *map(_describe, files)])
