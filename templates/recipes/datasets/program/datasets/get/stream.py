"""The parts of an archive as one file: read in order while they arrive, or from anywhere once they are here."""

from __future__ import annotations

import functools
import io
import os
from typing import TYPE_CHECKING, Any

from datasets.get.output import BadArchive
from datasets.get.sums import check, started

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from datasets.get.download import Downloads
    from datasets.get.part import Part
    from datasets.get.sums import Sum

BLOCK = 2**18
DROP = 2**24
"""Bytes that are given back to the disk at once."""


class ArrivingArchive:
    """The parts, one behind the other: waits for bytes that are not here yet, and checks what has been read."""

    def __init__(self, parts: Sequence[Part], downloads: Downloads, sums: Mapping[str, Sum], *, frugal: bool) -> None:
        self.parts, self.frugal = parts, frugal
        self.position = 0
        """Bytes that have been read of all parts."""
        self._downloads, self._sums = downloads, sums
        self._dropped = False
        self._blocks = self._arriving()
        self._ahead = b""

    def read(self, _size: int = -1) -> bytes:
        """Return what comes next, up to a block; b"" at the end. Raises what ended the downloads, and `Failure`."""
        data, self._ahead = self._ahead or next(self._blocks, b""), b""
        return data

    def first(self) -> bytes:
        """Return what it begins with, up to a block; it is still there to be read."""
        self._ahead = self.read()
        return self._ahead

    def finish(self) -> None:
        """Read what is left, for the sums' sake. Raises `Failure` where a checksum is not right."""
        for _ in self._blocks:
            pass

    def close(self) -> None:
        """Let go of the part that is read."""
        self._blocks.close()

    def keep(self) -> None:
        """Give nothing back to the disk from here on. Raises `BadArchive` where that comes too late."""
        if self._dropped:
            why = "it can only be unpacked once it is here whole: its directory alone says where members end"
            raise BadArchive(self.parts[0].info.name, why, "without --frugal it can")
        self.frugal = False

    def _arriving(self) -> Generator[bytes, None, None]:
        joined = started(self._sums, "")
        for part in self.parts:
            digest = started(self._sums, part.info.name)
            position = dropped = 0
            with part.open() as file:
                while True:
                    self._downloads.wait_for(functools.partial(part.ready, position))
                    data = os.pread(file.fileno(), min(BLOCK, part.held.end_from(position) - position), position)
                    position += len(data)
                    if self.frugal and position > dropped and (not data or position - dropped >= DROP):
                        self._drop(part, file, dropped, position)
                        dropped = position
                    if not data:
                        break
                    self.position += len(data)
                    for counting in filter(None, (digest, joined)):
                        counting.update(data)
                    yield data
            check(part.info.name, self._sums, part.info.name, digest, [part])
        check(f"{self.parts[0].info.name} to {self.parts[-1].info.name}, joined,", self._sums, "", joined, self.parts)

    def _drop(self, part: Part, file: io.FileIO, start: int, end: int) -> None:
        """Give the disk bytes back that have been read, and let as many more come."""
        self._dropped = True
        part.drop(file, start, end)
        self._downloads.window.move(end - start)


class WholeArchive(io.RawIOBase):
    """Parts that are here whole, as one file that can be read from anywhere."""

    def __init__(self, parts: Sequence[Part]) -> None:
        super().__init__()
        self._parts = parts
        self._position = 0

    def readable(self) -> bool:
        """Return True: it is there to be read."""
        return True

    def seekable(self) -> bool:
        """Return True: from anywhere."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place."""
        size = sum(part.size or 0 for part in self._parts)
        self._position = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: size}[whence] + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer as far as one part goes; 0 at the end."""
        offset = self._position
        for part in self._parts:
            if (left := (part.size or 0) - offset) > 0:
                with part.open() as file:
                    data = os.pread(file.fileno(), min(len(buffer), left), offset)
                buffer[: len(data)] = data
                self._position += len(data)
                return len(data)
            offset = -left
        return 0
