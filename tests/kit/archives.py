"""Archives of all kinds to fetch: sound ones, and those that are to land where nobody wants them."""

from __future__ import annotations

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
