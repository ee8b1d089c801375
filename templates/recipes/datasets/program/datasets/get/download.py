"""Fetch what is missing of the parts: several connections at once, each piece in the order in which it is wanted."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import threading
from typing import TYPE_CHECKING

from datasets.disk import DISK_FULL, full
from datasets.get.sources import SourceChanged, Transient
from datasets.messages import Failure, back_off, say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from io import FileIO
    from typing import Self

    from datasets.get.part import Part

PIECE = 2**26
"""Bytes that are asked for at once."""
NOTE = 2**23
"""Bytes after which what has come is written down: as many may have to come again."""
TRIES = int(os.environ.get("GPURIG_GET_TRIES", "8"))
"""Tries in a row that bring nothing, before it is given up: some two minutes."""
KEPT = "what has arrived is kept; the same command goes on from there"


class Window:
    """So many bytes of the archives may lie here unread (--frugal), counted through all parts in their order.

    Files that stay as they are make no room again and are not counted.
    """

    def __init__(self, parts: Sequence[Part], size: int) -> None:
        sizes = [0 if part.stays else part.size or 0 for part in parts]
        self._begins = dict(zip(parts, itertools.accumulate([0, *sizes]), strict=False))
        self._end = size
        self._closed = False
        self._moved = threading.Condition()

    def wait(self, part: Part, position: int) -> None:
        """Wait until this byte of a part may arrive, or nobody waits for it any more."""
        with self._moved:
            while not (part.stays or self._closed or self._begins[part] + position < self._end):
                self._moved.wait()

    def move(self, size: int) -> None:
        """Note that so many bytes have been read and need no room any more."""
        with self._moved:
            self._end += size
            self._moved.notify_all()

    def close(self) -> None:
        """Let everybody go on."""
        with self._moved:
            self._closed = True
            self._moved.notify_all()


class Downloads:
    """The connections that fetch the parts, each a thread. Use as a context manager."""

    def __init__(self, parts: Sequence[Part], *, parallel: int, ahead: int = sys.maxsize) -> None:
        self.window = Window(parts, ahead)
        self.received = 0
        """Bytes that have come in this run."""
        self._pieces = ((part, start, end) for part in parts for start, end in part.missing(PIECE))
        self._taking = threading.Lock()
        self._arrival = threading.Condition()
        """Told of each piece that has come, and of the error that ends the downloads."""
        self._error: Exception | None = None
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(parallel)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end(None)
        for thread in self._threads:
            thread.join()

    def wait_for(self, arrived: Callable[[], bool]) -> None:
        """Wait until something has arrived. Raises what has ended the downloads before it did."""
        with self._arrival:
            while not arrived():
                if self._error:
                    raise self._error
                self._arrival.wait()

    def _end(self, error: Exception | None) -> None:
        """Let no thread take a piece any more, and none wait."""
        with self._arrival:
            self._error = self._error or error
            self._over.set()
            self._arrival.notify_all()
        self.window.close()

    def _work(self) -> None:
        """Fetch piece after piece: what each connection does."""
        while not self._over.is_set():
            with self._taking:
                piece = next(self._pieces, None)
            if piece is None:
                return
            try:
                self._fetch(*piece)
            except Exception as error:  # noqa: BLE001 - whatever it was, the thread that waits says it
                self._end(_meaning(error, piece[0]))

    def _fetch(self, part: Part, start: int, end: int | None) -> None:
        """Fetch one piece, with as many tries as it takes while any of them brings something."""
        tries = 0
        while not self._over.is_set():
            failure, before = Transient(f"{part.source.address}: the connection ended early"), part.held.size
            try:
                self._receive(part, start, end)
            except Transient as error:
                failure = error
            if not part.sequential:
                start = part.held.end_from(start)
            if part.whole or (end is not None and start >= end):
                return
            tries = 0 if part.held.size > before else tries + 1
            if tries == TRIES:
                raise Failure(f"{failure} ({TRIES} tries)", KEPT)
            if tries and not self._over.is_set():
                say(f"{failure}; trying again")
                back_off(tries, failure.after)

    def _receive(self, part: Part, start: int, end: int | None) -> None:
        """Take what one connection gives; what is here already, of a file that cannot be begun later, is compared."""
        position, held = start, part.held.end_from(start)
        noted = held
        with part.open() as file, contextlib.closing(part.source.read(start, end)) as blocks:
            try:
                for block in blocks:
                    old = max(0, min(len(block), held - position))
                    same = not old or os.pread(file.fileno(), old, position) == block[:old]
                    if not same or position + len(block) > (end or sys.maxsize):
                        raise SourceChanged(part.source.address)
                    self.window.wait(part, position)
                    _write(file, position + old, block[old:])
                    position += len(block)
                    self.received += len(block) - old
                    if position - noted >= NOTE:
                        self._note(part, file, noted, position)
                        noted = position
                    if self._over.is_set():
                        return
            finally:
                self._note(part, file, noted, position)
        if part.size is None:
            with self._arrival:
                part.size = position
                self._arrival.notify_all()

    def _note(self, part: Part, file: FileIO, start: int, end: int) -> None:
        part.note(file, start, end)
        with self._arrival:
            self._arrival.notify_all()


def _write(file: FileIO, offset: int, data: bytes) -> None:
    """Write all of the bytes at a place."""
    view = memoryview(data)
    while view:
        done = os.pwrite(file.fileno(), view, offset)
        view, offset = view[done:], offset + done


def _meaning(error: Exception, part: Part) -> Exception:
    """Return what an error means to the user; what is here of a file that is another one now is deleted."""
    if isinstance(error, SourceChanged):
        part.forget()
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return full(part.path.parent, KEPT)
    if isinstance(error, OSError):
        return Failure(f"{part.path} cannot be written: {error}", KEPT)
    return error
