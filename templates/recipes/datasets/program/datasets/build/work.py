"""Where a data set is built, and the processes that build it."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import time
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

from datasets.build.picture import make
from datasets.build.sources import Refused

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path
    from typing import Self

    from datasets.build.picture import Job, Made

CHUNK = 8
"""Pictures that a process takes at a time."""
PROGRESS_SECONDS = 3


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
            self._alone()
            if self.old.exists() and not self.final.exists():
                self.old.rename(self.final)  # a build before this was cut off between the two names
            for path in (self.old, *self.part.iterdir()):
                remove(path)
        except BaseException:
            os.close(self._lock)
            raise
        return self

    def _alone(self) -> None:
        """Take the lock, which ends with this process. Raises `Refused` where another has it, or had it just now."""
        with contextlib.suppress(OSError):
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(self._lock), self.part.stat()):
                return
        raise Refused([f'"{self.final.name}" is being built already'], "fab ps lists runs, fab logs NAME follows one")

    def publish(self) -> None:
        """Give the data set its name, once all of it is on the disk; one that is there makes way."""
        sync(self._lock)
        if self.final.exists():
            self.final.rename(self.old)
        self.part.rename(self.final)
        sync(self._lock)

    def __exit__(self, *_: object) -> None:
        remove(self.old)
        # By that name there may be another's by now.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(self._lock), self.part.stat()):
                remove(self.part)
        os.close(self._lock)


def sync(file: int) -> None:
    """Write all of an open file's file system to its disk, and wait: no other disk's. Raises `OSError`."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syncfs(file):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def remove(path: Path) -> None:
    """Remove a file, a folder, or nothing."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif path.exists() or path.is_symlink():
        path.unlink()


def run(jobs: Sequence[Job], workers: int) -> Generator[Made, None, None]:
    """Yield what comes of each job, in their order, and say every few seconds how far it is.

    Raises `OSError` where a file cannot be written. What is not begun when the caller stops is not begun any more.
    """
    for folder in {job.stem.parent for job in jobs}:
        folder.mkdir(parents=True, exist_ok=True)
    began = said = time.monotonic()
    # What ends the main process in order ends these at once.
    pool = ProcessPoolExecutor(workers, initializer=signal.signal, initargs=(signal.SIGTERM, signal.SIG_DFL))
    try:
        for done, made in enumerate(pool.map(make, jobs, chunksize=CHUNK), 1):
            yield made
            now = time.monotonic()
            if now - said >= PROGRESS_SECONDS:
                said = now
                print(progress(done, len(jobs), now - began), flush=True)
    finally:
        pool.shutdown(cancel_futures=True)


def progress(done: int, jobs: int, seconds: float) -> str:
    """Return the line that says how far the build is."""
    rate = done / seconds
    left = (jobs - done) / rate
    return f"{100 * done // jobs:>3} %  {done} of {jobs} pictures, {rate:.0f} a second, {left:.0f} s left"
