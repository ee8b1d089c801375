"""What is done in folders that an account owns.

It is done as that account: a link that it has put there leads no further than it may go itself.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import stat
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import hashlib
    from pathlib import Path
    from typing import Iterator


@contextlib.contextmanager
def as_account(user: str) -> Iterator[None]:
    """Have an account's rights to files, and none of root's, until the end of the block: this process, all threads.

    What is root's (locks, services, mounts, other programs) is done before or after. Never around a `yield`: who takes
    the next value would have these rights too. Nothing changes where this process is not root's, or the account is.
    """
    entry = pwd.getpwnam(user)
    if os.geteuid() != 0 or entry.pw_uid == 0:
        yield
        return
    group, groups = os.getegid(), os.getgroups()
    try:
        # The real user stays root, so that no process of the account's can stop this one or look into it.
        os.initgroups(user, entry.pw_gid)
        os.setegid(entry.pw_gid)
        os.seteuid(entry.pw_uid)
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


def words_as(user: str) -> tuple[str, ...]:
    """Return the words before a program's that have it run as an account."""
    group = str(pwd.getpwnam(user).pw_gid)
    return ("setpriv", f"--reuid={user}", f"--regid={group}", "--init-groups", "--")


def write_private(path: Path, text: str) -> None:
    """Replace a file that only its owner may read, as that; a power cut leaves the old text or the new one."""
    part = path.with_name(f".{path.name}.part")
    with contextlib.suppress(FileNotFoundError):
        part.unlink()
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


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
