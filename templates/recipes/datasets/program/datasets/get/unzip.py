"""Unpack a zip archive while it arrives: member by member, checked against the directory at its end."""

from __future__ import annotations

import calendar
import stat
import struct
import zipfile
import zlib
from collections import Counter
from typing import IO, TYPE_CHECKING

from datasets.get import zip_records
from datasets.get.names import UNIX, UTF8, separates_alone
from datasets.get.output import LINKS, BadArchive
from datasets.get.zip_records import Reader
from datasets.messages import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from datasets.get.names import Names
    from datasets.get.output import OutputFolder
    from datasets.get.stream import ArrivingArchive
    from datasets.get.zip_records import Member

UNKNOWN = {9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "XZ", 99: "AES"}
_DAMAGED = (ValueError, LookupError, OverflowError, struct.error)
"""What Python's own reader comes upon in fields that mean nothing, a name in no known letters among them."""
ELSEWHERE = "--keep fetches it as it is; unpack it on the host with 7z"


class NotStreamable(Exception):
    """An archive that only its directory can tell apart: it has to be here whole first."""


def unzip(archive: ArrivingArchive, output: OutputFolder, names: Names) -> None:
    """Unpack an archive into a folder. Raises `Failure`, `TruncatedArchive` and `NotStreamable`."""
    name = names.archive
    reader = Reader(archive, names)
    members: Counter[str] = Counter()
    mark = reader.exactly(4)
    if not mark.startswith(b"PK"):
        raise BadArchive(name, "it is no zip archive, whatever its name says")
    split = mark == zip_records.SPANNED[0]
    if mark in zip_records.SPANNED:
        mark = reader.exactly(4)
    while mark == zip_records.LOCAL:
        member = reader.member()
        if split and _needs_directory(member):
            raise _split(name, member.name)
        members[member.name] += 1
        _unpack(reader, member, output, name)
        mark = reader.exactly(4)
    listed: Counter[str] = Counter()
    alone = separates_alone(members)
    while mark == zip_records.CENTRAL:
        entry, system, mode = reader.entry()
        listed[entry] += 1
        if entry in members:
            place = names.separated(entry, system, alone=alone)
            output.place(entry, place)
            _set_mode(output, place, mode, name)
        mark = reader.exactly(4)
    if not mark.startswith(b"PK") or listed != members:
        raise BadArchive(name, "it is damaged: what it holds and its own directory do not agree")
    archive.finish()


def _unpack(reader: Reader, member: Member, output: OutputFolder, archive: str) -> None:
    """Unpack one member; one that may be of Windows waits for its place until the directory says which system wrote it.

    Raises `NotStreamable` where only the directory says its length.
    """
    if member.flags & zip_records.ENCRYPTED:
        raise BadArchive(archive, f"{member.name} is encrypted", ELSEWHERE)
    if member.method not in (zip_records.STORED, zip_records.DEFLATED):
        kind = UNKNOWN.get(member.method, f"method {member.method}")
        raise BadArchive(archive, f"{member.name} is packed by {kind}", ELSEWHERE)
    if _needs_directory(member):
        raise NotStreamable
    blocks = _checked(reader, member, archive)
    if not member.name.endswith("/"):
        write = output.hold if "\\" in member.name else output.file
        write(member.name, blocks, modified=member.modified)
        return
    output.folder(member.name)
    if member.method == zip_records.STORED and member.flags & zip_records.STREAMED and not member.packed:
        # Some that stream write a descriptor behind nothing, and some do not.
        reader.put_back(first := reader.exactly(4))
        if first != zip_records.DESCRIPTOR:
            return
    for _ in blocks:
        pass


def _needs_directory(member: Member) -> bool:
    """Return whether only the directory says where a member ends."""
    streamed = bool(member.flags & zip_records.STREAMED)
    return member.method == zip_records.STORED and streamed and not member.name.endswith("/")


def _split(archive: str, member: str) -> Failure:
    """Return the refusal of an archive whose directory counts from the beginnings of its parts."""
    problem = f"{archive}: only its directory says where {member} ends, and a split archive's is not read here"
    whole = f"sudo apt-get install -y zip unzip && zip -s 0 {archive} --out whole.zip && unzip whole.zip"
    hint = "what has arrived is kept; --keep takes the parts as they are; then, in their folder on the host"
    return Failure(problem, f"{hint}: {whole}")


def _checked(reader: Reader, member: Member, archive: str) -> Iterator[bytes]:
    """Yield a member's bytes. Raises `BadArchive` where their checksum or number is not what the archive says."""
    crc = packed = size = 0
    if member.method == zip_records.DEFLATED:
        source = _inflated(reader)
    else:
        source = ((block, len(block)) for block in reader.blocks(member.packed))
    try:
        for data, read in source:
            crc, size, packed = zlib.crc32(data, crc), size + len(data), packed + read
            yield data
    except zlib.error as error:
        raise BadArchive(archive, f"{member.name} is damaged: {error}") from error
    wanted = (member.crc, member.packed, member.size)
    if member.flags & zip_records.STREAMED:
        wanted = reader.descriptor(member, max(packed, size))
    if wanted != (crc, packed, size):
        raise BadArchive(archive, f"{member.name} is damaged: it does not match its checksum")


def _inflated(reader: Reader) -> Iterator[tuple[bytes, int]]:
    """Yield what a deflated member unpacks to, and beside it the number of bytes that were read for it."""
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    while not inflate.eof:
        block = data = reader.some()
        while data and not inflate.eof:
            yield inflate.decompress(data, zip_records.BLOCK * 4), 0
            data = inflate.unconsumed_tail
        reader.put_back(inflate.unused_data)
        yield b"", len(block) - len(inflate.unused_data)


def _set_mode(output: OutputFolder, name: str, mode: int, archive: str) -> None:
    """Give a member what its Unix mode says: executable, or a link to the path that its bytes are."""
    kind = stat.S_IFMT(mode)
    path = output.root / name
    if stat.S_ISLNK(mode) and not path.is_symlink() and path.is_file():
        data = path.read_bytes() if path.stat().st_size <= LINKS else b""
        output.link(name, data.decode("utf-8", "surrogateescape"))
    elif kind in (stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK):
        raise BadArchive(archive, f"{name} is a device or a pipe, which no data set has")
    elif mode & 0o100 and not name.endswith("/"):
        output.mode(name, executable=True)


def unzip_whole(file: IO[bytes], output: OutputFolder, names: Names) -> None:
    """Unpack an archive that can be read from anywhere. Raises `Failure`."""
    archive_name = names.archive
    try:
        with zipfile.ZipFile(file) as archive:
            for row, name in _named(archive, names):
                if name.endswith("/"):
                    output.folder(name)
                    continue
                with archive.open(row) as member:
                    output.file(name, _blocks(member), modified=calendar.timegm(row.date_time))
                if row.create_system == UNIX:
                    _set_mode(output, name, row.external_attr >> 16, archive_name)
    except (*_DAMAGED, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise BadArchive(archive_name, f"it is damaged, or cannot be unpacked: {error}") from error


def _named(archive: zipfile.ZipFile, names: Names) -> list[tuple[zipfile.ZipInfo, str]]:
    """Return the members with their names."""
    rows = []
    for row in archive.infolist():
        name = row.orig_filename
        if not row.flag_bits & UTF8:
            name = names.decode(name.encode("cp437"), row.flag_bits, row.extra)  # as which Python has read it
        rows.append((row, name))
    alone = separates_alone(name for _, name in rows)
    return [(row, names.separated(name, row.create_system, alone=alone)) for row, name in rows]


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(zip_records.BLOCK):
        yield block
