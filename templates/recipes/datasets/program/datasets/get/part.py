"""A file that arrives in pieces: what of it is here is written down beside it, so that the next try goes on there."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from datasets.get.disk import punch
from datasets.get.words import say

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from datasets.get.sources import Source

DROPPED = "dropped"
"""A line that says of a file that pieces of it are not here any more."""


class Part:
    """One file of a source, whole or in part. Written by several threads, read by one in order."""

    def __init__(self, source: Source, path: Path, changed: threading.Condition) -> None:
        self.source, self.facts = source, source.facts
        self.path, self.journal = path, path.with_name(f"{path.name}.have")
        self.size = self.facts.size
        """Bytes; of a source that does not say, None until it has all come."""
        self.streams = self.size is None or not self.facts.ranges
        """Whether it comes from its beginning or not at all."""
        self.changed = changed
        """Held to look at pieces and to change them; told of each that has come."""
        self.stays = False
        """Whether it is a file of the data set itself, not what that is unpacked from."""
        self._have: list[tuple[int, int]] = []
        self._dropped = False
        path.parent.mkdir(parents=True, exist_ok=True)
        self._recall()
        self._taken = [] if self.streams else list(self._have)
        path.touch()
        self._file = -1

    def _recall(self) -> None:
        """Take up what is here of this very file; anything else is begun anew."""
        text = self.journal.read_text(encoding="utf-8") if self.journal.exists() else ""
        # Behind the last line's end may be half a line: its piece comes again.
        first, *lines = text[: text.rfind("\n") + 1].splitlines() or [""]
        pieces = merged([(int(a), int(b)) for a, _, b in (line.partition(" ") for line in lines if line != DROPPED)])
        same = first == json.dumps(self.facts.state) and (self.facts.etag or self.facts.modified) and pieces
        if same and DROPPED not in lines and self.path.exists() and self.path.stat().st_size >= pieces[-1][1]:
            self._have = pieces
        elif DROPPED in lines:
            say(f"{self.facts.name} begins anew: what was read of it has been deleted (--frugal)")
        elif lines:
            say(f"{self.facts.name} begins anew: its source does not say that it is still the same file")
        if not self._have:
            self.forget()
            self.journal.write_text(f"{json.dumps(self.facts.state)}\n", encoding="utf-8")

    def forget(self) -> None:
        """Delete what is here of it."""
        self.path.unlink(missing_ok=True)
        self.journal.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file; whoever writes or reads opens it again."""
        with self.changed:
            if self._file >= 0:
                os.close(self._file)
            self._file = -1

    def _open(self) -> int:
        # Not before it is needed: a prefix of S3 may have more files than a process may have open.
        with self.changed:
            if self._file < 0:
                self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            return self._file

    def write(self, offset: int, data: bytes) -> None:
        """Write bytes; they count once `note` has been called."""
        view = memoryview(data)
        while view:
            done = os.pwrite(self._open(), view, offset)
            view, offset = view[done:], offset + done

    def bytes(self, offset: int, size: int) -> bytes:
        """Return what is here from an offset on, as far as it goes."""
        return os.pread(self._open(), size, offset)

    def note(self, start: int, end: int) -> None:
        """Write down that these bytes are here, and on the disk: a power cut must not make zeros of them."""
        if end > start:
            os.fdatasync(self._open())
            with self.changed:
                with self.journal.open("a", encoding="ascii") as file:
                    file.write(f"{start} {end}\n")
                self._add(start, end)
                if self.whole and self.stays:
                    self.close()
                self.changed.notify_all()

    def ends(self, size: int) -> None:
        """Note how long it is, where its source did not say before."""
        with self.changed:
            self.size = size
            self.changed.notify_all()

    def _add(self, start: int, end: int) -> None:
        self._have = merged([*self._have, (start, end)])

    @property
    def here(self) -> int:
        """Return the number of bytes that are here."""
        return sum(end - start for start, end in self._have)

    @property
    def whole(self) -> bool:
        """Return whether all of it is here."""
        return self.size is not None and self.here == self.size

    def until(self, position: int) -> int:
        """Return how far it is here without a gap from a position on."""
        return next((end for start, end in self._have if start <= position < end), position)

    def take(self, limit: int) -> tuple[int, int | None] | None:
        """Return a piece, of up to `limit` bytes, that nobody fetches yet; None where there is none."""
        if self.streams:
            if self._taken or self.whole:
                return None
            self._taken = [(0, 0)]
            return 0, self.size
        size = self.size or 0
        start = self._taken[0][1] if self._taken and self._taken[0][0] == 0 else 0
        if start >= size:
            return None
        end = min(next((begin for begin, _ in self._taken if begin > start), size), start + limit)
        self._taken = merged([*self._taken, (start, end)])
        return start, end

    def drop(self, start: int, end: int) -> None:
        """Give the disk these bytes back; what has been dropped cannot be read again."""
        if not self._dropped:
            self._dropped = True
            with self.journal.open("a", encoding="ascii") as file:
                file.write(f"{DROPPED}\n")
                file.flush()
                os.fdatasync(file.fileno())
        punch(self._open(), start, end)


def merged(pieces: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return pieces in order, those that touch as one."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(pieces):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found
