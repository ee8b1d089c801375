"""Lock files: the kernel frees one when its holder ends, however that ends, and what it says is who that was."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

from rehearsal.errors import RehearsalError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Held(RehearsalError):
    """Somebody else has the lock: `holder`, in words."""

    def __init__(self, path: Path) -> None:
        self.holder = path.read_text() or "a process that has just begun"
        super().__init__(f"{self.holder} holds {path}")


@contextlib.contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold an exclusive lock file; Held if `wait` is off and somebody else has it."""
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Held(path) from None
        file.truncate(0)
        file.write(f"process {os.getpid()}")
        file.flush()
        yield
