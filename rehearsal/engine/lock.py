"""One update of a stack at a time, in Pulumi's own way: each holder has a file in the stack's lock folder.

A holder that was killed leaves its file, and the stack stays locked until `pulumi cancel`: what that holder was doing
may be half done, and somebody has to look.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import getpass
import json
import os
import socket
import uuid
from typing import TYPE_CHECKING, Any

from rehearsal.engine.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the stack's lock; raise EngineError at once where another process holds it, or held it and was killed."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / f"{uuid.uuid4()}.json"
    now = dt.datetime.now(dt.UTC).isoformat()
    holder = {"pid": os.getpid(), "username": getpass.getuser(), "hostname": socket.gethostname(), "timestamp": now}
    lock.write_text(json.dumps(holder))
    try:
        if others := sorted(file for file in folder.glob("*.json") if file != lock):
            raise EngineError(_refusal(others))
        yield
    finally:
        lock.unlink(missing_ok=True)


def cancel(folder: Path) -> None:
    """Remove every lock, also that of a process which is still at work."""
    for file in folder.glob("*.json"):
        file.unlink(missing_ok=True)


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
