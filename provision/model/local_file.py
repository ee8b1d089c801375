"""Files of the user's machine that are replaced as a whole: nobody reads half of one, two writers do no harm."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECONDS = 0.1
"""Between two tries to get a lock on Windows, where none can be waited for."""


def replace_text(path: Path, text: str, *, mode: int | None = None) -> None:
    """Write a file anew in one move; `mode`: its permissions, where not the usual ones. Raises `OSError`."""
    part = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_native_id()}.part")
    try:
        part.write_text(text, encoding="utf-8", newline="\n")
        if mode is not None:
            part.chmod(mode)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep whoever else wants a folder for himself waiting: another process of this machine, or another thread."""
    try:
        import fcntl  # noqa: PLC0415 - Windows has none
    except ImportError:
        with _alone_on_windows(folder):
            yield
        return
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


@contextlib.contextmanager
def _alone_on_windows(folder: Path) -> Iterator[None]:
    """As `alone`, by a file: a folder cannot be opened there. It stays, hidden: another may wait for it by its name."""
    import msvcrt  # noqa: PLC0415
    from typing import Any  # noqa: PLC0415

    system: Any = msvcrt  # what it has is known to type checkers on Windows alone
    with (folder / ".gpurig.lock").open("ab") as file:
        while True:
            try:
                file.seek(0)
                system.locking(file.fileno(), system.LK_NBLCK, 1)
                break
            except OSError:
                time.sleep(SECONDS)
        try:
            yield
        finally:
            file.seek(0)
            system.locking(file.fileno(), system.LK_UNLCK, 1)
