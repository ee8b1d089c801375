"""The processes that build pictures, over all cores."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

from datasets.build.picture import make

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from datasets.build.picture import Job, Made

CHUNK = 8
"""Pictures that a process takes at a time."""
PROGRESS_SECONDS = 3


def run(jobs: Sequence[Job], workers: int) -> Generator[Made, None, None]:
    """Yield what comes of each job, in their order, and say every few seconds how far it is.

    Raises `OSError` where a file cannot be written. What is not begun when the caller stops is not begun any more.
    """
    for folder in {job.stem.parent for job in jobs}:
        folder.mkdir(parents=True, exist_ok=True)
    began = last_line = time.monotonic()
    # What ends the main process in order ends these at once.
    pool = ProcessPoolExecutor(workers, initializer=signal.signal, initargs=(signal.SIGTERM, signal.SIG_DFL))
    try:
        for done, made in enumerate(pool.map(make, jobs, chunksize=CHUNK), 1):
            yield made
            now = time.monotonic()
            if now - last_line >= PROGRESS_SECONDS:
                last_line = now
                print(progress(done, len(jobs), now - began), flush=True)
    finally:
        pool.shutdown(cancel_futures=True)


def progress(done: int, jobs: int, seconds: float) -> str:
    """Return the line that says how far the build is."""
    rate = done / seconds
    left = (jobs - done) / rate
    return f"{100 * done // jobs:>3} %  {done} of {jobs} pictures, {rate:.0f} a second, {left:.0f} s left"
