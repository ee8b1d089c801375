"""Archives of all kinds to fetch: sound ones, and those that are to land where nobody wants them."""

from __future__ import annotations

import base64
import hashlib
import io
import random
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from typing import TypeVar

Data = TypeVar("Data", bytes, memoryview)
RANDOM = random.Random(5)  # noqa: S311 - contents of files
PICTURES = {f"{kind}/{i}.jpg": RANDOM.randbytes(30_000 + i) for kind in ("cat", "dog") for i in range(20)}


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    goal = io.BytesIO()
    with zipfile.ZipFile(goal, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return goal.getvalue()


def tarred(files: dict[str, bytes], kind: str = "") -> bytes:
    goal = io.BytesIO()
    with tarfile.open(fileobj=goal, mode=f"w:{kind}") as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return goal.getvalue()


def streamed(files: dict[str, bytes], method: int) -> bytes:
    """Return a zip archive as it is written into a pipe: its sizes stand behind its members."""

    class Pipe(io.RawIOBase):
        data = b""

        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:  # type: ignore[override]
            self.data += bytes(data)
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return pipe.data


def split(data: Data, number: int) -> list[Data]:
    size = len(data) // number + 1
    return [data[i * size : (i + 1) * size] for i in range(number)]


def zstd(data: bytes) -> bytes:
    return subprocess.run(["zstd", "-qc"], input=data, capture_output=True, check=True).stdout


FORMS: dict[str, Callable[[], bytes]] = {
    "train.zip": lambda: zipped(PICTURES),
    "stored.zip": lambda: zipped(PICTURES, zipfile.ZIP_STORED),
    "piped.zip": lambda: streamed(PICTURES, zipfile.ZIP_DEFLATED),
    "piped-and-stored.zip": lambda: streamed(PICTURES, zipfile.ZIP_STORED),
    "train.tar": lambda: tarred(PICTURES),
    "train.tar.gz": lambda: tarred(PICTURES, "gz"),
    "train.tgz": lambda: tarred(PICTURES, "gz"),
    "train.tar.bz2": lambda: tarred(PICTURES, "bz2"),
    "train.tar.xz": lambda: tarred(PICTURES, "xz"),
    "train.tar.zst": lambda: zstd(tarred(PICTURES)),
}


def evil(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def tar_of(*members: tarfile.TarInfo) -> bytes:
    goal = io.BytesIO()
    with tarfile.open(fileobj=goal, mode="w") as archive:
        archive.addfile(evil("good"))
        for member in members:
            archive.addfile(member)
    return goal.getvalue()


CLIMBS = {
    "above": tar_of(evil("a/../../out")),
    "absolute": tar_of(evil("/gpurig-out")),
    "link out": tar_of(evil("link", tarfile.SYMTYPE, "../../out")),
    "link out and in again": tar_of(evil("link", tarfile.SYMTYPE, "../archive/good"), evil("archive/good")),
    "absolute link": tar_of(evil("link", tarfile.SYMTYPE, "/etc/passwd")),
    "through a link": tar_of(evil("d", tarfile.SYMTYPE, "."), evil("d/x")),
    "links that climb together": tar_of(evil("a", tarfile.SYMTYPE, "."), evil("b", tarfile.SYMTYPE, "a/../../out")),
    "hard link out": tar_of(evil("h", tarfile.LNKTYPE, "../order-train.json")),
    "hard link to a link": tar_of(evil("l", tarfile.SYMTYPE, "good"), evil("h", tarfile.LNKTYPE, "l")),
    "device": tar_of(evil("null", tarfile.CHRTYPE)),
    "pipe": tar_of(evil("pipe", tarfile.FIFOTYPE)),
}


def lines(files: dict[str, bytes], kind: str) -> str:
    return "".join(f"{hashlib.new(kind, data).hexdigest()}  {name}\n" for name, data in files.items())


class _Row(zipfile.ZipInfo):
    """A member whose name is bytes that say nothing of their letters, as programs before 2007 wrote them."""

    raw, flag = b"", 0

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 - how zipfile calls it
        return self.raw, self.flag_bits & ~0x800 | self.flag


def zip_of_bytes(files: dict[bytes, bytes], system: int = 0, extra: bytes = b"", *, flag: int = 0) -> bytes:
    """Return a zip archive with names as they are; `system`: what wrote it, 0 for DOS and Windows, 3 for Unix.

    `flag`: 0x800 for names that say that they are UTF-8.
    """
    goal = io.BytesIO()
    with zipfile.ZipFile(goal, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            row = _Row(name.decode("cp437"))
            row.raw, row.create_system, row.extra, row.flag = name, system, extra, flag
            archive.writestr(row, data)
    return goal.getvalue()


APPLE_DOUBLE = b"\0\5\x16\7\0\2\0\0Mac OS X        "
"""What a note of macOS' own begins with."""
FOREIGN = {
    # Two files of four bytes each, cat/1.jpg and dog/1.jpg: by py7zr, and by hand after RAR's own notes (version 5).
    "t.7z": base64.b64decode(
        "N3q8ryccAATEwkRDhQAAAAAAAAAVAAAAAAAAACeL2m0BAAdjYXQxZG9nMQDgAKwAcV0AAIEzB64PzpwGxQkKkA9ecbngKbVkHbyg4QOK1D0Iotz5"
        "eiPTdpnnmdl0ZC01hzPP3j/4BiXREtF5rNkdZAHzSJMhqWMGs5C1Lhspjr+CSqLjyLR4rP2a6VwOGexG7Se18o1az+e8/dJtB4cyCo6kAAAAFwYM"
        "AQl5AAcLAQABISEBGAyArQAA"
    ),
    "t.rar": base64.b64decode(
        "UmFyIRoHAQDFGjMyAwEAAGSlMgAYAgIEBASkgwIumk9bAAEJY2F0LzEuanBnY2F0MbNt85YYAgIEBASkgwIPzumtAAEJZG9nLzEuanBnZG9nMRmy"
        "OjUDBQAA"
    ),
}
