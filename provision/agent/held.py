"""Folders below an account's that are held open, so that what root does in them stays there.

Their names are the account's to change: it may rename a folder, and put a link in its place, at any moment. One that is
open stays the same, and `/proc/PID/fd/N` is a path to it that every program of root's can take.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Iterator

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@contextlib.contextmanager
def held(top: Path, *names: str) -> Iterator[Path]:
    """Hold a folder open that is reached from `top` without any link; yields a path to it, also for other programs.

    It is in use until the end of the block: nothing can unmount its volume. Raises `OSError` where a part is a link.
    """
    folder = os.open(top, FOLDER)
    try:
        for name in names:
            folder = _step(folder, name, top.joinpath(*names))
        yield Path("/proc", str(os.getpid()), "fd", str(folder))
    finally:
        os.close(folder)


@contextlib.contextmanager
def held_of_root(top: Path, *names: str) -> Iterator[Path]:
    """Hold a folder open that is root's alone, as all on the way from `top` to it; what is not there is made.

    Raises `OSError` where one of them is a link, or somebody else's, or others may write in it.
    """
    folder = os.open(top, FOLDER)
    try:
        for name in names:
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=folder)
            folder = _step(folder, name, top.joinpath(*names))
            seen = os.fstat(folder)
            if seen.st_uid != os.geteuid() or seen.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                problem = f"{name} is not root's alone, and root writes there: move it away"
                raise PermissionError(errno.EPERM, problem, str(top.joinpath(*names)))
        yield Path("/proc", str(os.getpid()), "fd", str(folder))
    finally:
        os.close(folder)


def _step(folder: int, name: str, path: Path) -> int:
    """Go on from an open folder to one in it; the first is closed, unless there is no second. `path`: for messages."""
    try:
        below = os.open(name, FOLDER, dir_fd=folder)
    except NotADirectoryError as error:
        raise NotADirectoryError(error.errno, f"{name} is a link, or no folder", str(path)) from error
    os.close(folder)
    return below
