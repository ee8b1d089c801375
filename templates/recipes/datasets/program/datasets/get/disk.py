"""The disk that data sets lie on: its room, and what has reached it."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
from typing import TYPE_CHECKING

from datasets.get.words import Stop, amount

if TYPE_CHECKING:
    from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT)
"""Errors of a volume, or of an account's share of it, that takes no more."""
BALLAST = 2**20
"""Bytes."""
PUNCH = 3
"""FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, linux/falloc.h."""
_libc = ctypes.CDLL(None, use_errno=True)


def free(path: str | os.PathLike[str]) -> int:
    """Return the bytes that an account may still write where `path` is."""
    state = os.statvfs(path)
    return state.f_bavail * state.f_frsize


def full(path: str | os.PathLike[str], kept: str) -> Stop:
    """Return the error of a volume that is full in the middle; `kept`: what of it stays, in words."""
    problem = f"the volume is full: {amount(free(path))} left at {path}"
    return Stop(problem, f"{kept}\nmake room, or: fab volume-grow --size GIB; then the same command again")


class Ballast:
    """Room for last words: where the log is on the volume that is full, nothing else could be said."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def take(self) -> None:
        """Take the room, as far as there is any."""
        with contextlib.suppress(OSError), self._path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, BALLAST)

    def drop(self) -> None:
        """Give it back."""
        self._path.unlink(missing_ok=True)


def settle(path: str | os.PathLike[str]) -> None:
    """Wait until all that was written to the file system of `path` is on its disk, as before a rename it has to be."""
    folder = os.open(path, os.O_RDONLY)
    try:
        if _libc.syncfs(folder):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path))
    finally:
        os.close(folder)


def punch(file: int, start: int, end: int) -> None:
    """Give the disk these bytes of a file back, where its file system can do that."""
    _libc.fallocate(file, PUNCH, ctypes.c_long(start), ctypes.c_long(end - start))
