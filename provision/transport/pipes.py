"""A shell command on a host as a pipe: bytes in or out, then its exit code."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Any

from provision.transport.session import SILENCE, Dropped

if TYPE_CHECKING:
    from provision.transport.session import Session


def begin(session: Session, command: str) -> Any:
    """Begin a command as the account and return its channel. Raises what paramiko does."""
    channel = session.connection.transport.open_session(timeout=SILENCE)
    channel.settimeout(SILENCE)
    channel.exec_command(os.fsencode(f"exec sh -c {shlex.quote(command)}"))
    return channel


def end(session: Session, channel: Any) -> tuple[int, str]:
    """Return a command's exit code and what it said on standard error. Raises `Dropped` where there is no code."""
    said = channel.makefile_stderr("rb").read().decode("utf-8", "replace")
    status = channel.recv_exit_status()
    channel.close()
    if status == -1:
        raise Dropped(session.host, "it was closed")
    return status, said
