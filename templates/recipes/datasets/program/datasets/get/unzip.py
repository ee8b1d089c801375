"""Unpack a zip archive while it comes: member by member as they lie in it, checked against the directory at its end.

The format is PKWARE's APPNOTE.TXT, 4.3 (records), 4.4 (fields) and 4.5.3 (64 bits).
"""

from __future__ import annotations

import calendar
import dataclasses
import stat
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING

from datasets.get.tree import LINKS, Bad, Short

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator

    from datasets.get.feed import Feed
    from datasets.get.tree import Tree

LOCAL, CENTRAL, DESCRIPTOR, SPANNED = b"PK\3\4", b"PK\1\2", b"PK\7\b", (b"PK\7\b", b"PK00")
ENCRYPTED, STREAMED, UTF8 = 1, 8, 0x800
STORED, DEFLATED = 0, 8
BLOCK = 2**18
UNIX = 3
"""The system of a directory entry whose attributes are a Unix mode."""
TOO_LONG = 0xFFFFFFFF


class Whole(Exception):
    """An archive that only its directory can tell apart: it has to be here whole first."""


@dataclasses.dataclass(frozen=True)
class Member:
    """What stands before a member's bytes."""

    name: str
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    modified: float
    wide: bool
    """Whether the sizes behind its bytes have 64 bits."""


class Reader:
    """A feed that can be read exactly, and looked ahead in."""

    def __init__(self, feed: Feed) -> None:
        self._feed, self._held = feed, b""

    def some(self) -> bytes:
        """Return what is there next, at least a byte. Raises `Short` at the end."""
        data, self._held = self._held or self._feed.read(BLOCK), b""
        if not data:
            raise Short
        return data

    def back(self, data: bytes) -> None:
        """Put bytes back that belong to what follows."""
        self._held = data + self._held

    def exactly(self, size: int) -> bytes:
        """Return so many bytes."""
        return b"".join(self.blocks(size))

    def blocks(self, size: int) -> Iterator[bytes]:
        """Yield so many bytes, as they come."""
        while size:
            data = self.some()
            if len(data) > size:
                self.back(data[size:])
                data = data[:size]
            size -= len(data)
            yield data


def unzip(feed: Feed, tree: Tree, archive: str) -> None:
    """Unpack a feed into a tree. Raises `Bad`, `Short` and `Whole`."""
    reader = Reader(feed)
    seen: dict[str, int] = {}
    mark = reader.exactly(4)
    if not mark.startswith(b"PK"):
        raise Bad(archive, "it is no zip archive, whatever its name says")
    if mark in SPANNED:
        mark = reader.exactly(4)
    while mark == LOCAL:
        member = _head(reader, archive)
        seen[member.name] = seen.get(member.name, 0) + 1
        _place(reader, member, tree, archive)
        mark = reader.exactly(4)
    listed: dict[str, int] = {}
    while mark == CENTRAL:
        name = _entry(reader, tree, seen, archive)
        listed[name] = listed.get(name, 0) + 1
        mark = reader.exactly(4)
    if not mark.startswith(b"PK") or listed != seen:
        raise Bad(archive, "it is damaged: what it holds and its own directory do not agree")
    feed.finish()


