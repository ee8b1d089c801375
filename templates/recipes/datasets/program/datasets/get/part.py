"""A file that arrives in pieces, and its journal of those that are here, from which the next run goes on."""

from __future__ import annotations

import io
import json
import os
import threading
from typing import TYPE_CHECKING

from datasets.disk import punch_hole
from datasets.get.ranges import Ranges
from datasets.messages import say

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from datasets.get.sources import Source

DROPPED = "dropped"
"""The line of a journal that says that pieces of the file are not here any more."""


class Part:
    """One file of a source on the disk, whole or in part.

    Several threads may write pieces that do not overlap. `held` is replaced, never changed: reading it needs no lock.
    """

    def __init__(self, source: Source, path: Path, *, stays: bool) -> None:
        self.source, self.info = source, source.info
        self.path, self.journal = path, path.with_name(f"{path.name}.have")
        self.stays = stays
        """Whether it is a file of the data set itself, not what that is unpacked from."""
        self.size = self.info.size
        """Bytes; of a source that does not say, None until it has all come."""
        self.sequential = self.size is None or not self.info.ranges
        """Whether it comes from its beginning or not at all."""
        self.held = Ranges()
        """What is here, and on the disk."""
        self._noting = threading.Lock()
        self._dropped = False
        path.parent.mkdir(parents=True, exist_ok=True)
        self._read_journal()
        path.touch()

    def _read_journal(self) -> None:
        """Take up what is here of this very file; anything else is begun anew."""
        text = self.journal.read_text(encoding="utf-8") if self.journal.exists() else ""
        # Behind the last line's end may be half a line: its piece comes again.
        first, *lines = text[: text.rfind("\n") + 1].splitlines() or [""]
        pairs = (line.partition(" ") for line in lines if line != DROPPED)
        held = Ranges.merged((int(start), int(end)) for start, _, end in pairs)
        same = first == json.dumps(self.info.state) and (self.info.etag or self.info.modified) and held.pairs
        if same and DROPPED not in lines and self.path.exists() and self.path.stat().st_size >= held.pairs[-1][1]:
            self.held = held
            return
        if DROPPED in lines:
            say(f"{self.info.name} begins anew: what was read of it has been deleted (--frugal)")
        elif lines:
            say(f"{self.info.name} begins anew: its source does not say that it is still the same file")
        self.forget()
        self.journal.write_text(f"{json.dumps(self.info.state)}\n", encoding="utf-8")

    @property
    def whole(self) -> bool:
        """Return whether all of it is here."""
        return self.size is not None and self.held.size == self.size

    def ready(self, position: int) -> bool:
        """Return whether the byte at a position is here, or the file ends there."""
        return position == self.size or self.held.end_from(position) > position

    def missing(self, limit: int) -> Iterator[tuple[int, int | None]]:
        """Yield the pieces that are missing, in order, of up to `limit` bytes; one whose end nobody knows has None."""
        if self.sequential:
            if not self.whole:
                yield 0, self.size
            return
        for first, last in self.held.gaps(self.size or 0):
            for start in range(first, last, limit):
                yield start, min(start + limit, last)

    def open(self) -> io.FileIO:
        """Open it, to read and to write anywhere."""
        return io.FileIO(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644), "r+")

    def note(self, file: io.FileIO, start: int, end: int) -> None:
        """Write down that these bytes are here, once they are on the disk: a power cut must not make zeros of them."""
        if end > start:
            os.fdatasync(file.fileno())
            with self._noting, self.journal.open("a", encoding="ascii") as journal:
                journal.write(f"{start} {end}\n")
                self.held = self.held.plus(start, end)

    def drop(self, file: io.FileIO, start: int, end: int) -> None:
        """Give the disk these bytes back; what has been dropped cannot be read again."""
        if not self._dropped:
            self._dropped = True
            with self.journal.open("a", encoding="ascii") as journal:
                journal.write(f"{DROPPED}\n")
                journal.flush()
                os.fdatasync(journal.fileno())
        punch_hole(file.fileno(), start, end)

    def forget(self) -> None:
        """Delete what is here of it."""
        self.path.unlink(missing_ok=True)
        self.journal.unlink(missing_ok=True)
