"""Say how far it is: a line every few seconds; who follows the run may draw a bar of it."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

from datasets.messages import human_size, say

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from datasets.get.download import Downloads
    from datasets.get.output import OutputFolder
    from datasets.get.part import Part
    from datasets.get.stream import ArrivingArchive

EVERY = 3
"""Seconds between two lines."""
WINDOW = 10
"""Samples that the rate is taken over."""


class Meter(threading.Thread):
    """Tells of the downloads, and of the archive that is unpacked now."""

    def __init__(self, parts: Sequence[Part], downloads: Downloads) -> None:
        super().__init__(daemon=True)
        self.parts, self.downloads = parts, downloads
        self.unpacked = 0
        """Files of the archives before this one."""
        self.unpacking: tuple[ArrivingArchive, OutputFolder] | None = None
        """The archive that is unpacked now, and where to."""
        self._over = threading.Event()
        self._samples = [(time.monotonic(), 0)]
        """When, and how many bytes had come in this run."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        """Tell until it is over."""
        while not self._over.wait(EVERY):
            share, text = self._state()
            # A log on a volume that is full takes nothing; why, is said at the end.
            with contextlib.suppress(OSError):
                say(f"{share * 100:3.0f} %  {text}")

    def _state(self) -> tuple[float, str]:
        """Return the share that is done, and the words beside it."""
        held, whole = sum(part.held.size for part in self.parts), sum(part.size or 0 for part in self.parts)
        known = all(part.size is not None for part in self.parts)
        rate, files = self._rate(), ""
        if self.unpacking:
            archive, output = self.unpacking
            files = f"  {self.unpacked + output.files:,} files unpacked"
            if known and held == whole:
                total = sum(part.size or 0 for part in archive.parts)
                done = f"unpacking {human_size(archive.position)} of {human_size(total)}"
                return archive.position / max(total, 1), f"{done}{files}"
        left = f"  {duration((whole - held) / rate)} left" if known and rate > 0 else ""
        of = f" of {human_size(whole)}" if known else ""
        return held / max(
            whole, held, 1
        ) if known else 0.0, f"{human_size(held)}{of}  {human_size(rate)}/s{left}{files}"

    def _rate(self) -> float:
        """Return bytes per second over the last samples."""
        self._samples = [*self._samples[-WINDOW:], (time.monotonic(), self.downloads.received)]
        (then, before), (now, received) = self._samples[0], self._samples[-1]
        return (received - before) / max(now - then, 0.1)


def duration(seconds: float) -> str:
    """Return a time in words ("2 h 5 min")."""
    minutes = int(seconds // 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min" if minutes else f"{int(seconds)} s"
