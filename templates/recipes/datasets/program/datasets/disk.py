"""The disk that data sets lie on: its room, and what has reached it."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
from typing import TYPE_CHECKING

from datasets.messages import Failure, human_size

if TYPE_CHECKING:
    from pathlib import Path

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
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


def full(path: str | os.PathLike[str], kept: str) -> Failure:
    """Return the error of a volume that is full in the middle; `kept`: what of it stays, in words."""
    problem = f"the volume is full: {human_size(free(path))} left at {path}"
    return Failure(problem, f"{kept}\nmake room, or: fab volume-grow --size GIB; then the same command again")


def take_ballast(path: Path) -> None:
    """Take room for last words, as far as there is any: a log on a volume that is full would take no more."""
    with contextlib.suppress(OSError), path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, BALLAST)


def sync_filesystem(path: str | os.PathLike[str]) -> None:
    """Wait until all that was written to the file system of `path` is on its disk, as before a rename it has to be."""
    folder = os.open(path, os.O_RDONLY)
    try:
        if _libc.syncfs(folder):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path))
    finally:
        os.close(folder)


def punch_hole(file: int, start: int, end: int) -> None:
    """Give the disk these bytes of a file back, where its file system can do that."""
    _libc.fallocate(file, PUNCH, ctypes.c_long(start), ctypes.c_long(end - start))
