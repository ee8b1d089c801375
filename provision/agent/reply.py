"""What the client hears: JSON lines on standard output."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from typing import TYPE_CHECKING

from provision.agent.words import Kind

if TYPE_CHECKING:
    from provision.agent.wire.events import Event

HEARTBEAT = 10
"""Seconds between signs of life; a client that hears none for longer connects again."""
_LOCK = threading.Lock()


class Refused(Exception):
    """The request cannot be met: what is wrong, the way out, and whether what was named is just not on this host."""

    def __init__(self, problem: str, hint: str = "", *, missing: bool = False) -> None:
        super().__init__(problem)
        self.hint = hint
        self.missing = missing


def say(event: Event) -> None:
    """Tell the client one event."""
    with _LOCK:
        print(json.dumps(event), flush=True)


def beat(*, leave: bool) -> None:
    """Give the client a sign of life now and then: a verify script or a run may say nothing for long.

    `leave`: end this program when the client is gone.
    """
    with contextlib.suppress(OSError, ValueError):
        while True:
            time.sleep(HEARTBEAT)
            say({"event": Kind.ALIVE})
    if leave:
        os._exit(1)
