"""Fetch the files of a data set: several connections at once, each piece in the order in which it is wanted."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import threading
from typing import TYPE_CHECKING

from datasets.get.disk import FULL, full
from datasets.get.sources import Changed, Temporary
from datasets.get.words import Stop, pause, say

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from datasets.get.part import Part

PIECE = 2**26
"""Bytes that are asked for at once."""
NOTE = 2**23
"""Bytes after which what has come is written down: as many may have to come again."""
TRIES = int(os.environ.get("GPURIG_GET_TRIES", "8"))
"""Tries in a row that bring nothing, before it is given up: some two minutes."""
KEPT = "what has arrived is kept; the same command goes on from there"


class Downloads:
    """The parts on their way. Whoever waits for bytes holds `changed` and calls `check`."""

    def __init__(
        self, parts: Sequence[Part], changed: threading.Condition, *, parallel: int, ahead: int | None
    ) -> None:
        self.parts, self.changed = parts, changed
        self.ahead = ahead
        """Bytes that may lie here unread."""
        self.read = 0
        """Bytes of the parts, in their order, that have been read and need no room any more."""
        self.error: Exception | None = None
        self.came = 0
        """Bytes that have come in this run."""
        self._number = 0
        """The part that is taken from."""
        room = [0 if part.stays else part.size or 0 for part in parts]
        self._begins = dict(zip(parts, itertools.accumulate([0, *room]), strict=False))
        """Part → the bytes of those before it that make room again."""
        self._over = False
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(parallel)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self.changed:
            self._over = True
            self.changed.notify_all()
        for thread in self._threads:
            thread.join()

    def check(self) -> None:
        """Raise what has ended the downloads, if anything has."""
        if self.error:
            raise self.error

    def free(self, size: int) -> None:
        """Note that so many bytes have been read and need no room any more."""
        with self.changed:
            self.read += size
            self.changed.notify_all()

    def wait(self, part: Part) -> None:
        """Wait until a part is whole."""
        with self.changed:
            while not part.whole:
                self.check()
                self.changed.wait(1)

    def _work(self) -> None:
        try:
            while (piece := self._next()) is not None:
                part, start, end = piece
                self._bring(part, start, end)
        except Exception as error:  # noqa: BLE001 - whatever it was, the thread that waits says it
            with self.changed:
                self.error = self.error or _meaning(error, piece[0])
                self._over = True
                self.changed.notify_all()

    def _next(self) -> tuple[Part, int, int | None] | None:
        """Return the piece that is wanted next; None where all is on its way."""
        with self.changed:
            while not self._over and self._number < len(self.parts):
                part = self.parts[self._number]
                if (piece := part.take(PIECE)) is not None:
                    return part, *piece
                self._number += 1
            return None

    def _wait_for_room(self, part: Part, position: int) -> None:
        """Wait until so much has been read before this byte that it may lie here."""
        with self.changed:
            while not self._over and not part.stays and self._begins[part] + position >= self.read + self.ahead:
                self.changed.wait(1)

    def _bring(self, part: Part, start: int, end: int | None) -> None:
        """Fetch one piece, with as many tries as it takes while any of them brings something."""
        tries = 0
        while not self._over:
            why, wanted, before = f"{part.source.address}: the connection ended early", 0.0, part.here
            try:
                self._fill(part, start, end)
            except Temporary as error:
                why, wanted = str(error), error.after
            if not part.streams:
                start = part.until(start)
            if part.whole or (end is not None and start >= end):
                return
            tries = 0 if part.here > before else tries + 1
            if tries == TRIES:
                raise Stop(f"{why} ({TRIES} tries)", KEPT)
            if tries and not self._over:
                say(f"{why}; trying again")
                pause(tries, wanted)

    def _fill(self, part: Part, start: int, end: int | None) -> None:
        """Take what one connection gives; of a file that only comes from its beginning, pass over what is here."""
        position, here = start, part.until(start)
        noted = here
        try:
            with contextlib.closing(part.source.read(start, end)) as blocks:
                for block in blocks:
                    old = max(0, min(len(block), here - position))
                    if (old and part.bytes(position, old) != block[:old]) or position + len(block) > (
                        end or sys.maxsize
                    ):
                        raise Changed(part.source.address)
                    self._wait_for_room(part, position)
                    part.write(position + old, block[old:])
                    position += len(block)
                    self.came += len(block) - old
                    if position - noted >= NOTE:
                        part.note(noted, position)
                        noted = position
                    if self._over:
                        return
        finally:
            part.note(noted, position)
        if part.size is None:
            part.ends(position)


def _meaning(error: Exception, part: Part) -> Exception:
    """Return what an error means to the user; what is here of a file that is another one now is deleted."""
    if isinstance(error, Changed):
        part.forget()
    if isinstance(error, OSError) and error.errno in FULL:
        return full(part.path.parent, KEPT)
    if isinstance(error, OSError):
        return Stop(f"{part.path} cannot be written: {error}", KEPT)
    return error
