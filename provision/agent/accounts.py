"""Files in folders that an account owns."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import hashlib
    from pathlib import Path


def give(path: Path, user: str) -> None:
    """Make a file or folder an account's."""
    shutil.chown(path, user, pwd.getpwnam(user).pw_gid)


def make_folder(folder: Path, user: str) -> None:
    """Make a folder, and those above it that are not there, an account's."""
    above = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(above):
        path.mkdir(exist_ok=True)  # another terminal may have been faster
        give(path, user)


def open_plain(path: Path) -> BinaryIO:
    """Open a file that an account could have put another thing in the place of: a link, a pipe, a device."""
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(22, "it is no plain file", str(path))
    return file


def hash_on(digest: hashlib._Hash, file: BinaryIO, size: int) -> int:
    """Feed up to `size` bytes of a file to a digest; returns how many there were."""
    left = size
    while left:
        data = file.read(min(left, 2**20))
        if not data:
            break
        digest.update(data)
        left -= len(data)
    return size - left
