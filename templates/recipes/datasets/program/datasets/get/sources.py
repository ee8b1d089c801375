"""Where files come from: what a source says of a file, and its bytes from an offset on."""

from __future__ import annotations

import dataclasses
import json
import posixpath
import re
import urllib.parse
from typing import TYPE_CHECKING, Protocol

from datasets.messages import Failure, bad_input

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

BLOCK = 2**18
"""Bytes that are asked of a connection at once."""
PAGES = (".html", ".htm", ".xhtml")


@dataclasses.dataclass(frozen=True, kw_only=True)
class FileInfo:
    """What a source says of a file before it is fetched."""

    name: str
    """Where it goes below the data set's folder: a file name, or a path with slashes."""
    size: int | None
    """Bytes; None where the source does not say."""
    ranges: bool = True
    """Whether it gives bytes from the middle."""
    etag: str = ""
    modified: str = ""

    @property
    def state(self) -> list[object]:
        """What is another thing as soon as the file is another file."""
        return [self.name, self.size, self.etag, self.modified]


class SourceChanged(Exception):
    """The file at the source is not the one any more that was begun."""


class Transient(Exception):
    """What another try may mend. `after`: seconds that the server wants to be left alone."""

    def __init__(self, why: str, after: float = 0) -> None:
        super().__init__(why)
        self.after = after


class Source(Protocol):
    """One file somewhere."""

    address: str
    """For messages: no credentials and no signature in it."""
    info: FileInfo

    def read(self, start: int, end: int | None) -> Generator[bytes, None, None]:
        """Yield the bytes from `start` to `end`, or fewer. Raises `Transient`, `SourceChanged` and `Failure`."""
        ...


class Uploaded:
    """A file that has been uploaded already: its part is whole."""

    def __init__(self, journal: Path) -> None:
        about = json.loads(journal.read_text(encoding="utf-8").splitlines()[0])
        self.info = FileInfo(name=about[0], size=about[1], etag=about[2], modified=about[3])
        self.address = self.info.name

    def read(self, start: int, end: int | None) -> Generator[bytes, None, None]:
        """Have nothing that is not here."""
        raise Failure(f"{self.info.name} did not arrive whole: bytes {start} to {end} are missing", "send it again")


def redacted(url: str) -> str:
    """Return an address without what nobody else is to read: a password, a signature."""
    words = urllib.parse.urlsplit(url)
    return f"{words.scheme}://{words.netloc.rpartition('@')[2]}{words.path}"


def checked_name(name: str, address: str) -> str:
    """Return a name or path as it goes below a folder. Raises `Failure` for one that leads anywhere else."""
    words = [word for word in name.split("/") if word not in ("", ".")]
    if not words or ".." in words or name.startswith("/") or any(ord(c) < 32 for c in name):
        raise bad_input(f"{address}: {name!r} cannot be a file's name")
    return "/".join(words)


def file_name(given: str | None, *urls: str) -> str:
    """Return a file's name: the one that the server gives, else the first address' last word that looks like one."""
    if given and (base := posixpath.basename(given.replace("\\", "/"))):
        return checked_name(base, urls[0])
    words = [posixpath.basename(urllib.parse.unquote(urllib.parse.urlsplit(url).path)) for url in urls]
    words = [word for word in words if word not in ("", ".", "..")]
    return checked_name(next((word for word in words if "." in word), words[0] if words else "file"), urls[0])


def refuse_page(address: str, name: str, kind: str, begins: bytes) -> None:
    """Raise `Failure` where a web page came in place of a file: a login, a notice, an error that says "OK"."""
    if name.lower().endswith(PAGES):
        return
    text = begins.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if kind in ("text/html", "application/xhtml+xml") or text.startswith((b"<!doctype html", b"<html")):
        title = re.search(rb"<title[^>]*>\s*([^<]{1,80})", begins, re.IGNORECASE)
        words = f' ("{title[1].decode("utf-8", "replace").strip()}")' if title else ""
        hint = (
            "take the link of the file itself; one that wants a login takes --header 'Cookie: …' of a browser's session"
        )
        raise Failure(f"{address} answers a web page{words} instead of {name}: nothing was kept of it", hint)
