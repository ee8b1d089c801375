"""How the files of a kept build become parts of an entry, and parts become files again.

A large file is a part of its own, everything else goes into a few archives: so that all cores have something to do.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Callable, List, Tuple

    from provision.agent.wire.documents import Index
    from provision.agent.wire.kept import Piece

ALONE = 4 * 2**20
"""Bytes from which on a file is a part of its own: parts are packed and unpacked side by side."""
BLOCK = 2**20
INDEX = "index.json"
"""A line with the SHA-256 of the line after it, which is what is signed: a row per part, and folders."""
WORKERS = os.cpu_count() or 1
TAR = ("tar", "--use-compress-program=zstd -1", "--file=-")
# Past the page cache where the file system lets us: these are gigabytes, and have to be on the disk in the end.
UNPACK = 'zstd -dcq | dd of="$0" bs=4M iflag=fullblock oflag="$1" status=none'


def pump(source: IO[bytes], goal: IO[bytes], spend: Callable[[int], None] = lambda _: None) -> tuple[int, str]:
    """Copy a stream to its end; returns its size and SHA-256."""
    digest, size = hashlib.sha256(), 0
    for block in iter(lambda: source.read(BLOCK), b""):
        spend(len(block))
        digest.update(block)
        goal.write(block)
        size += len(block)
    return size, digest.hexdigest()


def index_of(entry: Path) -> Tuple[str, str]:
    """Return the digest and the text of an entry's index: nobody has vouched for it yet. Raises `OSError`."""
    digest, _, text = (entry / INDEX).read_text(encoding="ascii", errors="replace").partition("\n")
    if hashlib.sha256(text.encode()).hexdigest() != digest:
        raise OSError("its index is not what was written")
    return digest, text


def pieces_of(entry: Path) -> List[Piece]:
    """Return the files of an entry but for its signature, each by its SHA-256. Raises `OSError` and its like."""
    index: Index = json.loads(index_of(entry)[1])
    head = (entry / INDEX).read_bytes()
    pieces: List[Piece] = [{"file": INDEX, "size": len(head), "sha256": hashlib.sha256(head).hexdigest()}]
    # Of two parts that are the same, one is enough.
    found = {row["sha256"]: row["size"] for row in index["rows"]}
    for digest, size in found.items():
        pieces.append({"file": digest, "size": size, "sha256": digest})
    return pieces


def is_large_plain_file(path: str) -> bool:
    """Return whether a file is large, and all that is to know of it are its bytes, mode and time."""
    seen = os.lstat(path)
    return stat.S_ISREG(seen.st_mode) and seen.st_size >= ALONE and seen.st_nlink == 1


def split_for_workers(paths: list[str]) -> list[list[str]]:
    """Return sorted paths as lists for archives of their own; what has several names stays together, in the first."""
    linked = {path for path in paths if os.lstat(path).st_nlink > 1 and not Path(path).is_dir()}
    others = [path for path in paths if path not in linked]
    size = -(-len(others) // WORKERS) or 1
    first, *more = [others[start : start + size] for start in range(0, len(others), size)] or [[]]
    return [sorted([*linked, *first]), *more]


def takes_direct(path: str) -> bool:
    """Return whether an empty file can be made there for writing past the page cache."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_DIRECT))
    except OSError:
        return False
    return True
