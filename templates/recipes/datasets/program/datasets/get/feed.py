"""Read the parts of an archive as one file, in order, while they come."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, Any

from datasets.get.tree import Bad
from datasets.get.words import Stop

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from datasets.get.download import Downloads
    from datasets.get.part import Part
    from datasets.get.sums import Sum

DROP = 2**24
"""Bytes that are given back to the disk at once."""


class Feed(io.RawIOBase):
    """The parts, one behind the other: waits for bytes that are not here yet, and checks each part's checksum."""

    def __init__(self, parts: Sequence[Part], downloads: Downloads, sums: Mapping[str, Sum], *, frugal: bool) -> None:
        super().__init__()
        self.parts, self.downloads, self.sums, self.frugal = parts, downloads, sums, frugal
        self.position = 0
        """Bytes that have been read of all parts."""
        self._number, self._at, self._dropped = 0, 0, 0
        self._own: Any = None
        joined = self._joined = sums.get("")
        self._whole: Any = hashlib.new(joined[0], usedforsecurity=False) if joined else None

    def readable(self) -> bool:
        """Return True: it is there to be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer as far as one part goes; 0 at the end of the last one. Raises what ended the downloads."""
        while self._number < len(self.parts):
            part = self.parts[self._number]
            if until := self._wait(part):
                data = part.bytes(self._at, min(len(buffer), until - self._at))
                buffer[: len(data)] = data
                self._count(part, data)
                return len(data)
            self._end(part)
        return 0

    def keep(self) -> None:
        """Give nothing back to the disk from here on. Raises `Bad` where that comes too late."""
        if self.frugal and (self._dropped or self._number):
            why = "it can only be unpacked once it is here whole, as its members do not say where they end"
            raise Bad(self.parts[0].facts.name, why, "without --frugal it can")
        self.frugal = False

    def finish(self) -> None:
        """Read what is left, for the sums' sake. Raises `Stop` where a checksum is not right."""
        while self.read(2**20):
            pass

    def _wait(self, part: Part) -> int:
        """Wait for the byte behind the position; returns how far the part is here from there, 0 at its end."""
        with part.changed:
            while True:
                if self._at == part.size:
                    return 0
                if (until := part.until(self._at)) > self._at:
                    return until
                self.downloads.check()
                part.changed.wait(1)

    def _count(self, part: Part, data: bytes) -> None:
        if self._own is None:
            kind = self.sums.get(part.facts.name, ("", ""))[0]
            self._own = hashlib.new(kind, usedforsecurity=False) if kind else False
        for digest in filter(None, (self._own, self._whole)):
            digest.update(data)
        self._at += len(data)
        self.position += len(data)
        if self.frugal and self._at - self._dropped >= DROP:
            self._drop(part)

    def _drop(self, part: Part) -> None:
        part.drop(self._dropped, self._at)
        self.downloads.free(self._at - self._dropped)
        self._dropped = self._at

    def _end(self, part: Part) -> None:
        """Go on to the next part. Raises `Stop` where this one is not what its checksum says."""
        if self._own:
            check(part.facts.name, self.sums[part.facts.name], self._own.hexdigest(), [part])
        if self.frugal:
            self._drop(part)
        self._number, self._at, self._dropped, self._own = self._number + 1, 0, 0, None
        if self._number == len(self.parts) and self._joined:
            check(
                f"{self.parts[0].facts.name} to {part.facts.name}, joined,",
                self._joined,
                self._whole.hexdigest(),
                self.parts,
            )


class Joined(io.RawIOBase):
    """Parts that are here whole, as one file that can be read from anywhere."""

    def __init__(self, parts: Sequence[Part]) -> None:
        super().__init__()
        self.parts = parts
        self.size = sum(part.size or 0 for part in parts)
        self._at = 0

    def readable(self) -> bool:
        """Return True: it is there to be read."""
        return True

    def seekable(self) -> bool:
        """Return True: from anywhere."""
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place."""
        self._at = offset + (0, self._at, self.size)[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer as far as one part goes; 0 at the end."""
        begins = 0
        for part in self.parts:
            if (size := part.size or 0) > self._at - begins:
                data = part.bytes(self._at - begins, min(len(buffer), size - (self._at - begins)))
                buffer[: len(data)] = data
                self._at += len(data)
                return len(data)
            begins += size
        return 0


def check(name: str, wanted: Sum, got: str, parts: Sequence[Part]) -> None:
    """Raise `Stop` unless a checksum is right; what is here of the parts is deleted then."""
    kind, digest = wanted
    if got != digest:
        for part in parts:
            part.forget()
        what = parts[0].source.address if len(parts) == 1 else "all of it"
        hint = (
            f"deleted here; the same command fetches {what} again\n"
            "where that does not match either, the checksums are another version's: look for those that belong to it"
        )
        raise Stop(f"{name} does not match its checksum: its {kind} is {got}, and was to be {digest}", hint)
