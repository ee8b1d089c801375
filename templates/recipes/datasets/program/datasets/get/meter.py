"""Say how far it is: a line every few seconds; who follows the run may draw a bar of it."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

from datasets.get.words import amount, say

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from datasets.get.download import Downloads
    from datasets.get.feed import Feed
    from datasets.get.part import Part
    from datasets.get.tree import Tree

EVERY = 3
"""Seconds between two lines."""
WINDOW = 10
"""Looks that the rate is taken over."""


class Meter(threading.Thread):
    """Tells of the downloads, and of the archive that is unpacked now."""

    def __init__(self, parts: Sequence[Part], downloads: Downloads) -> None:
        super().__init__(daemon=True)
        self.parts, self.downloads = parts, downloads
        self.reads: tuple[Feed, Tree] | None = None
        self.unpacked = 0
        """Files of the archives before this one."""
        self._over = threading.Event()
        self._looks = [(time.monotonic(), 0)]

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
        came = self.downloads.came
        self._looks = [*self._looks[-WINDOW:], (time.monotonic(), came)]
        (then, before), (now, _) = self._looks[0], self._looks[-1]
        rate = (came - before) / max(now - then, 0.1)
        here, whole = sum(part.here for part in self.parts), sum(part.size or 0 for part in self.parts)
        known = all(part.size is not None for part in self.parts)
        files = f"  {self.unpacked + self.reads[1].files:,} files unpacked" if self.reads else ""
        if known and here == whole and self.reads:
            feed = self.reads[0]
            total = sum(part.size or 0 for part in feed.parts)
            return feed.position / max(total, 1), f"unpacking {amount(feed.position)} of {amount(total)}{files}"
        left = f"  {duration((whole - here) / rate)} left" if known and rate > 0 else ""
        of = f" of {amount(whole)}" if known else ""
        return here / max(whole, here, 1) if known else 0.0, f"{amount(here)}{of}  {amount(rate)}/s{left}{files}"


def duration(seconds: float) -> str:
    """Return a time in words ("2 h 5 min")."""
    minutes = int(seconds // 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min" if minutes else f"{int(seconds)} s"
