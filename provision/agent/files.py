"""Files of the program's own, each written whole or not at all, and locks."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from typing import TYPE_CHECKING, Any, Iterator

from provision.agent.paths import HOME

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace `path` so that a power cut leaves the old text or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def load(path: Path) -> Any:
    """Return the content of a JSON file of ours, None when it is not there or is not whole."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def remove(path: Path) -> None:
    """Drop a file that may not be there."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


@contextlib.contextmanager
def lock(name: str, *, wait: bool = True) -> Iterator[bool]:
    """Hold a lock file; yields False, without waiting, when `wait` is off and somebody has it."""
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / name).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True


def locked(name: str) -> bool:
    """Return whether somebody holds a lock. Asked shared: those who ask never take each other for a holder."""
    try:
        with (HOME / name).open(encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