def _head(reader: Reader, archive: str) -> Member:
    """Read a member's head, behind its first four bytes."""
    _, flags, method, clock, date, crc, packed, size, names, extras = struct.unpack("<5H3I2H", reader.exactly(26))
    name = _name(reader.exactly(names), flags)
    extra = reader.exactly(extras)
    wide = _extra(extra, 1)
    if wide is not None and TOO_LONG in (packed, size):
        fields = list(struct.unpack(f"<{len(wide) // 8}Q", wide[: len(wide) // 8 * 8]))
        size = fields.pop(0) if size == TOO_LONG and fields else size
        packed = fields.pop(0) if packed == TOO_LONG and fields else packed
    if flags & ENCRYPTED:
        raise Bad(archive, f"{name} is encrypted", "--keep fetches it as it is; unpack it on the host with 7z")
    if method not in (STORED, DEFLATED):
        kinds = {9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "XZ", 99: "AES"}
        hint = "--keep fetches it as it is; unpack it on the host with 7z"
        raise Bad(archive, f"{name} is packed by {kinds.get(method, f'method {method}')}", hint)
    if method == STORED and flags & STREAMED and not name.endswith("/"):
        raise Whole
    return Member(name, flags, method, crc, packed, size, _time(date, clock), wide is not None)


def _name(data: bytes, flags: int) -> str:
    """Return a member's name: UTF-8 where it says so or is, else the code page of DOS."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("utf-8", "surrogateescape") if flags & UTF8 else data.decode("cp437")


def _extra(extra: bytes, wanted: int) -> bytes | None:
    """Return an extra field of that number."""
    at = 0
    while at + 4 <= len(extra):
        number, size = struct.unpack_from("<2H", extra, at)
        if number == wanted:
            return extra[at + 4 : at + 4 + size]
        at += 4 + size
    return None


def _time(date: int, clock: int) -> float:
    """Return seconds of UTC; the format has no time zone, and steps of two seconds."""
    year, month, day = 1980 + (date >> 9), date >> 5 & 15, date & 31
    return calendar.timegm((year, min(12, max(1, month)), max(1, day), clock >> 11, clock >> 5 & 63, (clock & 31) * 2))


def _place(reader: Reader, member: Member, tree: Tree, archive: str) -> None:
    """Unpack one member."""
    blocks = _unpacked(reader, member, archive)
    if member.name.endswith("/"):
        tree.folder(member.name)
        if member.method == STORED and member.flags & STREAMED and not member.packed:
            # Some that stream write a descriptor behind nothing, and some do not.
            reader.back(first := reader.exactly(4))
            blocks = blocks if first == DESCRIPTOR else iter(())
        for _ in blocks:
            pass
    else:
        tree.file(member.name, blocks, modified=member.modified)


def _unpacked(reader: Reader, member: Member, archive: str) -> Iterator[bytes]:
    """Yield a member's bytes. Raises `Bad` where their checksum or number is not what the archive says."""
    crc = packed = size = 0
    inflate = zlib.decompressobj(-15) if member.method == DEFLATED else None
    source = _deflated(reader, inflate) if inflate else ((d, len(d)) for d in reader.blocks(member.packed))
    try:
        for data, read in source:
            crc, size, packed = zlib.crc32(data, crc), size + len(data), packed + read
            yield data
    except zlib.error as error:
        raise Bad(archive, f"{member.name} is damaged: {error}") from error
    wanted = (member.crc, member.packed, member.size)
    if member.flags & STREAMED:
        wanted = _descriptor(reader, member, max(packed, size))
    if wanted != (crc, packed, size):
        raise Bad(archive, f"{member.name} is damaged: it does not match its checksum")


def _deflated(reader: Reader, inflate: zlib._Decompress) -> Iterator[tuple[bytes, int]]:
    """Yield what a stream unpacks to, with the number of bytes that were read for it."""
    while not inflate.eof:
        given = data = reader.some()
        while data and not inflate.eof:
            out = inflate.decompress(data, BLOCK * 4)
            data = inflate.unconsumed_tail or inflate.unused_data
            if inflate.eof:
                reader.back(data)
                yield out, len(given) - len(data)
                return
            yield out, 0
        yield b"", len(given)


def _descriptor(reader: Reader, member: Member, largest: int) -> tuple[int, int, int]:
    """Read the checksum and the sizes that stand behind a member, with or without a mark."""
    first = reader.exactly(4)
    crc = struct.unpack("<I", reader.exactly(4) if first == DESCRIPTOR else first)[0]
    if member.wide or largest >= TOO_LONG:
        return crc, *struct.unpack("<2Q", reader.exactly(16))
    return crc, *struct.unpack("<2I", reader.exactly(8))


def _entry(reader: Reader, tree: Tree, seen: dict[str, int], archive: str) -> str:
    """Read an entry of the directory; what it alone knows of its member is done now: links, and what can be run."""
    fields = struct.unpack("<6H3I5H2I", reader.exactly(42))
    made_by, flags, attributes = fields[0], fields[2], fields[14]
    name = _name(reader.exactly(fields[9]), flags)
    reader.exactly(fields[10] + fields[11])
    mode = attributes >> 16 if made_by >> 8 == UNIX else 0
    if name in seen:
        finish(tree, name, mode, archive)
    return name


def finish(tree: Tree, name: str, mode: int, archive: str) -> None:
    """Give a member what its Unix mode says: executable, or a link to the path that its bytes are."""
    kind = stat.S_IFMT(mode)
    path = tree.root / name
    if stat.S_ISLNK(mode) and not path.is_symlink() and path.is_file():
        data = path.read_bytes() if path.stat().st_size <= LINKS else b""
        tree.link(name, data.decode("utf-8", "surrogateescape"))
    elif kind in (stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK):
        raise Bad(archive, f"{name} is a device or a pipe, which no data set has")
    elif mode & 0o100 and not name.endswith("/"):
        tree.mode(name, executable=True)


def unzip_whole(file: io.RawIOBase, tree: Tree, archive: str) -> None:
    """Unpack an archive that can be read from anywhere."""
    try:
        with zipfile.ZipFile(file) as members:
            for row in members.infolist():
                if row.is_dir():
                    tree.folder(row.filename)
                    continue
                moment = calendar.timegm(row.date_time)
                with members.open(row) as source:
                    tree.file(row.filename, iter(lambda s=source: s.read(BLOCK), b""), modified=moment)
                finish(tree, row.filename, row.external_attr >> 16 if row.create_system == UNIX else 0, archive)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise Bad(archive, f"it is damaged, or cannot be unpacked: {error}") from error
