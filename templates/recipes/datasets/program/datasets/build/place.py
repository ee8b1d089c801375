"""Where a data set is built: a hidden folder, which gets the data set's name once it is whole."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from typing import TYPE_CHECKING

from datasets.build.sources import Refused
from datasets.disk import sync_filesystem

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self


class Place:
    """The folder of a data set, and the hidden one beside it that it is built in, alone. Use as a context manager.

    `.NAME.part` is another's: what `fab dataset-get` has fetched of a data set so far.
    """

    def __init__(self, datasets: Path, name: str) -> None:
        self.final = datasets / name
        self.part, self.old = datasets / f".{name}.building", datasets / f".{name}.old"

    def __enter__(self) -> Self:
        self.part.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self.part, os.O_RDONLY)
        try:
            self._lock_alone()
            if self.old.exists() and not self.final.exists():
                self.old.rename(self.final)  # a build before this was cut off between the two names
            for path in (self.old, *self.part.iterdir()):
                _remove(path)
        except BaseException:
            os.close(self._lock)
            raise
        return self

    def _lock_alone(self) -> None:
        """Take the lock, which ends with this process. Raises `Refused` where another has it, or had it just now."""
        with contextlib.suppress(OSError):
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(self._lock), self.part.stat()):
                return
        raise Refused([f'"{self.final.name}" is being built already'], "fab ps lists runs, fab logs NAME follows one")

    def publish(self) -> None:
        """Give the data set its name, once all of it is on the disk; one that is there makes way."""
        sync_filesystem(self.part)
        if self.final.exists():
            self.final.rename(self.old)
        self.part.rename(self.final)
        sync_filesystem(self.final)

    def __exit__(self, *_: object) -> None:
        _remove(self.old)
        # By that name there may be another's by now.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(self._lock), self.part.stat()):
                _remove(self.part)
        os.close(self._lock)


def _remove(path: Path) -> None:
    """Remove a file, a folder, or nothing."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif path.exists() or path.is_symlink():
        path.unlink()
