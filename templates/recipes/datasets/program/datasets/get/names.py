"""The names of an archive's members: in which letters they are written, and with which separators."""

from __future__ import annotations

import re
import struct
import zlib
from typing import TYPE_CHECKING

from datasets.messages import bad_input

if TYPE_CHECKING:
    from collections.abc import Iterable

    from datasets.messages import Failure

UTF8 = 0x800
"""The flag of a zip archive's member whose name is UTF-8."""
UNICODE_PATH = 0x7075
"""The extra field with a member's name in UTF-8 (APPNOTE.TXT, 4.6.9)."""
UNIX = 3
"""The system of a directory entry whose attributes are a Unix mode."""
WINDOWS = (0, 6, 10, 11, 14)
"""Systems on which no name has a backslash in it: FAT, HPFS, NTFS, NTFS as Info-ZIP counts it (unzpriv.h), VFAT."""
SHOWN = {
    "cp437": "DOS",
    "cp850": "Western Europe",
    "cp1252": "Windows",
    "cp866": "Russian",
    "cp932": "Japanese, Shift-JIS",
    "gbk": "Chinese",
    "big5": "Chinese, traditional",
    "cp949": "Korean",
}
"""Encodings in which a name is shown where nobody says which it is."""
_ODD = re.compile("[\udc80-\udcff]")
"""What stands in a name for a byte that is no letter."""


class Names:
    """How the names of one archive are read. `encoding`: what the user says that they are in, or ""."""

    def __init__(self, archive: str, encoding: str = "") -> None:
        self.archive, self.encoding = archive, encoding
        self._guessed = False
        """Whether names that say nothing of their letters were taken for UTF-8, which they are by their bytes."""
        self._turned = False
        """Whether a separator was a backslash."""
        self._stayed = ""
        """The first name that keeps a backslash."""
        self._odd = b""
        """The first name that is not in its letters, and keeps its bytes."""

    def decode(self, data: bytes, flags: int, extra: bytes) -> str:
        """Return a zip member's name. Raises `Failure` where nobody says in which letters it is."""
        if data.isascii():
            return data.decode("ascii")
        path = extra_field(extra, UNICODE_PATH)
        if path and path[:5] == struct.pack("<BI", 1, zlib.crc32(data)):
            return path[5:].decode("utf-8", "surrogateescape")
        if flags & UTF8:
            name = data.decode("utf-8", "surrogateescape")
            if not (self.encoding and _ODD.search(name)):
                return self.kept(name)
        try:
            name = data.decode(self.encoding or "utf-8")
        except UnicodeDecodeError:
            raise self._unknown(data) from None
        self._guessed = self._guessed or not self.encoding
        return name

    def kept(self, name: str) -> str:
        """Return a name as it is, and remember that `notes` has to say so where its letters are others."""
        if not self._odd and _ODD.search(name):
            self._odd = name.encode(self.encoding or "utf-8", "surrogateescape")
        return name

    def separated(self, name: str, system: int = UNIX, *, alone: bool = False) -> str:
        """Return a name with the separators of everybody else.

        A backslash is one where a system wrote it that has no other meaning for it, and where it is alone, as no file
        of the archive has another (`separates_alone`): some that write on Windows call themselves Unix.
        """
        if "\\" not in name:
            return name
        if alone or system in WINDOWS:
            self._turned = True
            return name.replace("\\", "/")
        self._stayed = self._stayed or name
        return name

    def notes(self) -> list[str]:
        """Return what was made of names in another way than they are written, a line each."""
        notes = []
        if self._guessed:
            notes.append(f"{self.archive}: its names do not say in which letters they are; they were read as UTF-8")
        if self._odd:
            reads = ", ".join(self._readings(self._odd)) or "--names ENCODING"
            notes.append(
                f"{self.archive}: a name in it, {ascii(self._odd)[1:]}, is {self._none}; such names keep their bytes; "
                f"to have them read, with another --name: {reads}"
            )
        if self._stayed:
            notes.append(
                f"{self.archive}: a name in it, {self._stayed}, has a \\ that stays, as it is a letter to Unix; "
                "where it separates folders, unpack it on your machine, and: fab dataset-put FOLDER"
            )
        if self._turned:
            notes.append(
                f"{self.archive}: its separators are \\, as programs of Windows write them; they were read as /"
            )
        return notes

    @property
    def _none(self) -> str:
        return f"none in {self.encoding}" if self.encoding else "no UTF-8"

    def _unknown(self, data: bytes) -> Failure:
        """Return the refusal of a name, with what it would be in each encoding in which it is one."""
        what = f"is {self._none}" if self.encoding else "is not UTF-8, and does not say what else it is"
        problem = f"{self.archive}: a name in it, {ascii(data)[1:]}, {what}"
        hints = self._readings(data)
        if hints:
            hints.append("the same command with the one that reads right goes on with what is here")
        else:
            hints.append(f"none of {', '.join(SHOWN)} reads it")
        hints.append(
            "--names takes Python's other encodings, too, and is for all archives of a command: each in other letters "
            "by its own --name; --keep takes an archive as it is"
        )
        return bad_input(problem, "\n".join(hints))

    def _readings(self, data: bytes) -> list[str]:
        """Return what a name would be in each encoding in which it is one."""
        shown = []
        for encoding, whose in SHOWN.items():
            try:
                word = data.decode(encoding)
            except UnicodeDecodeError:
                continue
            if word.isprintable():
                shown.append(f"--names {encoding} ({whose}) reads {word}")
        return shown


def separates_alone(names: Iterable[str]) -> bool:
    """Return whether no file's name has a slash; folders may end with one all the same."""
    return not any("/" in name and not name.endswith("/") for name in names)


def extra_field(extra: bytes, number: int) -> bytes | None:
    """Return the extra field of a number, if there is one."""
    at = 0
    while at + 4 <= len(extra):
        found, size = struct.unpack_from("<2H", extra, at)
        if found == number:
            return extra[at + 4 : at + 4 + size]
        at += 4 + size
    return None
