"""The records of a zip archive, read one behind the other from a stream.

The format is PKWARE's APPNOTE.TXT, 4.3 (records), 4.4 (fields) and 4.5.3 (64 bits).
"""

from __future__ import annotations

import calendar
import dataclasses
import struct
from typing import TYPE_CHECKING

from datasets.get.names import UNIX, extra_field
from datasets.get.output import TruncatedArchive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from datasets.get.names import Names
    from datasets.get.stream import ArrivingArchive

LOCAL, CENTRAL, DESCRIPTOR, SPANNED = b"PK\3\4", b"PK\1\2", b"PK\7\b", (b"PK\7\b", b"PK00")
"""What records begin with; the last two may stand before the first member of a split archive."""
ENCRYPTED, STREAMED = 1, 8
"""Flags of a member."""
STORED, DEFLATED = 0, 8
"""Methods by which members are packed."""
BLOCK = 2**18
WIDE = 1
"""The extra field with sizes of 64 bits."""
IN_WIDE = 0xFFFFFFFF
"""A size of 32 bits that stands for the one in the extra field."""


@dataclasses.dataclass(frozen=True)
class Member:
    """What stands before a member's bytes."""

    name: str
    flags: int
    method: int
    crc: int
    packed: int
    """Bytes in the archive."""
    size: int
    """Bytes unpacked."""
    modified: float
    """Seconds of UTC."""
    wide: bool
    """Whether the sizes behind its bytes have 64 bits."""


class Reader:
    """An archive that can be read exactly, and looked ahead in."""

    def __init__(self, archive: ArrivingArchive, names: Names) -> None:
        self._archive, self._names, self._ahead = archive, names, b""

    def some(self) -> bytes:
        """Return what is there next, at least a byte. Raises `TruncatedArchive` at the end."""
        data, self._ahead = self._ahead or self._archive.read(), b""
        if not data:
            raise TruncatedArchive
        return data

    def put_back(self, data: bytes) -> None:
        """Put bytes back that belong to what follows."""
        self._ahead = data + self._ahead

    def exactly(self, size: int) -> bytes:
        """Return so many bytes."""
        return b"".join(self.blocks(size))

    def blocks(self, size: int) -> Iterator[bytes]:
        """Yield so many bytes, as they come."""
        while size:
            data = self.some()
            if len(data) > size:
                self.put_back(data[size:])
                data = data[:size]
            size -= len(data)
            yield data

    def member(self) -> Member:
        """Read what stands before a member's bytes, behind the mark of four bytes."""
        _, flags, method, clock, date, crc, packed, size, names, extras = struct.unpack("<5H3I2H", self.exactly(26))
        raw, extra = self.exactly(names), self.exactly(extras)
        name, wide = self._names.decode(raw, flags, extra), extra_field(extra, WIDE)
        if wide is not None and IN_WIDE in (packed, size):
            fields = list(struct.unpack(f"<{len(wide) // 8}Q", wide[: len(wide) // 8 * 8]))
            size = fields.pop(0) if size == IN_WIDE and fields else size
            packed = fields.pop(0) if packed == IN_WIDE and fields else packed
        return Member(name, flags, method, crc, packed, size, _time(date, clock), wide is not None)

    def descriptor(self, member: Member, largest: int) -> tuple[int, int, int]:
        """Read checksum, packed size and size that stand behind a member, with or without a mark."""
        first = self.exactly(4)
        (crc,) = struct.unpack("<I", self.exactly(4) if first == DESCRIPTOR else first)
        wide = member.wide or largest >= IN_WIDE
        packed, size = struct.unpack("<2Q" if wide else "<2I", self.exactly(16 if wide else 8))
        return crc, packed, size

    def entry(self) -> tuple[str, int, int]:
        """Read an entry of the directory, behind its mark: the member's name, its system, and its Unix mode or 0."""
        fields = struct.unpack("<6H3I5H2I", self.exactly(42))
        made_by, flags, names, extras, comments, attributes = *fields[0:3:2], *fields[9:12], fields[14]
        name = self._names.decode(self.exactly(names), flags, self.exactly(extras))
        self.exactly(comments)
        system = made_by >> 8
        return name, system, attributes >> 16 if system == UNIX else 0


def _time(date: int, clock: int) -> float:
    """Return seconds of UTC; the format has no time zone, and steps of two seconds."""
    year, month, day = 1980 + (date >> 9), date >> 5 & 15, date & 31
    return calendar.timegm((year, min(12, max(1, month)), max(1, day), clock >> 11, clock >> 5 & 63, (clock & 31) * 2))
